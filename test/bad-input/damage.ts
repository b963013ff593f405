import fc from 'fast-check'

/** What somebody may do to bytes on purpose, or a disk by accident. */
export function damaged(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const sample = fc.constantFrom(...samples)
  const place = fc.nat(0xffff).map(share => share / 0x10000)
  const few = fc.uint8Array({ minLength: 1, maxLength: 9 })
  const once = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: place, bits: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: place, to: place }),
    fc.record({ kind: fc.constant('end' as const), at: place }),
    fc.record({ kind: fc.constant('put' as const), at: place, bytes: few }),
    fc.record({ kind: fc.constant('write' as const), at: place, bytes: few }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: place,
      to: place,
      times: fc.integer({ min: 2, max: 40 }),
    }),
    fc.record({ kind: fc.constant('swap' as const), at: place, to: place, end: place }),
    fc.record({ kind: fc.constant('splice' as const), at: place, other: sample, to: place }),
  )
  return fc
    .record({ bytes: sample, steps: fc.array(once, { minLength: 1, maxLength: 3 }) })
    .map(({ bytes, steps }) => steps.reduce<Uint8Array>(changed, bytes))
}

type Step =
  | { readonly kind: 'flip'; readonly at: number; readonly bits: number }
  | { readonly kind: 'cut'; readonly at: number; readonly to: number }
  | { readonly kind: 'end'; readonly at: number }
  | { readonly kind: 'put' | 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'repeat'; readonly at: number; readonly to: number; readonly times: number }
  | { readonly kind: 'swap'; readonly at: number; readonly to: number; readonly end: number }
  | { readonly kind: 'splice'; readonly at: number; readonly other: Uint8Array; readonly to: number }

function changed(bytes: Uint8Array, step: Step): Uint8Array {
  const index = (share: number): number => Math.floor(share * (bytes.length + 1))
  const at = index(step.at)
  const part = (from: number, to?: number): Uint8Array => bytes.subarray(from, to)
  switch (step.kind) {
    case 'flip': {
      const copy = bytes.slice()
      if (at < copy.length) copy[at]! ^= step.bits
      return copy
    }
    case 'end':
      return bytes.slice(0, at)
    case 'put':
      return joined(part(0, at), step.bytes, part(at))
    case 'write':
      return joined(part(0, at), step.bytes, part(Math.min(bytes.length, at + step.bytes.length)))
    case 'splice':
      return joined(part(0, at), step.other.subarray(Math.floor(step.to * step.other.length)))
  }
  const to = index(step.to)
  const [from, until] = at < to ? [at, to] : [to, at]
  switch (step.kind) {
    case 'cut':
      return joined(part(0, from), part(until))
    case 'repeat':
      return joined(part(0, from), ...Array<Uint8Array>(step.times).fill(part(from, until)), part(until))
    case 'swap': {
      const end = Math.max(until, index(step.end))
      return joined(part(0, from), part(until, end), part(from, until), part(end))
    }
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

const lengths = [
  Uint8Array.of(0x80, 0, 0, 0),
  Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0, 0x10, 0, 0),
  // As varints.
  Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x08),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f),
]

/** A sample in whose every place stands some length of gigabytes. */
export function* withHugeLengths(sample: Uint8Array): Generator<Uint8Array> {
  const step = Math.max(1, Math.floor(sample.length / 40))
  for (let at = 0; at <= sample.length; at += step) {
    for (const length of lengths) {
      yield joined(sample.subarray(0, at), length, sample.subarray(at + length.length))
      yield joined(sample.subarray(0, at), length, sample.subarray(at))
    }
  }
}

const floodBytes = 1 << 19

/** As many of the smallest items as half a mebibyte holds, in every field that a protobuf message may have. */
function* madeFloods(): Generator<Uint8Array> {
  for (let field = 1; field <= 15; field++) {
    for (const item of [
      [(field << 3) | 2, 0],
      [field << 3, 1],
    ]) {
      yield new Uint8Array(Buffer.alloc(floodBytes, Uint8Array.from(item)))
    }
  }
  yield new Uint8Array(Buffer.alloc(floodBytes, '\n'))
  yield new Uint8Array(Buffer.alloc(floodBytes))
}

export const floods: readonly Uint8Array[] = [...madeFloods()]
