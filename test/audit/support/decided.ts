import { signBatch } from '../../../consensus/finality/batcher.ts'
import { encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { genesisHash, type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { type Statement, statementKind } from '../../../consensus/finality/statement.ts'
import type { AppliedSeal, Replica } from '../../../daemon/authority/replica.ts'
import { memberCosigner } from '../../../daemon/hosting/finality/cosigners.ts'
import type { PublishedLog } from '../../../daemon/hosting/log-view.ts'
import type { NodeKeys } from '../../../daemon/identity/node-keys.ts'
import { cosignatureMessage, formatTimestamped } from '../../../storage/log/cosignature.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { foundTown, newReplica, playTown, type Served, sha256, type Town } from './log.ts'

/** The seal that a town's members vote on for what a replica has sealed last. */
export function decidedSeal(town: Town, { seal, size, root }: AppliedSeal, change: Partial<Seal> = {}): Seal {
  const { epoch } = town.identity
  return {
    ...{ authority: sha256(Buffer.from(town.origin)), epoch, height: seal.height, previous: genesisHash },
    ...{ size, root, stateRoot: seal.stateRoot, tick: seal.tick, timeMs: seal.timeMs },
    ...{ nextEpoch: epoch, nextMembers: [], ...change },
  }
}

/** A certificate as the members' own code makes it, each vote beside others of the same cycle. */
export function certify(
  seal: Seal,
  members: readonly { readonly node: number; readonly keys: NodeKeys }[],
  { view = 0, epoch = seal.epoch, signers = quorumSize(members.length) } = {},
): Uint8Array {
  const ballot = { view, height: seal.height, hash: sealHash(seal) }
  const vote: Statement = { kind: statementKind.vote2, authority: seal.authority, epoch, ballot }
  const votes = members.slice(0, signers).map(({ node, keys }, i) => {
    const others = Array.from({ length: 2 + i }, (_, at): Statement => {
      return { ...vote, authority: sha256(Uint8Array.of(at)) }
    })
    const items = [...others, vote].map(statement => ({ group: 1, statement, peers: [] }))
    return signBatch(node, items, message => keys.vote.sign(message)).signatures.at(-1)!
  })
  return encodeQuorum({ kind: 2, seal, epoch, view, votes })
}

/** The town's founders, who are its members in the first epoch. */
export function founders(town: Town): { readonly node: number; readonly keys: NodeKeys }[] {
  return town.identity.members.map(node => ({ node, keys: town.nodes[node - 1]! }))
}

export function certifyLast(town: Town, replica: Replica): Uint8Array {
  return certify(decidedSeal(town, replica.lastSeal!), founders(town))
}

/** As a member cosigns a checkpoint, a second after the epoch. */
export function cosign(town: Town, published: PublishedLog, node: number): void {
  const { cosign } = town.nodes[node - 1]!
  const { name, keyId } = memberCosigner('town', node, cosign.publicKey)
  const { size, note } = published.signed()!
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  const signature = cosign.sign(cosignatureMessage(1, text))
  published.cosigned(size, { name, keyId, signature: formatTimestamped({ timestampSeconds: 1, signature }) })
}

export interface DecidedTown {
  readonly town: Town
  readonly records: readonly LogRecord[]
  /** It has applied them all. */
  readonly replica: Replica
  /** The founders', of the last seal. */
  readonly certificate: Uint8Array
}

/** A town after so many records or a few more, all of them decided. */
export function decidedTown(records = 300): DecidedTown {
  const town = foundTown()
  const played = playTown(town, records)
  const replica = newReplica(town)
  replica.applyRecords(played, [])
  return { town, records: played, replica, certificate: certifyLast(town, replica) }
}

/** The same log on a node whose members have decided it; `change` says other answers of its API. */
export function decidedOn(
  served: Served,
  certificate: Uint8Array,
  change: Readonly<Record<string, (query: URLSearchParams) => Uint8Array | undefined>> = {},
): Served {
  const answers: Record<string, (query: URLSearchParams) => unknown> = {
    certificate: () => certificate,
    activations: () => '{"activations":[]}',
    proof: query => served.published.proof(Number(query.get('leaf'))),
    ...change,
  }
  return {
    published: served.published,
    store: served.store,
    async read(path) {
      const [, name, query] = /^api\/v1\/([a-z-]+)\?(.*)$/.exec(path) ?? []
      if (name === undefined) return served.read(path)
      const answer = await answers[name]!(new URLSearchParams(query))
      return typeof answer === 'string' ? Buffer.from(answer) : (answer as Uint8Array | undefined)
    },
  }
}
