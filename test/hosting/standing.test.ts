import assert from 'node:assert/strict'
import type { Restoring } from '../../daemon/hosting/finality/restoring.ts'
import { type ReplicaDoor, Views } from '../../daemon/hosting/finality/views.ts'
import { standingOp } from '../../daemon/hosting/standing.ts'
import type { Clock } from '../../daemon/ports.ts'
import type { StoreOp } from '../../storage/store.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import { Cluster } from '../consensus/finality/cluster.ts'

const GROUP = 1
const FIRST = { epoch: 0, view: 0 }

/** A disk that answers when it is let. */
class SlowStore extends MemoryStore {
  answer: () => void = () => {}
  readonly #answers = new Promise<void>(resolve => {
    this.answer = resolve
  })

  override async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const value = await super.get(key)
    await this.#answers
    return value
  }
}

interface Read {
  readonly cluster: Cluster
  readonly views: Views
  readonly store: SlowStore
  readonly loaded: Promise<void>
}

/** A node reads where its replica stands, and its disk takes its time; the door never gets further than its closing. */
async function reading(ops: readonly StoreOp[] = []): Promise<Read> {
  const cluster = new Cluster(4)
  const store = new SlowStore()
  await new Promise<void>(resolve => store.write(ops, { sync: true }, () => resolve()))
  const never = { synced: () => new Promise<void>(() => {}) } as Restoring
  const door: ReplicaDoor = {
    freeze: () => {},
    enter: async () => assert.fail('nothing is there to be entered'),
    restoring: () => never,
    halt: (_, error) => assert.fail(error),
  }
  const views = new Views({
    ...{ host: cluster.node(1).host, store, clock: {} as Clock, door: () => door },
    ...{
      peers: () => [],
      stoodAt: () => [],
      entered: () => {},
      holdMs: () => 0,
      log: () => {},
      count: () => {},
    },
  })
  return { cluster, store, views, loaded: views.load(GROUP, FIRST) }
}

describe('where a replica stands, read from the disk', () => {
  it('is where the disk says, when that is the view that its member is in', async () => {
    const { store, views, loaded } = await reading()
    store.answer()
    await loaded
    assert.deepEqual(views.standing(GROUP), { ...FIRST, baseSize: 0 })
  })

  it('is nowhere when its view was given up while the disk was read', async () => {
    const { cluster, store, views, loaded } = await reading()
    cluster.loses = () => true
    cluster.suspect([1])
    for (const freeze of cluster.node(1).all('freeze')) views.freeze(freeze)
    store.answer()
    await loaded
    assert.equal(views.standing(GROUP), undefined)
  })

  it('is nowhere either when it is already being brought to the next one, also when the disk says it is there', async () => {
    for (const ops of [[], [standingOp(GROUP, { epoch: 0, view: 1, baseSize: 0 })]]) {
      const { cluster, store, views, loaded } = await reading(ops)
      cluster.suspect()
      const [restart] = cluster.node(1).all('restart')
      views.restart(restart!)
      store.answer()
      await loaded
      assert.equal(views.standing(GROUP), undefined)
    }
  })
})
