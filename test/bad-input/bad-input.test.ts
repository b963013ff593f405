import assert from 'node:assert/strict'
import { declaredParsers } from './exports.ts'
import { faultOf } from './judge.ts'
import { parser } from './parser.ts'
import { notParsers, parsers } from './parsers.ts'

const root = new URL('../..', import.meta.url).pathname

describe('bytes that others made', function () {
  this.timeout(30_000)

  for (const each of parsers) {
    it(`${each.name}: one form, no throw, no memory that they do not pay for`, () => {
      const found = faultOf(each, 250)
      if (found === undefined) return
      const { fault, example } = found
      assert.fail(`${each.name} ${fault}: ${Buffer.from(example.subarray(0, 2000)).toString('hex')}`)
    })
  }

  it('are read by nobody who is not in the table: whoever adds a parser adds it there', () => {
    const listed = new Set([...parsers.map(({ name }) => name.replace(/ .*/, '')), ...notParsers])
    const declared = declaredParsers(root)
    assert.deepEqual(
      declared.filter(name => !listed.has(name)),
      [],
      'add these to test/bad-input',
    )
    const named = [...listed].filter(name => /#(decode|parse)/.test(name))
    assert.deepEqual(
      named.filter(name => !declared.includes(name)),
      [],
      'these are gone',
    )
  })
})

describe('what judges the parsers', function () {
  this.timeout(30_000)
  const sample = Uint8Array.of(3, 1, 2, 3)
  const samples = () => [sample]
  /** Length and bytes. */
  const good = (bytes: Uint8Array): Uint8Array | undefined =>
    bytes.length > 0 && bytes.length - 1 === bytes[0] ? bytes.slice(1) : undefined
  const write = (parsed: Uint8Array): Uint8Array => Uint8Array.of(parsed.length, ...parsed)
  const faultWith = (parse: (bytes: Uint8Array) => Uint8Array | undefined): string | undefined =>
    faultOf(parser('test', samples, parse, write), 500)?.fault

  it('finds nothing where nothing is', () => {
    assert.equal(faultWith(good), undefined)
  })

  it('finds one that throws', () => {
    assert.equal(
      faultWith(bytes => (bytes[0] === 4 ? assert.fail() : good(bytes))),
      'throws',
    )
  })

  it('finds one that leaves bytes over, and one that refuses what is right', () => {
    const faulty = faultWith(bytes => (bytes.length > bytes[0]! ? bytes.slice(1, 1 + bytes[0]!) : undefined))
    assert.equal(faulty, 'has two forms of one thing')
    assert.equal(
      faultWith(bytes => (bytes[1] === 1 ? undefined : good(bytes))),
      'refuses what is right',
    )
  })

  it('finds one that believes a length, and one that makes an object of each of many bytes', () => {
    const believes = (bytes: Uint8Array): Uint8Array | undefined => {
      if (bytes.length < 4) return undefined
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
      const room = new Uint8Array(Math.min(length, 1 << 26))
      return room.length === bytes.length - 4 ? bytes : good(bytes)
    }
    const greedy = 'takes memory that the bytes do not pay for'
    assert.equal(faultWith(believes), greedy)
    const hoards = (bytes: Uint8Array): Uint8Array | undefined => {
      const items = Array.from(bytes, byte => ({ byte, bytes: bytes.subarray(0, byte) }))
      return items.length > 0 ? good(bytes) : undefined
    }
    assert.equal(faultWith(hoards), greedy)
  })
})
