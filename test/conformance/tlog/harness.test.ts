import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatCheckpoint } from '../../../storage/log/checkpoint.ts'
import { hashLeaf } from '../../../storage/log/hashing.ts'
import { signNote } from '../../../storage/log/note.ts'
import { ed25519FromSeed, ed25519Signer, ed25519Vkey } from '../../../storage/log/note-keys.ts'
import { tilePath, tilesOfGrowth } from '../../../storage/log/tiles.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { formatVkey } from '../../../storage/log/vkey.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

/** A log of our own in the form of the published one: two checkpoints, all tiles and bundles. */
async function ownLog(): Promise<{ vkey: string; files: Record<string, string> }> {
  const key = ed25519FromSeed(createHash('sha256').update('log').digest())
  const tiles = new Map<string, Uint8Array>()
  const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
  const files: Record<string, string> = {}
  const entries = Array.from({ length: 600 }, (_, i) => Buffer.from(`entry ${i}`))
  let before = 0
  for (const size of [300, 600]) {
    for (const tile of log.append(Buffer.concat(entries.slice(before, size).map(hashLeaf)))) {
      tiles.set(`${tile.level}/${tile.index}`, tile.hashes)
    }
    for (const { level, index, width } of tilesOfGrowth(before, size)) {
      files[tilePath(level, index, width)] = base64((await log.tile(level, index, width))!)
      if (level > 0) continue
      const bundle = entries
        .slice(index * 256, index * 256 + width)
        .map(entry => [Buffer.from([0, entry.length]), entry])
      files[tilePath(0, index, width).replace('tile/0', 'tile/entries')] = base64(
        Buffer.concat(bundle.flat()),
      )
    }
    const text = formatCheckpoint({ origin: 'own', size, root: log.root(), extensions: [] })
    files[`checkpoint.${size}`] = base64(Buffer.from(signNote(text, [ed25519Signer('own', key)])))
    before = size
  }
  return { vkey: formatVkey(ed25519Vkey('own', key)), files }
}

const stateVectors = {
  treehash: [{ kv: [], hash: createHash('sha256').digest('hex') }],
  verify: [{ snap: '00'.repeat(32), key: '00', val: null, proof: '', ok: false, why: 'not the empty root' }],
}

describe('the conformance command', function () {
  this.timeout(20_000)
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'freehold-vectors-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  async function put(name: string, content: unknown): Promise<void> {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), JSON.stringify(content))
  }

  it('knows files by what they hold, whatever they are called, in the folder or above it', async () => {
    await put('tlog/deep/any-name.json', stateVectors)
    await put('tlog/a log.json', await ownLog())
    for (const args of [folder, join(folder, 'tlog')]) {
      const { code, out } = run(args)
      assert.match(out, /any-name\.json 2\/2\n/)
      assert.match(out, /a log\.json (\d+)\/\1\n/)
      assert.equal(code, 0)
    }
  })

  it('exits 1 and shows the first difference when a vector is missed', async () => {
    await put('tlog/state.json', {
      ...stateVectors,
      treehash: [{ kv: [['00', '00']], hash: 'ab'.repeat(32) }],
    })
    const { code, out } = run(folder)
    assert.equal(code, 1)
    assert.match(out, /state\.json 1\/2\n {2}tree 0 of 1 keys: root: wanted "abab/)
  })

  it('notices one changed byte anywhere in a log', async () => {
    const log = await ownLog()
    for (const path of ['checkpoint.300', 'tile/0/000', 'tile/1/000.p/2', 'tile/entries/002.p/88']) {
      const bytes = Buffer.from(log.files[path]!, 'base64')
      bytes[bytes.length >> 1]! ^= 1
      await put('tlog/log.json', { ...log, files: { ...log.files, [path]: base64(bytes) } })
      assert.equal(run(folder).code, 1, path)
    }
  })

  it('does not pass over a file that it does not understand', async () => {
    await put('tlog/new-kind.json', { unheardOf: [] })
    const { code, out } = run(folder)
    assert.equal(code, 1)
    assert.match(out, /new-kind\.json 0\/1/)
  })

  it('exits 2 when there is nothing to run', async () => {
    for (const args of [[], [join(folder, 'none')], [folder], [folder, folder]]) {
      const { code, out, err } = run(...args)
      assert.deepEqual([code, out], [2, ''])
      assert.notEqual(err, '')
    }
  })
})
