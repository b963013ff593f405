/** C2SP tlog-tiles paths and tlog-proof texts. */
import { createHash } from 'node:crypto'
import * as verifierTiles from '../../../audit/verify/tiles.ts'
import { parseTlogProof as parseByVerifier } from '../../../audit/verify/tlog-proof.ts'
import {
  bundleOfLeaf,
  entriesPath,
  parseLogPath,
  tilePath,
  tilesOfGrowth,
  tilesOfLevel,
} from '../../../storage/log/tiles.ts'
import { formatTlogProof, parseTlogProof } from '../../../storage/log/tlog-proof.ts'
import type { Cases } from '../result.ts'
import type { Vectors } from './main.ts'

export function runTilePaths(vectors: Vectors, cases: Cases): void {
  for (const { level, index, partial, path } of vectors.tile ?? []) {
    const width = partial === 0 ? 256 : partial
    cases.run(path, expect => {
      expect('path', tilePath(level, index, width), path)
      expect('path by the verifier', verifierTiles.resourcePath(level, index, width), path)
      expect('read', parseLogPath(path), { kind: 'tile', level, index, width })
    })
  }
  for (const { leaf, treeSize, path } of vectors.entries ?? []) {
    cases.run(`leaf ${leaf} of ${treeSize}`, expect => {
      const { index, width } = bundleOfLeaf(leaf, treeSize)
      expect('path', entriesPath(index, width), path)
      expect('path by the verifier', verifierTiles.resourcePath('entries', index, width), path)
      expect('read', parseLogPath(path), { kind: 'entries', index, width })
    })
  }
  for (const suffix of vectors.badSuffix ?? []) {
    cases.run(`bad suffix ${suffix}`, expect => {
      expect('as a tile', parseLogPath(`tile/0/${suffix}`), undefined)
      expect('as entries', parseLogPath(`tile/entries/${suffix}`), undefined)
    })
  }
  for (const { treeSize, ...wanted } of vectors.sizes ?? []) {
    cases.run(`tiles of ${treeSize} leaves`, expect => {
      for (const [name, count] of Object.entries(wanted)) {
        const [, part, level] = /^(full|partial)(\d+)$/.exec(name)!
        const { full, partialWidth } = tilesOfLevel(treeSize, Number(level))
        expect(name, part === 'full' ? full : partialWidth, count)
      }
    })
  }
  for (const [field, growths] of Object.entries(vectors)) {
    const height = /^newTilesH(\d+)$/.exec(field)?.[1]
    if (height === undefined) continue
    for (const { old, size, count } of growths as Vectors[]) {
      cases.run(`new tiles of height ${height} from ${old} to ${size}`, expect => {
        expect('count', tilesOfGrowth(old, size, Number(height)).length, count)
      })
    }
  }
}

export function runTlogProof(vectors: Vectors, cases: Cases): void {
  for (const { index, hashInputs, checkpoint, extra, text } of vectors.marshal ?? []) {
    cases.run(`proof of ${index}`, expect => {
      const proof = (hashInputs as string[]).map(input => createHash('sha256').update(input).digest())
      const parts = { extra: extra === undefined ? undefined : Buffer.from(extra), index, proof, checkpoint }
      const written = formatTlogProof(parts)
      if (text !== undefined) expect('text', written, text)
      expect('read', plain(parseTlogProof(written)), plain(parts))
      expect('read by the verifier', plain(parseByVerifier(written)), plain(parts))
    })
  }
  for (const text of vectors.malformed ?? []) {
    cases.run(`malformed ${JSON.stringify(text)}`, expect => {
      expect('read', parseTlogProof(text), undefined)
      expect('read by the verifier', parseByVerifier(text), undefined)
    })
  }
}

function plain(proof: Vectors): unknown {
  if (!proof) return proof
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')
  return {
    index: proof.index,
    extra: hex(proof.extra),
    proof: proof.proof.map(hex),
    checkpoint: proof.checkpoint,
  }
}
