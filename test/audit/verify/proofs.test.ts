import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { leafHash } from '../../../audit/verify/merkle.ts'
import { openNote, parseVerifierKey, type VerifierKey } from '../../../audit/verify/note.ts'
import { portableChecks, type SignatureChecks } from '../../../audit/verify/signatures.ts'
import { stateRoot, verifyState } from '../../../audit/verify/state.ts'
import { type ProofPolicy, verifyTlogProof } from '../../../audit/verify/tlog-proof.ts'
import { formatCheckpoint } from '../../../storage/log/checkpoint.ts'
import { hashLeaf } from '../../../storage/log/hashing.ts'
import { type NoteSigner, openNote as openStored, signNote } from '../../../storage/log/note.ts'
import {
  cosignatureVkey,
  cosigner,
  ed25519FromSeed,
  ed25519Signer,
  ed25519Vkey,
  noteVerifier,
} from '../../../storage/log/note-keys.ts'
import { formatTlogProof } from '../../../storage/log/tlog-proof.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { formatVkey, type Vkey } from '../../../storage/log/vkey.ts'
import { encodeStateProof, verifyStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'

const key = (n: number) => ed25519FromSeed(createHash('sha256').update(`seed ${n}`).digest())
const known = (vkey: Vkey): VerifierKey => parseVerifierKey(formatVkey(vkey))!
const origin = 'example.org/area/1'
const witnesses = [2, 3, 4]
const witnessName = (n: number) => `example.org/witness/${n}`

const logVkey = ed25519Vkey(origin, key(1))
const witnessVkeys = witnesses.map(n => cosignatureVkey(witnessName(n), key(n)))
const signers: NoteSigner[] = [
  ed25519Signer(origin, key(1)),
  ...witnesses.map(n => cosigner(witnessName(n), key(n), 1_700_000_000 + n)),
]
const policy: ProofPolicy = {
  origin,
  logKeys: [known(logVkey)],
  cosignerKeys: witnessVkeys.map(known),
  cosignaturesNeeded: 2,
}

/** Faster than the portable check; the same answers. */
const fastChecks: SignatureChecks = {
  ed25519(publicKey, message, signature) {
    const x = Buffer.from(publicKey).toString('base64url')
    return verify(
      null,
      message,
      createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
      signature,
    )
  },
  mlDsa44: undefined,
}

async function proofText(
  index: number,
  size: number,
  signedBy: readonly NoteSigner[],
  name = origin,
): Promise<string> {
  const log = new MerkleLog(async () => undefined)
  for (let i = 0; i < size; i++) log.append(hashLeaf(Buffer.from(`entry ${i}`)))
  const checkpoint = signNote(
    formatCheckpoint({ origin: name, size, root: log.root(), extensions: [] }),
    signedBy,
  )
  return formatTlogProof({
    extra: undefined,
    index,
    proof: await log.inclusionProof(index, size),
    checkpoint,
  })
}

describe('a proof file', () => {
  const leaf = leafHash(Buffer.from('entry 5'))

  it('is believed when log and enough cosigners signed and the leaf is in it', async () => {
    const text = await proofText(5, 13, signers)
    for (const checks of [portableChecks, fastChecks]) {
      const result = verifyTlogProof(text, leaf, policy, checks)
      assert.ok(result.ok)
      assert.deepEqual([result.index, result.checkpoint.size], [5, 13])
      assert.deepEqual(
        result.lines.map(line => line.timestampSeconds),
        [undefined, 1_700_000_002, 1_700_000_003, 1_700_000_004],
      )
    }
  })

  it('is refused with the reason', async () => {
    const refusal = async (text: string, change: Partial<ProofPolicy> = {}, hash = leaf) => {
      const result = verifyTlogProof(text, hash, { ...policy, ...change }, fastChecks)
      return result.ok ? 'believed' : result.code
    }
    const good = await proofText(5, 13, signers)
    assert.equal(await refusal(`x${good}`), 'malformed-proof')
    assert.equal(await refusal(good.slice(0, -1)), 'malformed-checkpoint')
    assert.equal(await refusal(good, { origin: 'example.org/area/2' }), 'wrong-origin')
    assert.equal(await refusal(await proofText(5, 13, signers.slice(1))), 'log-signature')
    assert.equal(await refusal(good, { logKeys: [], cosignerKeys: [] }), 'log-signature')
    assert.equal(await refusal(await proofText(5, 13, signers.slice(0, 2))), 'too-few-cosignatures')
    assert.equal(await refusal(good, {}, leafHash(Buffer.from('entry 6'))), 'not-included')
    assert.equal(await refusal(good.replace('index 5', 'index 6')), 'not-included')
    assert.equal(await refusal(good.replace(`${origin}\n13\n`, `${origin}\n14\n`)), 'invalid-signature')
  })

  it('does not count one cosigner twice', async () => {
    const text = await proofText(5, 13, [signers[0]!, signers[1]!, signers[1]!])
    const result = verifyTlogProof(text, leaf, policy, fastChecks)
    assert.deepEqual(result, { ok: false, code: 'too-few-cosignatures' })
  })

  it('is refused with any one character changed', async () => {
    const text = await proofText(5, 13, signers.slice(0, 3))
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('', 'A', '1', '\n', ' ', '+', '='), (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1)
        if (changed !== text) assert.ok(!verifyTlogProof(changed, leaf, policy, fastChecks).ok)
      }),
      { numRuns: 400 },
    )
  })
})

describe('a note', () => {
  it('is opened alike by signer and verifier, whatever was changed in it', () => {
    const text = formatCheckpoint({ origin, size: 9, root: leafHash(Buffer.from('r')), extensions: ['more'] })
    const note = signNote(text, signers)
    const stored = [logVkey, ...witnessVkeys].map(noteVerifier)
    const keys = [...policy.logKeys, ...policy.cosignerKeys]
    const put = fc.constantFrom('', 'A', '\n', ' ', '+', '=', '\u0001', '\u0085', '\ufeff', '\ud800', '— ')
    fc.assert(
      fc.property(fc.nat(note.length - 1), put, fc.nat(1), (at, put, cut) => {
        const changed = note.slice(0, at) + put + note.slice(at + cut)
        const [a, b] = [openStored(changed, stored), openNote(changed, keys, fastChecks)]
        const summary = (ok: boolean, ...parts: unknown[]) => [ok, ...parts]
        assert.deepEqual(
          a.ok ? summary(true, a.text, a.verified.length, a.unverified.length) : summary(false, a.code),
          b.ok ? summary(true, b.text, b.verified.length, b.unknown.length) : summary(false, b.code),
        )
      }),
      { numRuns: 1000 },
    )
  })
})

const anyKey = fc.oneof(
  fc.uint8Array({ maxLength: 3, max: 2 }),
  fc.constantFrom(Uint8Array.of(255), Uint8Array.of(255, 0), Uint8Array.of(255, 0, 255)),
  fc.nat(30).map(n => new Uint8Array(createHash('sha256').update(String(n)).digest())),
)
const anyEntries = fc.uniqueArray(fc.record({ key: anyKey, value: fc.uint8Array({ maxLength: 5 }) }), {
  selector: entry => Buffer.from(entry.key).toString('hex'),
  maxLength: 40,
})

describe('the state', () => {
  it('has the same root from all its entries as the tree that was kept up to date', () => {
    fc.assert(
      fc.property(anyEntries, entries => {
        const tree = new StateTree()
        for (const { key, value } of entries) tree.set(key, value)
        assert.deepEqual(Buffer.from(stateRoot(entries)!), Buffer.from(tree.root()))
        if (entries.length > 0) assert.equal(stateRoot([...entries, entries[0]!]), undefined)
      }),
      { numRuns: 300 },
    )
  })

  it('is proven and disproven alike for prover and verifier, whatever was changed in a proof', () => {
    fc.assert(
      fc.property(anyEntries, anyKey, fc.nat(), fc.nat(8), (entries, key, at, bit) => {
        const tree = new StateTree()
        for (const entry of entries) tree.set(entry.key, entry.value)
        const value = tree.get(key)
        const proof = encodeStateProof(tree.proof(key))
        assert.ok(verifyState(tree.root(), key, value, proof))
        if (proof.length === 0) return
        proof[at % proof.length]! ^= (1 << bit) & 255
        const other = at % 3 === 0 ? proof.slice(0, at % proof.length) : proof
        assert.equal(
          verifyState(tree.root(), key, value, other),
          verifyStateProof(tree.root(), key, value, other),
        )
        assert.equal(
          verifyState(tree.root(), key, undefined, other),
          verifyStateProof(tree.root(), key, undefined, other),
        )
      }),
      { numRuns: 1000 },
    )
  })
})
