import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { generateSeed, signingKeyOf } from '../../daemon/identity/signing-key.ts'
import {
  actionOf,
  type CommandFile,
  encodeCommandFile,
  MAX_COMMAND_FILE_CHARS,
  parseCommandFile,
  signedBy,
} from '../../daemon/operators/command-file.ts'
import { isDangerous, wordsFor } from '../../daemon/operators/words.ts'
import { fakeDirectory } from '../http/fake-node.ts'
import { ORIGIN, operatorOf, Stage } from '../world/directory/support.ts'
import { commandFiles } from './samples.ts'

const retire: CommandFile = {
  ...{ origin: ORIGIN, nonce: { number: 7, expiresS: 3600 }, signatures: [] },
  command: { kind: 'retire', number: 4 },
}
const signed = signedBy(signedBy(retire, operatorOf(2)), operatorOf(1))

describe('a command file', () => {
  it('is the same when it is read back, for every command that there is', () => {
    for (const file of commandFiles) {
      const text = encodeCommandFile(file)
      assert.deepEqual(parseCommandFile(text), file)
      assert.ok(text.split('\n').length > 8, 'people can read it')
    }
  })

  it('carries signatures that the rules of the directory take', () => {
    const stage = new Stage().open(1)
    assert.equal(stage.ask(1, actionOf(signedBy(retire, operatorOf(1)))).code, 'no-quorum')
    assert.equal(stage.ask(1, actionOf(signed)).code, 'ok')
    assert.equal(stage.directory.state.nodes.get(4)!.status, 'leaving')
    assert.equal(stage.ask(1, actionOf(signed)).code, 'nonce-used', 'it is done once')
  })

  it('is refused when anything in it was changed after it was signed', () => {
    const text = encodeCommandFile(signed)
    const changes: [string | RegExp, string][] = [
      ['"number": 4', '"number": 3'],
      ['"kind": "retire"', '"kind": "ban"'],
      ['"nonce": 7', '"nonce": 8'],
      ['"expires": 3600', '"expires": 7200'],
      [ORIGIN, ORIGIN.replace('testnet', 'testnot')],
    ]
    for (const [from, to] of changes) {
      assert.ok(text.includes(from as string))
      assert.equal(parseCommandFile(text.replace(from, to)), 'changed', `${from} to ${to}`)
    }
  })

  it('has one form only, and an end', () => {
    const text = encodeCommandFile(signed)
    for (const other of [
      JSON.stringify(JSON.parse(text)),
      `${text}\n`,
      text.replace('"nonce"', '"none"'),
      text.replace('{', '{"more": 1,'),
      ' '.repeat(MAX_COMMAND_FILE_CHARS + 1),
      '',
    ])
      assert.equal(parseCommandFile(other), 'malformed')
  })

  it('is never taken with one character changed', () => {
    const text = encodeCommandFile(signed)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const letter = String.fromCharCode(code)
        fc.pre(text[at] !== letter)
        assert.equal(typeof parseCommandFile(text.slice(0, at) + letter + text.slice(at + 1)), 'string')
      }),
    )
  })

  it('takes one signature of each key', () => {
    assert.throws(() => signedBy(signed, operatorOf(1)), { code: 'signed-already' })
    const [first, second] = signed.signatures
    const twice = { ...signed, signatures: [first!, first!, second!] }
    assert.equal(parseCommandFile(encodeCommandFile(twice)), 'malformed')
    const ofAnother = { ...first!, key: signingKeyOf(generateSeed()).publicKey }
    assert.equal(parseCommandFile(encodeCommandFile({ ...signed, signatures: [ofAnother] })), 'changed')
  })

  it('says in plain words what it will do, with what the directory has', () => {
    const words = (file: CommandFile): string => wordsFor(file.command, fakeDirectory).join('\n')
    const all = commandFiles.map(words)
    for (const [at, text] of all.entries())
      assert.ok(text.length > 20 && !text.includes('undefined'), `${commandFiles[at]!.command.kind}: ${text}`)
    assert.match(all.join('\n'), /Retires node 2 of you \(leaving, 12D3KooWother\)/)
    assert.match(all.join('\n'), /Bans node 300, which the directory does not know/)
    assert.match(all.join('\n'), /2 operators command, 2 of them together/)
    assert.match(all.join('\n'), /ann is one no longer/)
    assert.match(all.join('\n'), /replicas from 3 to 5/)
  })

  it('counts as dangerous where it can take somebody’s place away', () => {
    const dangerous = commandFiles.filter(({ command }) => isDangerous(command)).map(it => it.command.kind)
    assert.deepEqual(dangerous, ['ban', 'retire', 'set-operators', 'set-recovery'])
  })
})
