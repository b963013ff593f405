/** Signed notes and verifier keys, by the signer's code and by the independent verifier. */
import * as verifier from '../../../audit/verify/note.ts'
import { cosignatureTimestamp } from '../../../storage/log/cosignature.ts'
import { openNote, signNote } from '../../../storage/log/note.ts'
import { ed25519FromSeed, ed25519Signer, ed25519Vkey, noteVerifier } from '../../../storage/log/note-keys.ts'
import { formatVkey, keyIdHex, parseVkey } from '../../../storage/log/vkey.ts'
import type { Cases, Expect } from '../result.ts'
import type { Vectors } from './main.ts'
import { mlDsaChecks } from './ml-dsa.ts'

export function runSignedNote(vectors: Vectors, cases: Cases): void {
  for (const { skey, text, note } of vectors.signing ?? []) {
    cases.run(`signing ${skey}`, expect => {
      const [, name, idHex, base64] = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.*)$/.exec(skey)!
      const material = Buffer.from(base64!, 'base64')
      expect('algorithm of the key', material[0], 1)
      const key = ed25519FromSeed(material.subarray(1))
      expect('key id', keyIdHex(ed25519Vkey(name!, key).keyId), idHex)
      expect('note', signNote(text, [ed25519Signer(name!, key)]), note)
      expectOpened(expect, note, [formatVkey(ed25519Vkey(name!, key))], { verified: 1, unverified: 0 })
    })
  }
  for (const vkey of vectors.badVkeys ?? [])
    cases.run(`bad vkey ${vkey}`, expect => expectVkey(expect, vkey, false))
  const opens: Vectors[] = vectors.open ?? []
  for (const { name, vkeys, note, ...wanted } of opens) {
    cases.run(`open: ${name}`, expect => expectOpened(expect, note, vkeys, wanted))
  }
  if (vectors.rule === undefined) return
  for (const vkey of new Set<string>(opens.flatMap(open => open.vkeys))) runChangedVkeys(vkey, cases)
}

export function runVkeys(vectors: Vectors, cases: Cases): void {
  for (const { vkey, alg } of vectors.ok) {
    cases.run(`vkey ${vkey}`, expect => {
      expectVkey(expect, vkey, true)
      expect('algorithm', parseVkey(vkey)?.algorithm, alg)
      expect('algorithm by the verifier', verifier.parseVerifierKey(vkey)?.algorithm, alg)
    })
    runChangedVkeys(vkey, cases)
  }
  for (const vkey of vectors.bad) cases.run(`bad vkey ${vkey}`, expect => expectVkey(expect, vkey, false))
  for (const { sig, seconds } of vectors.timestamps ?? []) {
    cases.run(`timestamp of ${sig}`, expect => {
      const signature = Buffer.from(sig, 'base64').subarray(4)
      expect('seconds', cosignatureTimestamp(signature), seconds)
      expect('seconds by the verifier', verifier.timestampOf(signature), seconds)
    })
  }
}

function expectVkey(expect: Expect, vkey: string, good: boolean): void {
  const parsed = parseVkey(vkey)
  expect('accepted', parsed !== undefined, good)
  expect('accepted by the verifier', verifier.parseVerifierKey(vkey) !== undefined, good)
  if (good) expect('written again', parsed && formatVkey(parsed), vkey)
}

/** No proper part of a vkey is one, and no vkey with one byte changed. */
function runChangedVkeys(vkey: string, cases: Cases): void {
  const accepted = (text: string) =>
    parseVkey(text) !== undefined || verifier.parseVerifierKey(text) !== undefined
  cases.run(`every part of ${vkey}`, expect => {
    for (let from = 0; from < vkey.length; from++) {
      for (let to = from; to <= vkey.length; to++) {
        const part = vkey.slice(from, to)
        if (part !== vkey && accepted(part)) expect(`accepted ${part}`, true, false)
      }
    }
  })
  cases.run(`every changed byte of ${vkey}`, expect => {
    for (let at = 0; at < vkey.length; at++) {
      const changed = vkey.slice(0, at) + String.fromCharCode(vkey.charCodeAt(at) + 1) + vkey.slice(at + 1)
      if (accepted(changed)) expect(`accepted ${changed}`, true, false)
    }
  })
}

interface WantedNote {
  readonly verified?: number
  readonly unverified?: number
  readonly error?: string
}

export function expectOpened(
  expect: Expect,
  note: string,
  vkeys: readonly string[],
  wanted: WantedNote,
): void {
  const keys = vkeys.map(vkey => parseVkey(vkey)!)
  const verifierKeys = vkeys.map(vkey => verifier.parseVerifierKey(vkey)!)
  expect(
    'all vkeys known',
    keys.includes(undefined as never) || verifierKeys.includes(undefined as never),
    false,
  )
  const opened = openNote(note, keys.map(noteVerifier))
  const checked = verifier.openNote(note, verifierKeys, mlDsaChecks)
  if (wanted.error !== undefined) {
    const code = wanted.error.startsWith('malformed') ? 'malformed' : wanted.error.replaceAll(' ', '-')
    expect('refusal', opened.ok ? 'none' : opened.code, code)
    expect('refusal by the verifier', checked.ok ? 'none' : checked.code, code)
    return
  }
  const counts = [wanted.verified, wanted.unverified]
  expect('signatures', opened.ok ? [opened.verified.length, opened.unverified.length] : opened.code, counts)
  expect(
    'signatures by the verifier',
    checked.ok ? [checked.verified.length, checked.unknown.length] : checked.code,
    counts,
  )
}
