import { hash } from 'node:crypto'
import { finalVerifier } from '../../../consensus/handover/final.ts'
import type { Network as HandoverNetwork } from '../../../consensus/handover/handovers.ts'
import { authorityOf } from '../../../consensus/handover/id.ts'
import type { AreaInfo } from '../../../daemon/gateway/router.ts'
import type { HostedAuthority } from '../../../daemon/hosting/opening.ts'
import { rulesHost } from '../../../daemon/hosting/rules-host.ts'
import type { SigningKey } from '../../../daemon/identity/signing-key.ts'
import type { RulesHost } from '../../../world/kinds.ts'
import { directoryOf } from './realm-directory.ts'
import { simKeyOf, verifySimSignature } from './sim-key.ts'

export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
const text = new TextEncoder()

export interface RealmPlan {
  readonly seed: number
  readonly nodes: number
  /** Each an area. */
  readonly groups: number
  readonly replicas: number
  /** The members vote on what they have executed, and give a view up that brings nothing on for so long. Default: no votes. */
  readonly progressMs?: number
  /** They show what they do to their members only. Gateways are shown it all the same here. */
  readonly isHidden?: boolean
  /** The areas lie side by side and their borders are open; everybody begins near one. */
  readonly crossing?: boolean | undefined
  /** The nodes hold a directory too: it anchors what they decide, gives them leases, and orders their members. With votes. */
  readonly directory?: boolean
}

export interface RealmNode {
  readonly number: number
  /** Its name in the simulation, which is its peer id too. */
  readonly name: string
  readonly identity: SigningKey
  readonly log: SigningKey
  readonly vote: SigningKey
}

/** What a genesis file would say, made from a seed: nodes with their keys, and areas with their members. */
export interface Realm {
  readonly genesisHash: Uint8Array
  readonly network: string
  readonly nodes: readonly RealmNode[]
  readonly areas: readonly AreaInfo[]
  readonly hosted: ReadonlyMap<number, HostedAuthority>
  /** Characters walk from area to area. */
  readonly crossing: boolean
  /** Among those that are hosted. */
  readonly directory: HostedAuthority | undefined
}

/** The simulator's wall clock begins here; so does tick 0. */
const CREATED_AT_MS = 1_767_225_600_000
/** Small, so that players meet and a state is quickly written. */
const SIDE_MM = 200_000
/** Of spawn points, from the next border. */
const NEAR_MM = 5_000
const RESOURCES = 30
const NPCS = 2

export const nameOf = (number: number): string => `n${number}`
export const numberOf = (name: string): number => Number(name.slice(1))

export function seededKey(seed: number, name: string): SigningKey {
  return simKeyOf(sha256(text.encode(`freehold simulation ${seed} ${name}`)))
}

export function foundRealm(plan: RealmPlan): Realm {
  const genesisHash = sha256(text.encode(`genesis ${JSON.stringify(plan)}`))
  const nodes = Array.from({ length: plan.nodes }, (_, i): RealmNode => {
    const number = i + 1
    const keyOf = (role: string): SigningKey => seededKey(plan.seed, `node ${number} ${role}`)
    const [identity, log, vote] = [keyOf('identity'), keyOf('log'), keyOf('vote')]
    return { number, name: nameOf(number), identity, log, vote }
  })
  const hosted = new Map<number, HostedAuthority>()
  const areas: AreaInfo[] = []
  for (let index = 0; index < plan.groups; index++) {
    const { info, authority } = areaOf(plan, index, genesisHash)
    areas.push(info)
    hosted.set(info.group, authority)
  }
  const directory = plan.directory ? directoryOf(plan, nodes, [...hosted.values()]) : undefined
  if (directory !== undefined) hosted.set(directory.identity.group, directory)
  return { genesisHash, network: 'sim', nodes, areas, hosted, crossing: plan.crossing === true, directory }
}

function areaOf(
  plan: RealmPlan,
  index: number,
  genesisHash: Uint8Array,
): { info: AreaInfo; authority: HostedAuthority } {
  const group = index + 1
  const name = `area/${index.toString(4).padStart(4, '0')}`
  const origin = `sim/${name}/0`
  const members = Array.from({ length: plan.replicas }, (_, i) => ((index + i) % plan.nodes) + 1)
  members.sort((a, b) => a - b)
  const place = { quadkey: name.slice(5), xMm: index * SIDE_MM, yMm: 0, sideMm: SIDE_MM }
  const middle = { xMm: place.xMm + SIDE_MM / 2, yMm: SIDE_MM / 2 }
  const charter = {
    kind: 'area' as const,
    name,
    ...place,
    spawns: plan.crossing ? [nearBorder(place, NEAR_MM), nearBorder(place, SIDE_MM - NEAR_MM)] : [middle],
    ...(plan.crossing && { borders: 'open' as const }),
    seed: plan.seed >>> 0,
    resourceCount: RESOURCES,
    npcCount: NPCS,
    capacity: 200,
  }
  const identity = {
    genesisHash,
    origin,
    isHidden: plan.isHidden === true,
    group,
    epoch: 1,
    view: 0,
    members,
    charterBody: text.encode(`charter of ${origin}`),
    rulesVersion: 1,
    tickMs: 100,
    createdAtMs: CREATED_AT_MS,
  }
  return {
    info: { name, origin, group, ...place, members, epoch: 1, founders: members, borders: charter.borders },
    authority: { name, identity, charter },
  }
}

function nearBorder({ xMm, yMm }: { xMm: number; yMm: number }, alongMm: number) {
  return { xMm: xMm + alongMm, yMm: yMm + SIDE_MM / 2 }
}

/** What proves one area's words to another. */
export function handoversOf({ nodes, hosted }: Pick<Realm, 'nodes' | 'hosted'>): HandoverNetwork {
  const founded = new Map(
    [...hosted.values()].map(({ identity: { origin, epoch, members } }) => {
      const voters = members.map(node => ({ node, key: nodes[node - 1]!.vote.publicKey }))
      return [authorityOf(origin), { epoch, members: voters }]
    }),
  )
  return { verify: finalVerifier(authority => founded.get(authority), verifySimSignature) }
}

export function worldHostOf(origin: string, handovers?: HandoverNetwork): RulesHost {
  return rulesHost(origin, sha256, verifySimSignature, handovers)
}
