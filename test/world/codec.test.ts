import assert from 'node:assert/strict'
import fc from 'fast-check'
import { encodeHeader, encodePlayer } from '../../world/codec/state.ts'
import {
  type Action,
  decodeEntity,
  decodeEvent,
  decodeHeader,
  decodeInput,
  decodeOutcome,
  decodePlayer,
  decodeTick,
  encodeEntity,
  encodeEvent,
  encodeInput,
  encodeOutcome,
  encodeTick,
  eventPosition,
  INPUT_MAX_BYTES,
  type Input,
  isPermanent,
  OUTCOME_MAX_BYTES,
  reasonText,
} from '../../world/codec.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../world/interface.ts'
import { OUTCOME_CODES } from '../../world/reasons.ts'
import { createWorld } from '../../world/world.ts'
import { play, smallCharter, turns } from './play.ts'
import { hexEntries, host, Stage } from './support.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const id = bytes(16).map(raw => Buffer.from(raw).toString('hex'))
const plain = { noNullPrototype: true }
const safe = fc.maxSafeInteger()
const i16 = fc.integer({ min: -32768, max: 32767 })

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('spawn' as const), name: fc.stringMatching(/^[A-Za-z0-9_-]{1,24}$/) }, plain),
  fc.record({ kind: fc.constant('move' as const), vxMmPerTick: i16, vyMmPerTick: i16 }, plain),
  fc.record({ kind: fc.constant('gather' as const), resource: id }, plain),
  fc.record(
    {
      kind: fc.constant('build' as const),
      structure: fc.integer({ min: 0, max: 2 }),
      xMm: safe,
      yMm: safe,
    },
    plain,
  ),
  fc.record({ kind: fc.constant('strike' as const), target: id }, plain),
  fc.record({ kind: fc.constant('leave' as const) }, plain),
  fc.record(
    { kind: fc.constant('look' as const), target: id, aspect: fc.integer({ min: 0, max: 2 }) },
    plain,
  ),
)

const input: fc.Arbitrary<Input> = fc
  .record(
    {
      player: bytes(32),
      session: bytes(16),
      seq: fc.integer({ min: 1, max: 0xffffffff }),
      log: bytes(8),
      action,
      signature: bytes(64),
    },
    plain,
  )
  .map(input => (isPermanent(input.action) ? input : { ...input, signature: undefined }))

/** Each decoder with its encoder: whatever is read at all is written again as the same bytes. */
const codecs: readonly [string, (bytes: Uint8Array) => Uint8Array | undefined][] = [
  ['entity', bytes => again(decodeEntity(bytes), encodeEntity)],
  ['event', bytes => again(decodeEvent(bytes), encodeEvent)],
  ['outcome', bytes => again(decodeOutcome(bytes), encodeOutcome)],
  ['tick', bytes => again(decodeTick(bytes), encodeTick)],
  ['header', bytes => again(decodeHeader(bytes), encodeHeader)],
  ['player', bytes => again(decodePlayer(bytes), encodePlayer)],
  [
    'input',
    bytes => {
      const decoded = decodeInput(bytes)
      return 'code' in decoded ? undefined : encodeInput(decoded)
    },
  ],
]

const again = <T>(value: T | undefined, encode: (value: T) => Uint8Array) => value && encode(value)

/** Real bytes of every kind, out of a world that was played in. */
function samples(): Uint8Array[] {
  const found: Uint8Array[] = [encodeTick({ tick: 5, timeMs: 1e12 })]
  const stage = new Stage(createWorld(host, smallCharter))
  for (const turn of fc.sample(turns(60), { numRuns: 1, seed: 4 })[0]!) {
    play(stage, turn, ({ events, outcome }) => {
      found.push(...events.slice(0, 3))
      if (outcome) found.push(encodeOutcome(outcome))
    })
  }
  for (const { value } of stage.world.entries()) found.push(value)
  for (const one of fc.sample(input, { numRuns: 40, seed: 4 })) found.push(encodeInput(one))
  return found
}

describe('the codec of the rules', function () {
  this.timeout(20_000)

  it('gives every input back as it was', () => {
    fc.assert(
      fc.property(input, input => {
        const body = encodeInput(input)
        assert.ok(body.length <= INPUT_MAX_BYTES)
        assert.deepEqual(decodeInput(body), input)
      }),
    )
  })

  it('gives every outcome back as it was, and has a sentence for every code', () => {
    const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
    const natural = fc.maxSafeNat()
    const seq = fc.integer({ min: 0, max: 0xffffffff })
    const code = fc.constantFrom(...OUTCOME_CODES)
    fc.assert(
      fc.property(
        fc.record(
          { seq, leaf: natural, tick: natural, code, entity: option(id), value: option(safe) },
          plain,
        ),
        outcome => {
          const encoded = encodeOutcome(outcome)
          assert.ok(encoded.length <= OUTCOME_MAX_BYTES)
          assert.deepEqual(decodeOutcome(encoded), outcome)
          assert.match(reasonText(outcome.code), /\.$/)
        },
      ),
    )
  })

  it('never throws on bytes that were bent, and takes only those that it would write itself', () => {
    const real = samples()
    const known = new Set<string>()
    fc.assert(
      fc.property(
        fc.nat({ max: real.length - 1 }),
        fc.array(fc.record({ at: fc.nat({ max: 400 }), to: fc.nat({ max: 255 }) }), { maxLength: 3 }),
        fc.integer({ min: -3, max: 3 }),
        (which, changes, longer) => {
          const source = real[which]!
          const bent = new Uint8Array(Math.max(0, source.length + longer))
          bent.set(source.subarray(0, bent.length))
          for (const { at, to } of changes) if (bent.length > 0) bent[at % bent.length] = to
          for (const [name, reencode] of codecs) {
            const result = reencode(bent)
            if (!result) continue
            known.add(name)
            assert.deepEqual(Buffer.from(result), Buffer.from(bent), name)
          }
          eventPosition(bent)
        },
      ),
      { numRuns: 3000, seed: 2 },
    )
    assert.deepEqual([...known].sort(), codecs.map(([name]) => name).sort())
  })

  it('never throws on noise, neither does the world, which stays as it was', () => {
    const stage = new Stage(createWorld(host, smallCharter))
    const before = hexEntries(stage.world)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 8 }), (noise, kind) => {
        for (const [, reencode] of codecs) reencode(noise)
        if (kind !== TICK_RECORD) stage.world.apply(kind, noise, stage.leaf++)
        const { ignored } = stage.world.apply(INPUT_RECORD, noise.subarray(0, 68), stage.leaf++)
        const refusal = stage.world.check(noise.subarray(0, 68))
        assert.deepEqual(refusal, ignored)
      }),
    )
    assert.deepEqual(hexEntries(stage.world), before)
  })

  it('says what is wrong with an input: its shape, its action or its name', () => {
    const spawn = encodeInput({
      player: new Uint8Array(32),
      session: new Uint8Array(16),
      seq: 1,
      log: new Uint8Array(8),
      action: { kind: 'spawn', name: 'Ada' },
    })
    const bent = (at: number, to: number) => spawn.with(at, to)
    assert.deepEqual(decodeInput(new Uint8Array(0)), { code: 'malformed' })
    assert.deepEqual(decodeInput(new Uint8Array(100_000)), { code: 'malformed' })
    assert.deepEqual(decodeInput(bent(51, 0)), { code: 'malformed' }, 'seq 0')
    assert.deepEqual(decodeInput(bent(60, 99)), { code: 'unknown-action' })
    assert.deepEqual(decodeInput(bent(62, 0x21)), { code: 'bad-name' })
    assert.deepEqual(decodeInput(bent(61, 2)), { code: 'malformed' }, 'a byte too many')
  })

  it('refuses to write what could not be read', () => {
    const input = { player: new Uint8Array(32), session: new Uint8Array(16), seq: 1, log: new Uint8Array(8) }
    const wrong: Action[] = [
      { kind: 'move', vxMmPerTick: 0.5, vyMmPerTick: 0 },
      { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 32768 },
      { kind: 'gather', resource: 'abc' },
      { kind: 'strike', target: 'G'.repeat(32) },
      { kind: 'build', structure: 0, xMm: 2 ** 53, yMm: 0 },
    ]
    for (const action of wrong) assert.throws(() => encodeInput({ ...input, action }), { code: 'bad-value' })
    assert.throws(() => encodeInput({ ...input, action: { kind: 'spawn', name: 'a b' } }), {
      code: 'bad-name',
    })
    assert.throws(() => encodeInput({ ...input, action: { kind: 'build', structure: 0, xMm: 0, yMm: 0 } }), {
      code: 'bad-value',
    })
  })
})
