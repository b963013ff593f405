import assert from 'node:assert/strict'
import { encodeSyncBatch, fetchBatches } from '../../daemon/hosting/sync.ts'
import { endOf } from '../../daemon/hosting/upkeep.ts'
import type { Channel, Clock, Network } from '../../daemon/ports.ts'
import { batchOp, LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, recordKind, saltBytes } from '../../storage/log/record.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const GROUP = 1
const record = (leaf: number): LogRecord => ({
  ...{ kind: recordKind.input, rulesVersion: 1 },
  ...{ salt: new Uint8Array(saltBytes).fill(leaf), body: new Uint8Array(8).fill(leaf) },
})
const fetched = (firstLeaf: number, batch: Uint8Array) => ({ firstLeaf, index: 1, term: 1, batch })
const batchOf = (...leaves: number[]): Uint8Array => encodeBatch(leaves.map(record))

/** A peer that sends these frames to whoever opens a channel to it; what is left when the channel ends stays unsent. */
async function sendAll(
  frames: Iterable<Uint8Array>,
  to: number,
  { msBetween = 0, ended }: { msBetween?: number; ended?: AbortController } = {},
): Promise<string> {
  let [onFrame, onClose] = [(_: Uint8Array): void => {}, (_: string): void => {}]
  let closed = false
  const channel: Partial<Channel> = {
    onFrame: listener => {
      onFrame = listener
    },
    onClose: listener => {
      onClose = listener
    },
    close: reason => {
      closed = true
      onClose(reason)
    },
    send: () => true,
  }
  const network = { open: async () => channel } as Partial<Network> as Network
  let nowMs = 0
  let timer = { atMs: Number.POSITIVE_INFINITY, run: (): void => {} }
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => nowMs,
    after: (delayMs, run) => {
      const own = { atMs: nowMs + delayMs, run }
      timer = own
      return () => {
        own.run = () => {}
      }
    },
  }
  const done = fetchBatches(network, clock, 'p', { group: GROUP, from: 0, to }, () => {}, ended?.signal).then(
    () => 'all came',
    (error: Error) => error.message,
  )
  await new Promise(resolve => setImmediate(resolve))
  for (const frame of frames) {
    if (timer.atMs <= nowMs + msBetween) timer.run()
    nowMs += msBetween
    if (!closed) onFrame(frame)
  }
  ended?.abort()
  assert.ok(closed, 'the transfer goes on for ever')
  return await done
}

describe('batches that a peer sends', () => {
  const end = encodeSyncBatch({ firstLeaf: 0, index: 0, term: 0, batch: undefined, end: true, droppedTo: 0 })
  const frameOf = (firstLeaf: number, batch: Uint8Array): Uint8Array =>
    encodeSyncBatch({ ...fetched(firstLeaf, batch), end: false, droppedTo: 0 })

  it('come to an end, also when it goes on with batches of nothing, or past what was asked for', async () => {
    assert.equal(await sendAll([frameOf(0, batchOf(0, 1)), frameOf(2, batchOf(2)), end], 3), 'all came')
    const nothing = batchOf(0).fill(0, 1, 5)
    assert.match(await sendAll(Array(100).fill(frameOf(0, nothing)), 3), /malformed/)
    const more = Array.from({ length: 100 }, (_, leaf) => frameOf(leaf, batchOf(leaf)))
    assert.match(await sendAll(more, 3), /malformed/)
  })

  it('come at 64 KiB a second at least, after five seconds', async () => {
    const frames = Array.from({ length: 100 }, (_, leaf) => frameOf(leaf, batchOf(leaf)))
    assert.equal(await sendAll([...frames, end], 100, { msBetween: 40 }), 'all came')
    assert.match(await sendAll([...frames, end], 100, { msBetween: 60 }), /leaf 8\d: too slow/)
    assert.match(await sendAll([...frames, end], 100, { msBetween: 2_500 }), /leaf 2: too slow/)
    const body = new Uint8Array(60_000)
    const long = frames.map((_, leaf) => frameOf(leaf, encodeBatch([{ ...record(leaf), body }])))
    assert.equal(await sendAll([...long, end], 100, { msBetween: 900 }), 'all came')
  })

  it('end at once when they are not wanted any more', async () => {
    const ended = new AbortController()
    assert.match(await sendAll([frameOf(0, batchOf(0))], 3, { ended }), /leaf 1: not wanted/)
    assert.match(await sendAll([frameOf(0, batchOf(0))], 3, { ended }), /leaf 0: not wanted/)
  })

  it('are kept only when each can be read, and all are what the leaves say', async () => {
    const store = new MemoryStore()
    const stored = { index: 1, term: 1, batch: batchOf(0, 1, 2, 3, 4, 5) }
    await new Promise<void>(resolve =>
      store.write([batchOp(GROUP, 0, stored)], { sync: true }, () => resolve()),
    )
    const reader = new LogReader(store, GROUP)
    const [begin, rest] = [fetched(0, batchOf(0, 1, 2)), fetched(3, batchOf(3, 4, 5))]
    assert.equal(await endOf(reader, 0, [begin, rest]), 6)
    assert.equal(await endOf(reader, 0, [begin]), 3)
    assert.equal(await endOf(reader, 0, [begin, fetched(3, batchOf(3, 5))]), undefined)
    const unreadable = fetched(3, batchOf(9).fill(99, 0, 1))
    assert.equal(await endOf(reader, 0, [begin, unreadable, { ...rest, firstLeaf: 4 }]), undefined)
  })
})
