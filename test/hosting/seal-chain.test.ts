import assert from 'node:assert/strict'
import type { Certificate } from '../../consensus/finality/certificate.ts'
import { genesisHash, sealHash } from '../../consensus/finality/seal.ts'
import type { AppliedSeal } from '../../daemon/authority/replica.ts'
import { SealChain } from '../../daemon/hosting/finality/seal-chain.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { StoreOp } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const GROUP = 7
const EPOCH = 1
const AUTHORITY = sha256(Buffer.from('test/area/0/0'))
const KEY = sha256(Buffer.from('a key'))

/** What a replica has executed at this height. */
function applied(height: number): AppliedSeal {
  const root = sha256(Buffer.from(`root ${height}`))
  const stateRoot = sha256(Buffer.from(`state ${height}`))
  const seal = {
    ...{ height, epoch: EPOCH, previous: genesisHash, stateRoot, asOfSize: 10 * height - 1 },
    ...{ tick: height, timeMs: 1000 * height, nextMembers: [1, 2, 3] },
  }
  return { seal, size: 10 * height, root, checkpointHash: root, endsEpoch: false }
}

function certificateOf(chain: SealChain, height: number): Certificate {
  const seal = chain.undecided.find(one => one.height === height)!
  return { kind: 2, seal, epoch: EPOCH, view: 0, votes: [] }
}

describe('the chain of seals that a replica has executed', () => {
  let store: MemoryStore
  beforeEach(() => {
    store = new MemoryStore()
  })
  const write = (ops: readonly StoreOp[]): Promise<void> =>
    new Promise(resolve => store.write(ops, { sync: true }, () => resolve()))
  const load = (): Promise<SealChain> => SealChain.load(store, GROUP, AUTHORITY, () => KEY, undefined)

  it('names in each seal the one below, and is there again after a start', async () => {
    const chain = await load()
    for (const height of [1, 2, 3]) await write(chain.executed(applied(height)))
    const again = await load()
    assert.deepEqual(again.undecided, chain.undecided)
    const [one, two, three] = again.undecided
    assert.deepEqual(one!.previous, genesisHash)
    assert.deepEqual(two!.previous, sealHash(one!))
    assert.deepEqual(three!.previous, sealHash(two!))
    await write(again.executed(applied(4)))
    assert.deepEqual((await load()).undecided.at(-1)!.previous, sealHash(three!))
  })

  it('is not begun from a seal that the disk gives back otherwise than it was written', async () => {
    const chain = await load()
    const [{ key, value }] = chain.executed(applied(1)) as [StoreOp]
    for (const at of [0, 10, value!.length - 1]) {
      const other = value!.slice()
      other[at]! ^= 4
      await write([{ key, value: other }])
      await assert.rejects(load(), { code: 'corrupt' })
    }
  })

  it('keeps no seal that is decided', async () => {
    const chain = await load()
    for (const height of [1, 2, 3]) await write(chain.executed(applied(height)))
    await write(chain.decided(certificateOf(chain, 2)))
    assert.deepEqual(
      (await load()).undecided.map(({ height }) => height),
      [3],
    )
  })

  it('has nothing to vote for after a gap, until a certificate closes it', async () => {
    const whole = await load()
    for (const height of [1, 2, 3]) whole.executed(applied(height))
    const chain = await load()
    chain.executed(applied(1))
    assert.deepEqual(chain.executed(applied(3)), [])
    assert.deepEqual(
      chain.undecided.map(({ height }) => height),
      [1],
    )
    chain.decided(certificateOf(whole, 3))
    assert.equal(chain.undecided.length, 0)
    chain.executed(applied(4))
    assert.deepEqual(chain.undecided[0]!.previous, sealHash(certificateOf(whole, 3).seal))
  })

  it('closes a gap too when the certificate came before the replica had executed its seal', async () => {
    const whole = await load()
    for (const height of [1, 2, 3]) whole.executed(applied(height))
    const chain = await load()
    chain.executed(applied(2))
    chain.decided(certificateOf(whole, 3))
    assert.deepEqual(chain.executed(applied(3)), [])
    chain.executed(applied(4))
    assert.deepEqual(chain.undecided[0]!.previous, sealHash(certificateOf(whole, 3).seal))
  })

  it('stays open when the certificate is of another log than the replica has', async () => {
    const whole = await load()
    for (const height of [1, 2, 3]) whole.executed(applied(height))
    const chain = await load()
    chain.executed({ ...applied(3), root: sha256(Buffer.from('another')) })
    chain.decided(certificateOf(whole, 3))
    assert.deepEqual(chain.executed(applied(4)), [])
  })
})
