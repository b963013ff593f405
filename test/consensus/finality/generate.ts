import fc from 'fast-check'
import { BatchTree } from '../../../consensus/finality/batch-tree.ts'
import { signBatch } from '../../../consensus/finality/batcher.ts'
import type { Quorum } from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import type { Signature, Signed } from '../../../consensus/finality/signed.ts'
import type { Statement } from '../../../consensus/finality/statement.ts'
import { sha256 } from '../../../storage/sha256.ts'
import { Keys } from '../../../testnet/simulation/finality/keys.ts'

export const keys = new Keys()

export function members(count: number): Voter[] {
  return Array.from({ length: count }, (_, i) => ({ node: i + 1, key: keys.publicKey(i + 1) }))
}

export const authority = sha256(Buffer.from('test/area/0'))

export function seal(height: number, previous: Uint8Array, change: Partial<Seal> = {}): Seal {
  const unique = sha256(Buffer.from(`seal ${height}`))
  return {
    ...{ authority, epoch: 0, height, previous, size: 10 * height, root: unique, stateRoot: sha256(unique) },
    ...{ tick: height, timeMs: 1000 * height, nextEpoch: 0, nextMembers: [], ...change },
  }
}

/** A statement as `node` signs it, beside others of the same cycle. */
export function sign<S extends Statement>(
  node: number,
  statement: S,
  others: readonly Statement[] = [],
): Signed<S> {
  const items = [statement, ...others].map(one => ({ group: 1, statement: one, peers: [] }))
  const { signatures } = signBatch(node, items, keys.signer(node))
  return { statement, by: signatures[0]! }
}

export function quorum(kind: 1 | 2, of: Seal, count: number, view = 0, epoch = of.epoch): Quorum {
  const ballot = { view, height: of.height, hash: sealHash(of) }
  const statement: Statement = { kind, authority: of.authority, epoch, ballot }
  const votes = members(count)
    .slice(0, quorumSize(count))
    .map(({ node }) => sign(node, statement).by)
  return { kind, seal: of, epoch, view, votes }
}

/** Plain objects, as the parsers make them. */
export function record<T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(shape, { noNullPrototype: true })
}

export const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u32 = fc.nat(2 ** 31 - 1)
const u64 = fc.nat(Number.MAX_SAFE_INTEGER)
const ballot = record({ view: fc.nat(1000), height: u64, hash: hash32 })

export const anyStatement: fc.Arbitrary<Statement> = fc.oneof(
  record({ kind: fc.constantFrom(1 as const, 2 as const), authority: hash32, epoch: u32, ballot }),
  record({
    kind: fc.constantFrom(3 as const, 4 as const),
    ...{ authority: hash32, epoch: u32, view: fc.integer({ min: 1001, max: 2 ** 31 }), ballot },
  }),
  record({
    ...{
      kind: fc.constant(5 as const),
      authority: hash32,
      epoch: u32,
      view: u32,
      term: u64,
      leaf: u64,
      hash: hash32,
    },
  }),
)

const anySignature: fc.Arbitrary<Signature> = record({
  signer: u32,
  others: fc.array(hash32, { maxLength: 20 }),
  leaf: hash32,
}).map(({ signer, others, leaf }) => {
  const tree = new BatchTree([leaf, ...others])
  const signature = new Uint8Array(64).fill(7)
  return { signer, index: 0, count: others.length + 1, path: tree.path(0), signature }
})

export const anySigned: fc.Arbitrary<Signed> = record({ statement: anyStatement, by: anySignature })

export const anySeal: fc.Arbitrary<Seal> = record({
  ...{ authority: hash32, epoch: u32, height: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) },
  ...{ previous: hash32, size: u64, root: hash32, stateRoot: hash32, tick: u64, timeMs: u64 },
  nodes: fc.uniqueArray(u32, { maxLength: 7 }),
}).map(({ nodes, ...rest }) => ({
  ...rest,
  nextEpoch: rest.epoch + (nodes.length > 0 ? 1 : 0),
  nextMembers: nodes.sort((a, b) => a - b).map(node => ({ node, key: sha256(Buffer.from(`${node}`)) })),
}))

export const anyQuorum: fc.Arbitrary<Quorum> = record({
  ...{ kind: fc.constantFrom(1 as const, 2 as const), seal: anySeal, later: fc.nat(3), view: fc.nat(1000) },
  votes: fc.uniqueArray(anySignature, { maxLength: 7, selector: by => by.signer }),
}).map(({ kind, seal: of, later, view, votes }) => ({
  ...{ kind, seal: of, epoch: of.epoch + later, view },
  votes: votes.sort((a, b) => a.signer - b.signer),
}))
