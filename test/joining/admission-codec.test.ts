import assert from 'node:assert/strict'
import { decodeAnswer, encodeAnswer } from '../../daemon/joining/admission-codec.ts'

describe('what a sponsor answers', () => {
  it('has one form: a byte order mark before it is not passed over', () => {
    assert.equal(decodeAnswer(encodeAnswer('not-admitted')), 'not-admitted')
    assert.equal(decodeAnswer(encodeAnswer('\u{feff}ok')), undefined)
  })
})
