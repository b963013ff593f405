import type { AreaInfo, AuthorityInfo } from '../../../daemon/gateway/router.ts'
import type { HostedAuthority } from '../../../daemon/hosting/opening.ts'
import { NodeBook } from '../../../daemon/nodes/book.ts'
import type { NodeRecord } from '../../../daemon/nodes/record.ts'
import { endorsementMessage, sortedByKey } from '../../../world/directory/charter.ts'
import type { Charter } from '../../../world/kinds.ts'
import { type RealmNode, type RealmPlan, seededKey } from './realm.ts'

const NAME = 'directory'

/** What a genesis file would say of the directory. */
export function directoryOf(
  plan: RealmPlan,
  nodes: readonly RealmNode[],
  areas: readonly HostedAuthority[],
): HostedAuthority {
  const group = plan.groups + 1
  const origin = `sim/${NAME}/0`
  const members = Array.from({ length: plan.replicas }, (_, i) => ((plan.groups + i) % plan.nodes) + 1)
  members.sort((a, b) => a - b)
  const { identity } = areas[0]!
  const born = { birth: 0, epoch: 1 }
  const charter: Charter = {
    ...{ kind: 'directory', network: 'sim', tickMs: identity.tickMs },
    policy: {
      ...{ admission: 'open', replicas: plan.replicas, observers: 0, trustS: 60 },
      ...{ seed: 1, resourceCount: 1, npcCount: 1, capacity: 100 },
    },
    nodes: nodes.map(node => ({ number: node.number, ...factsOf(node) })),
    authorities: [
      ...areas.map(({ name, charter: area, identity: { group: of, members: founders } }) => {
        if (area.kind === 'directory') throw new TypeError(`${name} is a directory`)
        return { group: of, kind: 'area' as const, name, ...born, members: founders, area }
      }),
      { group, kind: 'directory' as const, name: NAME, ...born, members, area: undefined },
    ],
    operators: sortedByKey([{ name: 'op', key: seededKey(plan.seed, 'operator').publicKey }]),
    recovery: { keys: [seededKey(plan.seed, 'recovery').publicKey], threshold: 1 },
  }
  const charterBody = new TextEncoder().encode(`charter of ${origin}`)
  return { name: NAME, identity: { ...identity, origin, group, members, charterBody }, charter }
}

export function infoOf({ name, identity }: HostedAuthority): AuthorityInfo {
  const { origin, group, members, epoch } = identity
  return { name, origin, group, members, epoch, founders: members }
}

/** Each node has an operator of its own. */
function factsOf({ number, identity, vote, log }: RealmNode) {
  const facts = {
    ...{ identity: identity.publicKey, vote: vote.publicKey, cosign: log.publicKey, log: log.publicKey },
    ...{ operator: `op ${number}`, addresses: [`/ip4/10.0.0.${number}/tcp/7777`] },
    endorsement: new Uint8Array(64),
  }
  return { ...facts, endorsement: identity.sign(endorsementMessage('sim', facts)) }
}

/** As a node has it from the genesis file. */
export function bookOf(nodes: readonly RealmNode[], self: string): NodeBook {
  const records = nodes.map((node): NodeRecord => {
    const { operator, addresses, identity, vote, cosign, log } = factsOf(node)
    const keys = { identity, vote, cosign, log }
    return { number: node.number, peerId: node.name, operator, addresses, keys, status: 'active' }
  })
  return new NodeBook(self, records)
}

/** Whatever can be voted on. */
export function authoritiesIn({
  areas,
  directory,
}: {
  readonly areas: readonly AreaInfo[]
  readonly directory: HostedAuthority | undefined
}): readonly AuthorityInfo[] {
  return directory === undefined ? areas : [...areas, infoOf(directory)]
}
