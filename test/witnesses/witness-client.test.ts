import assert from 'node:assert/strict'
import { type Answer, WitnessClient } from '../../daemon/witnesses/witness-client.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signatureLines, signNote } from '../../storage/log/note.ts'
import {
  cosignatureVkey,
  cosigner,
  ed25519FromSeed,
  ed25519Signer,
  noteVerifier,
} from '../../storage/log/note-keys.ts'

const origin = 'sea/area/0000/0'
const logKey = ed25519FromSeed(new Uint8Array(32).fill(1))
const witnessKey = ed25519FromSeed(new Uint8Array(32).fill(2))
const text = formatCheckpoint({ origin, size: 9, root: new Uint8Array(32), extensions: [] })
const note = signNote(text, [ed25519Signer(origin, logKey)])

/** A witness that answers so, one time after the other, and what it was asked. */
function witness(...answers: (Answer | Error)[]) {
  const asked: string[] = []
  const client = new WitnessClient(noteVerifier(cosignatureVkey('w', witnessKey)), async body => {
    asked.push(body)
    const answer = answers[asked.length - 1]!
    if (answer instanceof Error) throw answer
    return answer
  })
  return { client, asked }
}

function cosigned(key = witnessKey): Answer {
  const signer = cosigner('w', key, 1_700_000_000)
  const { name, keyId } = signer
  return { status: 200, body: signatureLines([{ name, keyId, signature: signer.sign(text) }]) }
}

describe('the client of a witness', () => {
  const proofsFrom: number[] = []
  const checkpoint = {
    ...{ origin, size: 9, note },
    prove: async (oldSize: number) => {
      proofsFrom.push(oldSize)
      return [new Uint8Array(32).fill(oldSize)]
    },
  }

  it('asks again from where the witness says that it is, and takes its cosignature', async () => {
    const { client, asked } = witness({ status: 409, body: '4\n' }, cosigned())
    assert.ok((await client.cosign(checkpoint)).ok)
    assert.deepEqual(proofsFrom.splice(0), [4])
    assert.ok(asked[0]!.startsWith(`old 0\n\n${origin}\n`))
    assert.match(asked[1]!, /^old 4\n[\w+/]{43}=\n\n/)
  })

  it('asks once more and not for ever, and leaves a witness that is ahead alone', async () => {
    for (const [body, code] of [
      ['10\n', 'ahead'],
      ['-1\n', 'malformed'],
      ['1e3\n', 'malformed'],
      ['4', 'malformed'],
      ['', 'malformed'],
    ] as const) {
      const { client, asked } = witness({ status: 409, body })
      const answer = await client.cosign(checkpoint)
      assert.deepEqual([answer.ok, answer.ok || answer.code, asked.length], [false, code, 1], body)
    }
    const { client } = witness({ status: 409, body: '4\n' }, { status: 409, body: '5\n' })
    assert.equal((await client.cosign(checkpoint)).ok, false)
  })

  it('takes no cosignature of another key, and no other answer for one', async () => {
    const stranger = ed25519FromSeed(new Uint8Array(32).fill(3))
    for (const answer of [cosigned(stranger), { status: 200, body: '' }, { status: 200, body: 'x\n' }]) {
      const taken = await witness(answer).client.cosign(checkpoint)
      assert.deepEqual([taken.ok, taken.ok || taken.code], [false, 'malformed'])
    }
    const refused = await witness({ status: 403, body: 'no' }).client.cosign(checkpoint)
    assert.equal(refused.ok || refused.code, 'refused')
  })

  it('says that it failed, and throws nothing, when nobody answers or the proof cannot be read', async () => {
    const silent = await witness(new Error('timeout')).client.cosign(checkpoint)
    assert.equal(silent.ok || silent.code, 'failed')
    const unproven = await witness({ status: 409, body: '4\n' }).client.cosign({
      ...checkpoint,
      prove: () => Promise.reject(new Error('a tile is missing')),
    })
    assert.deepEqual(unproven, { ok: false, code: 'failed', why: 'a tile is missing' })
  })
})
