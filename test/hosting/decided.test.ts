import assert from 'node:assert/strict'
import { Decided } from '../../daemon/hosting/decided.ts'
import { PublishedLog } from '../../daemon/hosting/log-view.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const leaves = (count: number): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(i))))
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

describe('what strangers are shown of a log', () => {
  const signer = { name: 'sea/area/0/0', keyId: 1, sign: () => new Uint8Array(64) }
  let log: MerkleLog
  let published: PublishedLog
  let decided: Decided
  let withheld: number
  let syncs: (() => void)[]
  let shown: number[]
  let signs: boolean
  const certificate = new Uint8Array()

  beforeEach(() => {
    log = new MerkleLog(async () => undefined)
    const reader = new LogReader(new MemoryStore(), 1)
    published = new PublishedLog(signer.name, log, reader, signer, new Uint8Array())
    withheld = 0
    syncs = []
    shown = []
    signs = true
    decided = new Decided({
      ...{ log, published, sync: done => syncs.push(done), count: () => withheld++ },
      maySign: () => signs,
      shown: ({ size }) => shown.push(size),
    })
  })

  const rootOf = (count: number): Uint8Array => {
    const other = new MerkleLog(async () => undefined)
    other.append(leaves(count))
    return other.root()
  }

  async function written(): Promise<void> {
    await turn()
    for (const done of syncs.splice(0)) done()
  }

  it('is what was decided, also when the replica has gone on since, and once it is on the disk', async () => {
    log.append(leaves(9))
    decided.final({ size: 5, root: rootOf(5), certificate })
    await turn()
    assert.equal(published.size, 0)
    await written()
    assert.deepEqual([published.size, shown], [5, [5]])
  })

  it('waits for a replica that is behind', async () => {
    log.append(leaves(4))
    decided.final({ size: 6, root: rootOf(6), certificate })
    await written()
    assert.equal(published.size, 0)
    log.append(leaves(7).subarray(4 * 32))
    decided.advance()
    await written()
    assert.equal(published.size, 6)
  })

  it('is nothing while no certificate names the node as a member, whose word nobody would take', async () => {
    signs = false
    log.append(leaves(9))
    decided.final({ size: 5, root: rootOf(5), certificate })
    await written()
    assert.deepEqual([published.size, shown], [0, []])
    signs = true
    decided.advance()
    await written()
    assert.deepEqual([published.size, shown], [5, [5]])
  })

  it('never goes back', async () => {
    log.append(leaves(9))
    decided.final({ size: 8, root: rootOf(8), certificate })
    decided.final({ size: 5, root: rootOf(5), certificate })
    await written()
    assert.equal(published.size, 8)
  })

  it('is nothing of a replica whose log the members did not decide', async () => {
    log.append(leaves(9))
    decided.final({ size: 8, root: rootOf(7), certificate })
    await written()
    assert.equal(published.size, 0)
    assert.equal(withheld, 1)
  })
})
