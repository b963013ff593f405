/** The state tree's roots and proofs, by the tree that the daemon keeps and by the independent verifier. */
import * as verifier from '../../../audit/verify/state.ts'
import { encodeStateProof, verifyStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import type { Cases } from '../result.ts'
import type { Vectors } from './main.ts'

const fromHex = (text: string) => Buffer.from(text, 'hex')

export function runPatricia(vectors: Vectors, cases: Cases): void {
  for (const [i, { kv, hash }] of (vectors.treehash ?? []).entries()) {
    cases.run(`tree ${i} of ${kv.length} keys`, expect => {
      const entries = (kv as [string, string][]).map(([key, value]) => ({
        key: fromHex(key),
        value: fromHex(value),
      }))
      for (const order of [entries, entries.toReversed()]) {
        const tree = new StateTree()
        for (const { key, value } of order) tree.set(key, value)
        expect('root', Buffer.from(tree.root()), fromHex(hash))
        for (const { key, value } of order) {
          const proof = encodeStateProof(tree.proof(key))
          expect('own proof accepted', verifyStateProof(tree.root(), key, value, proof), true)
          expect(
            'own proof accepted by the verifier',
            verifier.verifyState(tree.root(), key, value, proof),
            true,
          )
        }
      }
      expect('root by the verifier', Buffer.from(verifier.stateRoot(entries)!), fromHex(hash))
    })
  }
  for (const { snap, key, val, proof, ok, why } of vectors.verify ?? []) {
    cases.run(`proof: ${why}`, expect => {
      const value = val === null ? undefined : fromHex(val)
      const parts = [fromHex(snap), fromHex(key), value, fromHex(proof)] as const
      expect('accepted', verifyStateProof(...parts), ok)
      expect('accepted by the verifier', verifier.verifyState(...parts), ok)
    })
  }
}
