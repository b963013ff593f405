import assert from 'node:assert/strict'
import type { Store } from '../../storage/store.ts'
import type { DiskOptions } from '../../testnet/simulation/disk.ts'
import type { SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

function storeNode(seed: number, disk: Partial<DiskOptions> = {}): [Simulation, SimNode<Store>] {
  const simulation = new Simulation(seed)
  const node = simulation.addNode('a', ({ store }) => store, { disk })
  node.start()
  return [simulation, node]
}

async function started(simulation: Simulation, node: SimNode<Store>): Promise<Store> {
  if (!node.alive) node.start()
  await simulation.runFor(1)
  return node.program!
}

async function written(
  simulation: Simulation,
  store: Store,
  key: string,
  sync: boolean,
): Promise<Error | undefined> {
  const answers: (Error | undefined)[] = []
  store.write([{ key: bytes(key), value: bytes(`=${key}`) }], { sync }, error => answers.push(error))
  assert.equal(answers.length, 0, 'done was called before write returned')
  assert.ok(await simulation.runUntil(() => answers.length > 0, 10_000))
  return answers[0]
}

async function keysOf(simulation: Simulation, store: Store): Promise<string> {
  let found: string | undefined
  void (async () => {
    const keys: string[] = []
    for await (const { key } of store.range({ from: bytes('a'), to: bytes('z') }))
      keys.push(Buffer.from(key).toString())
    found = keys.join('')
  })()
  await simulation.runUntil(() => found !== undefined, 1000)
  return found!
}

describe('simulated store', () => {
  it('shows a write once it is done, and keeps over a crash exactly what a later sync covered', async () => {
    const [simulation, node] = storeNode(1)
    const store = await started(simulation, node)
    await written(simulation, store, 'a', false)
    await written(simulation, store, 'b', true)
    await written(simulation, store, 'c', false)
    assert.equal(await keysOf(simulation, store), 'abc')
    node.crash()
    assert.equal(await keysOf(simulation, await started(simulation, node)), 'ab')
    assert.equal(simulation.faults.get('lost-unsynced-writes'), 1)
  })

  it('leaves to the seed whether the batch that a crash interrupts is there afterwards, but never answers it', async () => {
    const survived = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const [simulation, node] = storeNode(seed)
      const store = await started(simulation, node)
      await written(simulation, store, 'a', true)
      node.disk.crashAtWrite(1)
      let answered = false
      store.write([{ key: bytes('b'), value: bytes('b') }], { sync: true }, () => {
        answered = true
      })
      await simulation.runFor(100)
      assert.equal(node.alive, false)
      assert.equal(answered, false)
      survived.add(await keysOf(simulation, await started(simulation, node)))
    }
    assert.deepEqual([...survived].sort(), ['a', 'ab'])
  })

  it('loses what a lying disk said it had synced', async () => {
    const [simulation, node] = storeNode(2, { losesSyncs: true })
    await written(simulation, await started(simulation, node), 'a', true)
    node.crash()
    assert.equal(await keysOf(simulation, await started(simulation, node)), '')
    assert.ok(simulation.faults.get('lost-sync')! > 0)
  })

  it('tears a batch where it is told to', async () => {
    const [simulation, node] = storeNode(3, { tearsWrites: true })
    const store = await started(simulation, node)
    let done = false
    const ops = ['a', 'b', 'c', 'd'].map(key => ({ key: bytes(key), value: bytes(key) }))
    store.write(ops, { sync: false }, () => {
      done = true
    })
    await simulation.runUntil(() => done, 100)
    node.crash()
    const left = await keysOf(simulation, await started(simulation, node))
    assert.ok(left.length > 0 && left.length < 4, `left ${left}`)
    assert.ok('abcd'.startsWith(left))
  })

  it('refuses on a full disk, and stores nothing of what it refused', async () => {
    const [simulation, node] = storeNode(4, { capacityBytes: 5 })
    const store = await started(simulation, node)
    assert.equal(await written(simulation, store, 'a', true), undefined)
    const error = await written(simulation, store, 'b', true)
    assert.equal((error as Error & { code: string }).code, 'full')
    assert.equal(await keysOf(simulation, store), 'a')
  })

  it('gives back flipped bits where it is told to', async () => {
    const [simulation, node] = storeNode(5, { flipRate: 1 })
    const store = await started(simulation, node)
    await written(simulation, store, 'a', true)
    let value: Uint8Array | undefined
    void store.get(bytes('a')).then(found => {
      value = found
    })
    await simulation.runFor(10)
    assert.equal(value?.length, 2)
    assert.notDeepEqual(value, bytes('=a'))
  })

  it('takes longer on a slow disk', async () => {
    const times: number[] = []
    for (const syncMs of [1, 100]) {
      const [simulation, node] = storeNode(6, { syncMs })
      const store = await started(simulation, node)
      const before = simulation.nowMs
      await written(simulation, store, 'a', true)
      times.push(simulation.nowMs - before)
    }
    assert.ok(times[0]! >= 1 && times[0]! <= 2.1, `${times[0]} ms`)
    assert.ok(times[1]! >= 100, `${times[1]} ms`)
  })
})
