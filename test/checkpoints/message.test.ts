import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeNotes, encodeNotes, maxMessageBytes, maxNoteBytes } from '../../daemon/checkpoints/message.ts'
import { readClaim } from '../../daemon/evidence/log-keys.ts'
import { signatureLines } from '../../storage/log/note.ts'
import { fakeRoot, Town } from './support.ts'

describe('what nodes tell each other of checkpoints', () => {
  let town: Town
  let notes: string[]

  before(() => {
    town = new Town()
    notes = [3, 9, 12].map(size => town.sign(2, town.origins[0]!, size, fakeRoot(size)))
  })
  after(() => town.remove())

  it('comes back as it was said, and has one form', () => {
    fc.assert(
      fc.property(fc.subarray([0, 1, 2], { minLength: 1 }), chosen => {
        const said = chosen.map(i => notes[i]!)
        const { bytes, taken } = encodeNotes(said)
        assert.equal(taken, said.length)
        const read = decodeNotes(bytes)!.map(({ note }) => note)
        assert.deepEqual(read, said)
        assert.deepEqual(encodeNotes(read).bytes, bytes)
      }),
    )
  })

  it('is refused when anything else is among it, and never throws', () => {
    const { bytes } = encodeNotes(notes)
    for (let length = 0; length < bytes.length; length++) {
      const read = decodeNotes(bytes.subarray(0, length))
      assert.ok(read === undefined || read.length < notes.length)
    }
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bent = Uint8Array.from(bytes)
        bent[at]! ^= change
        const read = decodeNotes(bent)
        if (read !== undefined) assert.deepEqual(encodeNotes(read.map(({ note }) => note)).bytes, bent)
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), junk => void decodeNotes(junk)))
    assert.equal(decodeNotes(Uint8Array.of(1)), undefined)
  })

  it('leaves out the lines of witnesses where they are too long, and what does not fit', () => {
    const [note] = notes
    const line = { name: 'witness.example', keyId: 7, signature: new Uint8Array(2_500) }
    const long = note! + signatureLines([line, line])
    assert.ok(long.length > maxNoteBytes)
    assert.deepEqual(
      decodeNotes(encodeNotes([long]).bytes)!.map(claim => claim.note),
      [note],
    )
    const wide = note! + signatureLines([line])
    const { bytes, taken } = encodeNotes(Array(100).fill(wide))
    assert.ok(bytes.length <= maxMessageBytes && taken < 100)
    assert.equal(decodeNotes(bytes)!.length, taken)
    assert.equal(encodeNotes(Array(200).fill(note)).taken, 128)
    assert.equal(readClaim(wide)!.lines.length, 2)
  })
})
