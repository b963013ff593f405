import assert from 'node:assert/strict'
import { encodeAttestation, inputBatchMessage } from '../../client/protocol/attestation.ts'
import { bodyHash } from '../../daemon/authority/batch.ts'
import { Faults } from '../../daemon/authority/faults.ts'
import type { AppliedRecords } from '../../daemon/authority/replica.ts'
import type { Fault } from '../../daemon/authority/types.ts'
import { VettedLog } from '../../daemon/hosting/finality/vetted-log.ts'
import { Vetting } from '../../daemon/hosting/finality/vetting.ts'
import { signingKeyOf, verifySignature } from '../../daemon/identity/signing-key.ts'
import { GatewaySignatures } from '../../daemon/routing/gateway-signatures.ts'
import { batchOp, LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, recordKind } from '../../storage/log/record.ts'
import { sha256 } from '../../storage/sha256.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

const ORIGIN = 'test/area/0/0'
const GROUP = 3
const GATEWAY = signingKeyOf(sha256(Buffer.from('gateway')))
const keyOf = (node: number) => (node === 1 ? GATEWAY.publicKey : undefined)

const recordOf = (kind: number, body: Uint8Array): LogRecord => {
  return { kind, rulesVersion: 1, salt: new Uint8Array(16), body }
}
const tick = recordOf(recordKind.tick, new Uint8Array(16))

/** What a leader logs of a gateway's batch. */
function batch(name: string, inputs = 2, sign = GATEWAY.sign): LogRecord[] {
  const bodies = Array.from({ length: inputs }, (_, i) => new Uint8Array(Buffer.from(`${name} ${i}`)))
  const signature = sign(inputBatchMessage(ORIGIN, 1, bodies.map(bodyHash)))
  const slots = bodies.map(() => undefined)
  return [
    recordOf(recordKind.attestation, encodeAttestation({ gateway: 1, slots, signature })),
    ...bodies.map(body => recordOf(recordKind.input, body)),
  ]
}

const forgedBatch = (name: string): LogRecord[] => batch(name, 1, () => new Uint8Array(64).fill(7))

/** Verifies when it is told to, as other threads would sooner or later. */
class Threads {
  readonly #waiting: (() => void)[] = []
  verified = 0
  readonly signatures = new GatewaySignatures(verifySignature, (key, message, signature, done) => {
    this.#waiting.push(() => {
      this.verified++
      done(verifySignature(key, message, signature))
    })
  })

  run(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count; i++) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next()
    }
  }
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('a log that a member checks before it votes', () => {
  let threads: Threads
  let store: MemoryStore
  let entries: LogRecord[][]
  let forged: Fault[]
  let checked: number

  beforeEach(() => {
    threads = new Threads()
    store = new MemoryStore()
    entries = []
    forged = []
    checked = 0
  })

  const sizeOf = (): number => entries.flat().length

  /** A committed entry, on the disk before the replica has applied it. */
  function add(records: LogRecord[]): AppliedRecords {
    const firstLeaf = sizeOf()
    entries.push(records)
    const op = batchOp(GROUP, firstLeaf, { index: entries.length, term: 1, batch: encodeBatch(records) })
    store.write([op], { sync: false }, () => {})
    return { firstLeaf, records }
  }

  function opened(decidedSize = 0): VettedLog {
    const parts = {
      ...{
        origin: ORIGIN,
        rulesVersion: 1,
        keyOf,
        signatures: threads.signatures,
        reader: new LogReader(store, GROUP),
      },
      checked: () => checked++,
      forged: (found: Fault) => forged.push(found),
    }
    return new VettedLog(parts, decidedSize, sizeOf())
  }

  it('is checked up to the oldest batch whose signature is not verified yet', () => {
    const log = opened()
    log.applied(add([tick]))
    assert.equal(log.size, 1)
    log.applied(add(batch('a')))
    log.applied(add(batch('b')))
    assert.equal(log.size, 1)
    log.waitFor(sizeOf())
    threads.run(1)
    assert.deepEqual([log.size, checked], [4, 0])
    threads.run()
    assert.deepEqual([log.size, checked], [7, 1])
    assert.deepEqual(forged, [])
  })

  it('needs no second verification of what this node took in as the leader, or signed as the gateway', () => {
    const log = opened()
    const sign = (message: Uint8Array): Uint8Array => {
      const signature = GATEWAY.sign(message)
      assert.ok(threads.signatures.verify(GATEWAY.publicKey, message, signature))
      return signature
    }
    log.applied(add(batch('a', 3, sign)))
    assert.equal(log.size, 4)
    assert.equal(threads.verified, 0)
  })

  it('stays unchecked at what no gateway signed, whatever follows, until others have decided it', () => {
    const log = opened()
    log.applied(add([tick, ...batch('a')]))
    log.applied(add(forgedBatch('b')))
    log.applied(add(batch('c')))
    threads.run()
    assert.equal(log.size, 4)
    assert.deepEqual(
      forged.map(({ leaf, code }) => [leaf, code]),
      [[4, 'bad-attestation']],
    )
    log.decided(6)
    assert.equal(log.size, sizeOf())
  })

  const fault = (leaf: number): Fault => ({ leaf, code: 'wrong-tick', what: '' })

  it('stays unchecked at the lowest fault of an entry that holds several', () => {
    const log = opened()
    const entry = add([tick, tick, tick, tick])
    log.applied({ ...entry, faults: [fault(0), fault(3)] })
    assert.equal(log.size, 0)
    assert.deepEqual(
      forged.map(({ leaf }) => leaf),
      [0],
    )
    log.decided(3)
    assert.equal(log.size, 3)
    assert.deepEqual(
      forged.map(({ leaf }) => leaf),
      [0, 3],
      'what is left is told of',
    )
    log.decided(4)
    log.applied(add([tick]))
    assert.equal(log.size, 5)
  })

  it('stays unchecked at a fault whatever was refused before it and is decided by now, also after a start', async () => {
    const faults = [fault(1), fault(3)]
    const running = opened()
    for (const each of faults) running.applied({ ...add([tick, tick]), faults: [each] })
    const found = new Faults()
    for (const each of faults) found.add(each)
    const started = opened()
    started.refuseAll(found)
    await settled()
    for (const log of [running, started]) {
      assert.equal(log.size, 1)
      log.decided(2)
      assert.equal(log.size, 3)
      log.decided(4)
      assert.equal(log.size, 4)
    }
  })

  it('keeps no more than a few faults, and lets no seal pass that stands behind one of many', () => {
    const log = opened()
    const leaves = Array.from({ length: 1000 }, (_, i) => 2 * i)
    for (const leaf of leaves) log.applied({ ...add([tick, tick]), faults: [fault(leaf)] })
    for (const leaf of leaves) {
      log.decided(leaf + 1)
      assert.ok(log.size <= leaf + 2)
    }
    assert.equal(log.size, sizeOf())
  })

  it('is refused for an input without an attestation, one too few, and a gateway that there is not', () => {
    const [attestation, ...inputs] = batch('a')
    const unknown = encodeAttestation({ gateway: 2, slots: [undefined], signature: new Uint8Array(64) })
    for (const [records, code] of [
      [inputs, 'unattested-input'],
      [[attestation!, inputs[0]!, tick], 'bad-attestation'],
      [[attestation!, ...inputs, inputs[0]!], 'unattested-input'],
      [[recordOf(recordKind.attestation, unknown), inputs[0]!], 'bad-attestation'],
      [[recordOf(recordKind.attestation, unknown.slice(1))], 'malformed-record'],
    ] as const) {
      const log = opened(sizeOf())
      const from = sizeOf()
      forged = []
      log.applied(add([...records]))
      threads.run()
      assert.deepEqual(
        forged.map(each => each.code),
        [code],
      )
      assert.ok(log.size < sizeOf() && log.size >= from)
      log.end()
    }
  })

  it('is read from the disk where it was there before, and goes on with what comes meanwhile', async () => {
    add(batch('decided'))
    add(forgedBatch('decided, too'))
    const decided = sizeOf()
    add(batch('a'))
    const log = opened(decided)
    log.applied(add(batch('b')))
    await settled()
    assert.equal(log.size, decided)
    threads.run()
    assert.equal(log.size, sizeOf())
    assert.equal(threads.verified, 2)
    assert.deepEqual(forged, [])
  })

  it('waits for other threads that have much to do, takes little memory meanwhile, and loses nothing', async () => {
    const log = opened()
    const large = encodeAttestation({
      ...{ gateway: 1, signature: new Uint8Array(64) },
      slots: new Array(1900).fill(new Uint8Array(32)),
    })
    const bodies = Array.from({ length: 300 }, () => recordOf(recordKind.attestation, large))
    for (const record of bodies) log.applied(add([record]))
    assert.ok(threads.signatures.isFull)
    log.applied(add(batch('after much')))
    const before = log.size
    assert.equal(before, 0)
    log.decided(300)
    threads.run()
    assert.equal(log.size, 300)
    log.goOn()
    await settled()
    threads.run()
    assert.equal(log.size, sizeOf())
  })

  it('gives back of what fell off only what a gateway had signed', async () => {
    const vetting = new Vetting({
      ...{ store, signatures: threads.signatures, gatewayKeyOf: keyOf, rulesVersion: 1 },
      checked: () => {},
      forged: () => {},
    })
    const [good, bad, more] = [batch('a'), forgedBatch('b'), batch('c', 1)]
    const unattested = batch('d').slice(1)
    const kept = vetting.attested(ORIGIN, [tick, ...good, tick, ...bad, ...unattested, ...more, tick])
    threads.run()
    assert.deepEqual(await kept, [...good, ...more])
  })
})
