import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { formatCheckpoint, parseCheckpoint } from '../../../storage/log/checkpoint.ts'
import { formatNote, openNote, parseNote, signNote } from '../../../storage/log/note.ts'
import {
  cosignatureVkey,
  cosigner,
  ed25519FromSeed,
  ed25519Signer,
  ed25519Vkey,
  noteVerifier,
} from '../../../storage/log/note-keys.ts'
import {
  entriesPath,
  parseLogPath,
  tilePath,
  tilesOfGrowth,
  tilesOfLevel,
} from '../../../storage/log/tiles.ts'
import { formatTlogProof, parseTlogProof } from '../../../storage/log/tlog-proof.ts'
import { formatVkey, makeVkey, parseVkey } from '../../../storage/log/vkey.ts'

const seed = (n: number) => createHash('sha256').update(`seed ${n}`).digest()
const logKey = ed25519FromSeed(seed(1))
const witnessKey = ed25519FromSeed(seed(2))
const anySize = fc.maxSafeNat()
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyLine = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter(text => parseableLine(text))

function parseableLine(text: string): boolean {
  return text.isWellFormed() && [...text].every(char => char >= ' ')
}

const anyCheckpoint = fc.record({
  origin: anyLine,
  size: anySize,
  root: anyHash,
  extensions: fc.array(anyLine, { maxLength: 2 }),
})

/** A change somewhere in a text: one character replaced, removed or put in. */
const anyChange = fc.record({
  at: fc.nat(),
  put: fc.constantFrom('', 'A', '0', '\n', ' ', '+', '=', '\u0001', 'é'),
})

function changed(text: string, { at, put }: { at: number; put: string }): string {
  const place = at % text.length
  return text.slice(0, place) + put + text.slice(place + (at % 2))
}

describe('a checkpoint', () => {
  it('has one form', () => {
    fc.assert(
      fc.property(anyCheckpoint, anyChange, (checkpoint, change) => {
        const text = formatCheckpoint(checkpoint)
        const parsed = parseCheckpoint(text)!
        assert.deepEqual({ ...parsed, root: [...parsed.root] }, { ...checkpoint, root: [...checkpoint.root] })
        const other = parseCheckpoint(changed(text, change))
        if (other) assert.equal(formatCheckpoint(other), changed(text, change))
      }),
      { numRuns: 500 },
    )
  })

  it('is not made from lines that would break it', () => {
    const good = { origin: 'a', size: 1, root: seed(0), extensions: [] }
    assert.throws(() => formatCheckpoint({ ...good, origin: '' }), RangeError)
    assert.throws(() => formatCheckpoint({ ...good, origin: 'a\nb' }), RangeError)
    assert.throws(() => formatCheckpoint({ ...good, extensions: [''] }), RangeError)
    assert.throws(() => formatCheckpoint({ ...good, root: new Uint8Array(31) }), RangeError)
    assert.throws(() => formatCheckpoint({ ...good, size: -1 }), RangeError)
  })
})

describe('a signed note', () => {
  const verifiers = [
    noteVerifier(ed25519Vkey('example.org/log', logKey)),
    noteVerifier(cosignatureVkey('example.org/witness', witnessKey)),
  ]
  const text = formatCheckpoint({ origin: 'example.org/log', size: 3, root: seed(0), extensions: [] })
  const signers = [
    ed25519Signer('example.org/log', logKey),
    cosigner('example.org/witness', witnessKey, 1_700_000_000),
  ]

  it('is opened by whoever knows one of its keys', () => {
    const note = signNote(text, signers)
    const both = openNote(note, verifiers)
    assert.ok(both.ok && both.text === text && both.verified.length === 2 && both.unverified.length === 0)
    const one = openNote(note, verifiers.slice(1))
    assert.ok(one.ok && one.verified.length === 1 && one.unverified.length === 1)
    assert.deepEqual(openNote(note, []), { ok: false, code: 'unverified' })
  })

  it('does not open when anything in it was changed', () => {
    const note = signNote(text, signers)
    fc.assert(
      fc.property(anyChange, change => {
        const other = changed(note, change)
        if (other === note) return
        const opened = openNote(other, verifiers)
        // A changed key name or id makes a line unknown; the other line still has to be right, and the text the same.
        if (opened.ok) assert.equal(opened.text, text)
        assert.ok(!opened.ok || opened.verified.length === 1)
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps a signature for another use from counting: a cosigner key is not a log key', () => {
    const asLog = signNote(text, [ed25519Signer('example.org/witness', witnessKey)])
    assert.deepEqual(openNote(asLog, verifiers), { ok: false, code: 'unverified' })
    const swapped = parseNote(asLog)!.signatures[0]!.signature
    const forged = formatNote(text, [
      { name: 'example.org/witness', keyId: verifiers[1]!.keyId, signature: swapped },
    ])
    assert.deepEqual(openNote(forged, verifiers), { ok: false, code: 'invalid-signature' })
  })

  it('of something else than a checkpoint has no cosignature', () => {
    const note = signNote('not a checkpoint\n', [signers[1]!])
    assert.deepEqual(openNote(note, verifiers), { ok: false, code: 'invalid-signature' })
  })

  it('is not made from a text that could not be read back', () => {
    for (const text of ['no newline', 'tab\tin it\n', 'half a pair \ud800\n']) {
      assert.throws(() => formatNote(text, []), RangeError)
    }
  })
})

describe('a verifier key', () => {
  it('has one form, and its id is of its own key and name', () => {
    fc.assert(
      fc.property(fc.nat(5), anyChange, (n, change) => {
        const text = formatVkey(ed25519Vkey(`example.org/${n}`, ed25519FromSeed(seed(n))))
        assert.equal(formatVkey(parseVkey(text)!), text)
        if (changed(text, change) !== text) assert.equal(parseVkey(changed(text, change)), undefined)
      }),
      { numRuns: 500 },
    )
  })

  it('is not made for a name or a key that it cannot have', () => {
    for (const name of ['', 'a b', 'a+b', 'a\u0085b', 'a\u3000b']) {
      assert.throws(() => makeVkey(name, 1, new Uint8Array(32)), RangeError)
    }
    assert.throws(() => makeVkey('a', 1, new Uint8Array(31)), RangeError)
    assert.throws(() => makeVkey('a', 2, new Uint8Array(32)), RangeError)
  })
})

describe('a tlog proof', () => {
  it('has one form', () => {
    const anyProof = fc.record({
      extra: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
      index: anySize,
      proof: fc.array(anyHash, { maxLength: 5 }),
      checkpoint: anyCheckpoint.map(formatCheckpoint),
    })
    fc.assert(
      fc.property(anyProof, anyChange, (proof, change) => {
        const text = formatTlogProof(proof)
        assert.equal(formatTlogProof(parseTlogProof(text)!), text)
        const other = parseTlogProof(changed(text, change))
        if (other) assert.equal(formatTlogProof(other), changed(text, change))
      }),
      { numRuns: 500 },
    )
  })
})

describe('the paths of a tiled log', () => {
  it('have one form', () => {
    const width = fc.integer({ min: 1, max: 256 })
    fc.assert(
      fc.property(fc.nat(63), anySize, width, anyChange, (level, index, width, change) => {
        const tile = tilePath(level, index, width)
        assert.deepEqual(parseLogPath(tile), { kind: 'tile', level, index, width })
        assert.deepEqual(parseLogPath(entriesPath(index, width)), { kind: 'entries', index, width })
        const other = parseLogPath(changed(tile, change))
        if (other?.kind === 'tile')
          assert.equal(tilePath(other.level, other.index, other.width), changed(tile, change))
      }),
      { numRuns: 1000 },
    )
  })

  it('name what a growing log shows: tile by tile it adds up to what a log of that size has', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 5 }), steps => {
        const sizes = steps.toSorted((a, b) => a - b)
        const full = new Set<string>()
        let before = 0
        for (const size of sizes) {
          for (const { level, index, width } of tilesOfGrowth(before, size)) {
            if (width === 256) full.add(tilePath(level, index, width))
            else assert.deepEqual(tilesOfLevel(size, level), { full: index, partialWidth: width })
          }
          before = size
        }
        const expected = [0, 1, 2].reduce((sum, level) => sum + tilesOfLevel(before, level).full, 0)
        assert.equal(full.size, expected)
      }),
    )
  })
})
