/** RFC 6962 hashes, inclusion and consistency: the prover's tree and the independent verifier. */
import * as verifier from '../../../audit/verify/merkle.ts'
import { emptyRoot, hashChildren, hashLeaf } from '../../../storage/log/hashing.ts'
import { consistencyRanges, inclusionRanges, MerkleLog } from '../../../storage/log/tree.ts'
import type { Cases } from '../result.ts'
import type { Vectors } from './main.ts'

const fromBase64 = (text: string) => Buffer.from(text, 'base64')

export function runInclusion(vectors: Vectors, cases: Cases): void {
  const { leafIdx, treeSize, root, leafHash, proof, desc, wantErr } = vectors
  cases.run(desc ?? 'inclusion', expect => {
    const path = (proof ?? []).map(fromBase64)
    const accepted = verifier.verifyInclusion(leafIdx, treeSize, fromBase64(leafHash), path, fromBase64(root))
    expect('accepted', accepted, !wantErr)
    if (!wantErr)
      expect('hashes that the prover would send', inclusionRanges(leafIdx, treeSize).length, path.length)
  })
}

export function runConsistency(vectors: Vectors, cases: Cases): void {
  const { size1, size2, root1, root2, proof, desc, wantErr } = vectors
  cases.run(desc ?? 'consistency', expect => {
    const path = (proof ?? []).map(fromBase64)
    const accepted = verifier.verifyConsistency(size1, size2, fromBase64(root1), fromBase64(root2), path)
    expect('accepted', accepted, !wantErr)
    if (!wantErr)
      expect('hashes that the prover would send', consistencyRanges(size1, size2).length, path.length)
  })
}

export async function runTrees(vectors: Vectors, cases: Cases): Promise<void> {
  const encoding = vectors.encoding ?? 'hex'
  const decode = (text: string) => Buffer.from(text, encoding)
  const inputs: Buffer[] = vectors.leafInputs.map(decode)
  const roots: Buffer[] = vectors.rootsBySize.map(decode)
  if (vectors.emptyRoot !== undefined) {
    cases.run('empty root', expect => {
      expect('prover', emptyRoot, decode(vectors.emptyRoot))
      expect('verifier', verifier.rootOfLeafHashes([]), decode(vectors.emptyRoot))
    })
  }
  if (vectors.nodeHashesFlat) runNodes(inputs, vectors.nodeHashesFlat.map(decode), cases)
  const log = new MerkleLog(async () => undefined)
  log.append(Buffer.concat(inputs.map(hashLeaf)))
  for (const [size, root] of roots.entries()) {
    await cases.runAsync(`root of ${size} leaves`, async expect => {
      expect('prover', await log.rootAt(size), root)
      expect('verifier', verifier.rootOfLeafHashes(inputs.slice(0, size).map(verifier.leafHash)), root)
      const grown = new MerkleLog(async () => undefined)
      for (const input of inputs.slice(0, size)) grown.append(hashLeaf(input))
      expect('prover, leaf by leaf', grown.root(), root)
    })
    await cases.runAsync(`proofs of ${size} leaves`, async expect => {
      for (let index = 0; index < size; index++) {
        const proof = await log.inclusionProof(index, size)
        const included = verifier.verifyInclusion(index, size, verifier.leafHash(inputs[index]!), proof, root)
        expect(`leaf ${index} included`, included, true)
        const path = await log.consistencyProof(index + 1, size)
        const consistent = verifier.verifyConsistency(index + 1, size, roots[index + 1]!, root, path)
        expect(`consistent with ${index + 1}`, consistent, true)
      }
    })
  }
}

/** All complete nodes, level by level from the leaves up. */
function runNodes(inputs: readonly Buffer[], wanted: readonly Buffer[], cases: Cases): void {
  let proven = inputs.map(hashLeaf)
  let verified = inputs.map(verifier.leafHash)
  let at = 0
  for (let level = 0; proven.length > 0; level++) {
    cases.run(`node hashes of level ${level}`, expect => {
      expect('prover', proven.map(hex), wanted.slice(at, at + proven.length).map(hex))
      expect('verifier', verified.map(hex), wanted.slice(at, at + proven.length).map(hex))
    })
    at += proven.length
    proven = pairs(proven, hashChildren)
    verified = pairs(verified, verifier.nodeHash)
  }
  cases.run('number of node hashes', expect => expect('nodes', at, wanted.length))
}

function pairs(
  hashes: readonly Uint8Array[],
  parent: (a: Uint8Array, b: Uint8Array) => Uint8Array,
): Uint8Array[] {
  return Array.from({ length: hashes.length >> 1 }, (_, i) => parent(hashes[i * 2]!, hashes[i * 2 + 1]!))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
