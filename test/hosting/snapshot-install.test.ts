import assert from 'node:assert/strict'
import { Download } from '../../daemon/hosting/snapshot-download.ts'
import { installOps } from '../../daemon/hosting/snapshot-install.ts'
import type { ProvenManifest } from '../../daemon/hosting/snapshot-proof.ts'
import { leafBundleOp } from '../../storage/log/bodies-here.ts'
import { leafDataBytes, leafDataHashes } from '../../storage/log/record.ts'
import { subtreeProof } from '../../storage/log/subtree.ts'
import { MerkleLog, tileWidth } from '../../storage/log/tree.ts'
import { decodeManifest } from '../../storage/snapshot/manifest.ts'
import { writeSnapshot } from '../../storage/snapshot/snapshot.ts'
import { StateTree } from '../../storage/state/state-tree.ts'
import type { StoreOp } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const GROUP = 1
const PEER = 'n2'
const FINAL = 700
const LAST_SEAL = 400

const dataOf = (from: number, to: number): Uint8Array => {
  const data = new Uint8Array((to - from) * leafDataBytes)
  for (let leaf = from; leaf < to; leaf++) data.fill(1 + (leaf % 250), (leaf - from) * leafDataBytes)
  return data
}

describe('a state that is taken over', () => {
  const tiles = new Map<string, Uint8Array>()
  const log = new MerkleLog(async (level, index) => tiles.get(`${level}/${index}`))
  let store: MemoryStore

  before(() => {
    for (const { level, index, hashes } of log.append(leafDataHashes(dataOf(0, FINAL))))
      tiles.set(`${level}/${index}`, hashes)
  })

  beforeEach(() => {
    store = new MemoryStore()
  })

  const write = (ops: readonly StoreOp[]): Promise<void> =>
    new Promise(resolve => store.write(ops, { sync: false }, () => resolve()))

  /** All pieces of the state at `size` that this disk needs, from an honest peer; bundles that it has count as fetched. */
  async function fetched(size: number, bundles: ReadonlyMap<number, Uint8Array>): Promise<Download> {
    for (const [bundle, data] of bundles) await write([leafBundleOp(GROUP, bundle, data)])
    const tree = new StateTree()
    tree.set(new Uint8Array(32).fill(7), new Uint8Array(3))
    const { manifest: bytes, chunks } = writeSnapshot(tree, new Uint8Array(0))
    const lastSeal = { size: LAST_SEAL, root: await log.rootAt(LAST_SEAL) }
    const proven = { bytes, manifest: decodeManifest(bytes)!, info: { size, lastSeal } }
    const final = { size: FINAL, root: log.root() }
    const wanted = { origin: 'o', size, index: undefined, membersIn: () => undefined, final }
    const download = new Download(GROUP, wanted, proven as unknown as ProvenManifest, 0, piece =>
      piece.kind === 'leaves' ? bundles.has(piece.subtree.first / tileWidth) : false,
    )
    for (let piece = download.next(PEER); piece !== undefined; piece = download.next(PEER)) {
      const reply = { code: '', leaf: 0, data: undefined, proof: undefined, record: undefined }
      const arrival =
        piece.kind === 'chunk'
          ? download.arrived(PEER, { ...reply, data: chunks[piece.number] })
          : download.arrived(PEER, {
              ...reply,
              data: dataOf(piece.subtree.first, piece.subtree.first + 2 ** piece.subtree.height),
              proof: await subtreeProof(log, piece.subtree, FINAL),
            })
      assert.ok(arrival.ok)
      await write(arrival.ops)
    }
    return download
  }

  const install = async (size: number, bundles: ReadonlyMap<number, Uint8Array>) =>
    await installOps({ group: GROUP, store, write }, await fetched(size, bundles), 0)

  for (const size of [512, 513, 600]) {
    it(`goes on from pieces that were here already, to ${size} leaves`, async () => {
      const own = new Map([
        [0, dataOf(0, 256)],
        [1, dataOf(256, 512)],
      ])
      assert.notEqual(typeof (await install(size, own)), 'string')
      assert.notEqual(typeof (await install(size, new Map())), 'string')
    })
  }

  it('is refused where a piece that was here is of another log, also behind the seal before it', async () => {
    for (const wrong of [10, LAST_SEAL + 50]) {
      const data = dataOf(0, 512)
      data[wrong * leafDataBytes + 20]! ^= 1
      const own = new Map([
        [0, data.slice(0, 256 * leafDataBytes)],
        [1, data.slice(256 * leafDataBytes)],
      ])
      assert.equal(await install(600, own), 'other-log', `leaf ${wrong}`)
    }
  })

  it('has its last whole piece fetched again: nothing behind would show that it is of another log', async () => {
    const data = dataOf(256, 512)
    data[(LAST_SEAL + 50 - 256) * leafDataBytes + 20]! ^= 1
    assert.notEqual(typeof (await install(512, new Map([[1, data]]))), 'string')
    const [bundle] = await store.getMany([leafBundleOp(GROUP, 1, data).key])
    assert.deepEqual(bundle, leafBundleOp(GROUP, 1, dataOf(256, 512)).value)
  })
})
