/** C2SP tlog-cosignature: `cosignature/v1` and ML-DSA-44 subtree lines with the exact bytes that were signed. */
import { parseCheckpoint as parseByVerifier } from '../../../audit/verify/checkpoint.ts'
import * as verifier from '../../../audit/verify/note.ts'
import { type Checkpoint, parseCheckpoint } from '../../../storage/log/checkpoint.ts'
import {
  ed25519SignatureBytes,
  mlDsa44SignatureBytes,
  parseTimestamped,
  type Subtree,
  subtreeMessage,
  subtreeOfCheckpoint,
} from '../../../storage/log/cosignature.ts'
import { type NoteSignature, type ParsedNote, parseNote } from '../../../storage/log/note.ts'
import { cosigner, ed25519FromSeed, ed25519PublicKey, verifySubtree } from '../../../storage/log/note-keys.ts'
import { keyIdHex, parseVkey, type Vkey } from '../../../storage/log/vkey.ts'
import type { Cases } from '../result.ts'
import type { Vectors } from './main.ts'
import { mlDsaChecks, mlDsaPublicKey } from './ml-dsa.ts'
import { expectOpened } from './notes.ts'

const fromHex = (text: string) => Buffer.from(text, 'hex')

function lineOf(note: ParsedNote, key: Vkey): NoteSignature {
  const line = note.signatures.find(line => line.name === key.name && line.keyId === key.keyId)
  if (!line) throw new Error(`the note has no line of ${key.name}`)
  return line
}

export function runCosignature(vectors: Vectors, cases: Cases): void {
  const { note, ed25519Vkey, mldsaVkey } = vectors
  const edKey = parseVkey(ed25519Vkey)!
  const pqKey = parseVkey(mldsaVkey)!
  const parsed = parseNote(note)!
  cases.run('keys', expect => {
    expect('Ed25519 key', [edKey?.algorithm, keyIdHex(edKey.keyId)], [4, vectors.ed25519KeyId])
    expect('ML-DSA-44 key', [pqKey?.algorithm, keyIdHex(pqKey.keyId)], [6, vectors.mldsaKeyId])
    const ids = [ed25519Vkey, mldsaVkey].map(vkey =>
      Buffer.from(verifier.parseVerifierKey(vkey)!.id).toString('hex'),
    )
    expect('key ids by the verifier', ids, [vectors.ed25519KeyId, vectors.mldsaKeyId])
  })
  cases.run('checkpoint in the note', expect => {
    expect('by both', parseByVerifier(parsed.text), parseCheckpoint(parsed.text))
    expect('is one', parseCheckpoint(parsed.text) !== undefined, true)
  })
  cases.run('both lines verify', expect => {
    expectOpened(expect, note, [ed25519Vkey, mldsaVkey], { verified: 2, unverified: 0 })
    expectOpened(expect, note, [ed25519Vkey], { verified: 1, unverified: 1 })
    expectOpened(expect, note, [mldsaVkey], { verified: 1, unverified: 1 })
  })
  cases.run('changed text does not verify', expect => {
    const changed = note.replace('\n', '.\n')
    expectOpened(expect, changed, [ed25519Vkey], { error: 'invalid signature' })
    expectOpened(expect, changed, [mldsaVkey], { error: 'invalid signature' })
  })
  if (vectors.ed25519SeedHex) {
    cases.run('Ed25519 line is made again from the seed', expect => {
      const privateKey = ed25519FromSeed(fromHex(vectors.ed25519SeedHex))
      expect('public key', ed25519PublicKey(privateKey), edKey.publicKey)
      const line = lineOf(parsed, edKey)
      const seconds = parseTimestamped(line.signature, ed25519SignatureBytes)!.timestampSeconds
      expect('signature', cosigner(edKey.name, privateKey, seconds).sign(parsed.text), line.signature)
    })
  }
  if (vectors.mldsaSeedHex) {
    cases.run('ML-DSA-44 key comes from the seed', expect => {
      expect('public key', mlDsaPublicKey(fromHex(vectors.mldsaSeedHex)), pqKey.publicKey)
    })
  }
  if (vectors.mldsaMessageHex)
    runMessage(vectors, parseCheckpoint(parsed.text)!, pqKey, lineOf(parsed, pqKey), cases)
  if (vectors.subtree) runSubtree(vectors.subtree, mldsaVkey, cases)
}

function runMessage(
  vectors: Vectors,
  checkpoint: Checkpoint,
  key: Vkey,
  line: NoteSignature,
  cases: Cases,
): void {
  cases.run('bytes that ML-DSA-44 signs', expect => {
    const seconds = parseTimestamped(line.signature, mlDsa44SignatureBytes)!.timestampSeconds
    const subtree = subtreeOfCheckpoint(checkpoint)
    const wanted = fromHex(vectors.mldsaMessageHex)
    expect('message', Buffer.from(subtreeMessage(key.name, seconds, subtree)!), wanted)
    expect(
      'message by the verifier',
      Buffer.from(verifier.subtreeMessage(key.name, seconds, subtree)!),
      wanted,
    )
  })
}

function runSubtree(vectors: Vectors, vkey: string, cases: Cases): void {
  const { start, end, origin, hashHex, signatureBase64 } = vectors
  const signature = Buffer.from(signatureBase64, 'base64')
  const subtree: Subtree = { origin, start, end, hash: fromHex(hashHex) }
  const key = parseVkey(vkey)!
  const verifierKey = verifier.parseVerifierKey(vkey)!
  const accepted = (subtree: Subtree) => [
    verifySubtree(key, subtree, signature),
    verifier.verifySubtree(verifierKey, subtree, signature, mlDsaChecks),
  ]
  cases.run(`subtree ${start} to ${end}`, expect => {
    expect('accepted by both', accepted(subtree), [true, true])
    expect('with another end', accepted({ ...subtree, end: end + 1 }), [false, false])
    expect('with another origin', accepted({ ...subtree, origin: `${origin}0` }), [false, false])
  })
}
