/** A whole published log: every checkpoint, tile and bundle is verified, and made again by the prover. */
import { parseCheckpoint } from '../../../audit/verify/checkpoint.ts'
import * as verifier from '../../../audit/verify/merkle.ts'
import { openNote, parseVerifierKey } from '../../../audit/verify/note.ts'
import { parseEntries, parseTile, resourcesOf, tileRoot } from '../../../audit/verify/tiles.ts'
import { hashLeaf } from '../../../storage/log/hashing.ts'
import { openNote as openStored } from '../../../storage/log/note.ts'
import { noteVerifier } from '../../../storage/log/note-keys.ts'
import { parseLogPath } from '../../../storage/log/tiles.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { parseVkey } from '../../../storage/log/vkey.ts'
import type { Cases } from '../result.ts'
import type { Vectors } from './main.ts'

export async function runLog(vectors: Vectors, cases: Cases): Promise<void> {
  const files = new Map<string, Buffer>(
    Object.entries<string>(vectors.files).map(([path, base64]) => [path, Buffer.from(base64, 'base64')]),
  )
  const checkpoints = [...files].filter(([path]) => /^checkpoint(\.\d+)?$/.test(path))
  const size = Math.max(...checkpoints.map(([, bytes]) => Number(bytes.toString().split('\n')[1])))
  const leaves = readLeaves(files, size, cases)
  const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
  const tiles = new Map<string, Uint8Array>()
  for (const tile of log.append(Buffer.concat(leaves.map(hashLeaf)))) {
    tiles.set(`${tile.level}/${tile.index}`, tile.hashes)
  }
  for (const [path, bytes] of checkpoints) await runCheckpoint(path, bytes, vectors.vkey, leaves, log, cases)
  for (const [path, bytes] of files) {
    if (path.startsWith('tile/entries/')) runBundle(path, bytes, leaves, cases)
    else if (path.startsWith('tile/')) await runTile(path, bytes, leaves, log, cases)
    else if (!path.startsWith('checkpoint')) {
      cases.run(path, expect => expect('resource of a log', path, 'a checkpoint, tile or bundle'))
    }
  }
}

/** All entries, from the bundles that a log of this size must serve. */
function readLeaves(files: ReadonlyMap<string, Buffer>, size: number, cases: Cases): Uint8Array[] {
  const leaves: Uint8Array[] = []
  cases.run(`entries of ${size} leaves`, expect => {
    for (const { path, width } of resourcesOf('entries', size)) {
      const bundle = files.get(path)
      expect(`${path} is there`, bundle !== undefined, true)
      leaves.push(...(parseEntries(bundle!, width) ?? []))
    }
    expect('entries', leaves.length, size)
  })
  return leaves
}

async function runCheckpoint(
  path: string,
  bytes: Buffer,
  vkey: string,
  leaves: readonly Uint8Array[],
  log: MerkleLog,
  cases: Cases,
): Promise<void> {
  await cases.runAsync(path, async expect => {
    const opened = openNote(bytes.toString(), [parseVerifierKey(vkey)!])
    expect('note', opened.ok || opened.code, true)
    expect('note by the signer', openStored(bytes.toString(), [noteVerifier(parseVkey(vkey)!)]).ok, true)
    if (!opened.ok) return
    const { size, root } = parseCheckpoint(opened.text)!
    const named = /\.(\d+)$/.exec(path)?.[1]
    if (named !== undefined) expect('size', size, Number(named))
    const hashes = leaves.map(verifier.leafHash)
    expect(
      'root by the verifier',
      Buffer.from(verifier.rootOfLeafHashes(hashes.slice(0, size))),
      Buffer.from(root),
    )
    expect('root by the prover', Buffer.from(await log.rootAt(size)), Buffer.from(root))
    if (size === 0) return
    const last = await log.rootAt(leaves.length)
    const path2 = await log.consistencyProof(size, leaves.length)
    expect(
      'consistent with the last',
      verifier.verifyConsistency(size, leaves.length, root, last, path2),
      true,
    )
    for (const index of [0, size >> 1, size - 1]) {
      const proof = await log.inclusionProof(index, size)
      expect(`leaf ${index}`, verifier.verifyInclusion(index, size, hashes[index]!, proof, root), true)
    }
  })
}

function runBundle(path: string, bytes: Buffer, leaves: readonly Uint8Array[], cases: Cases): void {
  cases.run(path, expect => {
    const resource = parseLogPath(path)
    if (resource?.kind !== 'entries') return expect('path', resource, 'entries')
    const entries = parseEntries(bytes, resource.width)
    const first = resource.index * 256
    const wanted = leaves.slice(first, first + resource.width).map(leaf => Buffer.from(leaf))
    expect(
      'entries',
      entries?.map(entry => Buffer.from(entry)),
      wanted,
    )
  })
}

async function runTile(
  path: string,
  bytes: Buffer,
  leaves: readonly Uint8Array[],
  log: MerkleLog,
  cases: Cases,
): Promise<void> {
  await cases.runAsync(path, async expect => {
    const resource = parseLogPath(path)
    if (resource?.kind !== 'tile') return expect('path', resource, 'a tile')
    const { level, index, width } = resource
    const served = await log.tile(level, index, width)
    expect('tile by the prover', served && Buffer.from(served), bytes)
    const perHash = 256 ** level
    const first = index * 256 * perHash
    const wanted = Array.from({ length: width }, (_, i) => {
      const below = leaves.slice(first + i * perHash, first + (i + 1) * perHash)
      return Buffer.from(tileRoot(below.map(verifier.leafHash)))
    })
    expect(
      'tile by the verifier',
      parseTile(bytes, width)?.map(hash => Buffer.from(hash)),
      wanted,
    )
  })
}
