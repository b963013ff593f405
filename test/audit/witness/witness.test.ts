import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { parseTwoFaces } from '../../../audit/evidence.ts'
import { parseVerifierKey } from '../../../audit/verify/note.ts'
import { memoryInFiles } from '../../../audit/witness/memory-files.ts'
import { serveWitness } from '../../../audit/witness/server.ts'
import { Witness, type WitnessMemory } from '../../../audit/witness/witness.ts'
import { signingKeyOf } from '../../../daemon/identity/signing-key.ts'
import { encodeBase64 } from '../../../storage/log/base64.ts'
import { formatCheckpoint } from '../../../storage/log/checkpoint.ts'
import { openNote, signNote } from '../../../storage/log/note.ts'
import {
  cosignatureVkey,
  ed25519FromSeed,
  ed25519Signer,
  ed25519Vkey,
  noteVerifier,
} from '../../../storage/log/note-keys.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { formatVkey } from '../../../storage/log/vkey.ts'

const origin = 'sea/area/0000/0'
const name = 'sea/witness/1'
const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const logKey = ed25519FromSeed(seedOf(1))
const otherKey = ed25519FromSeed(seedOf(2))
const cosignKey = ed25519FromSeed(seedOf(3))
const vkeyOf = (key: typeof logKey) => parseVerifierKey(formatVkey(ed25519Vkey(origin, key)))!
const ownVkey = cosignatureVkey(name, cosignKey)

/** A log, or one of the faces of a log that lies: its leaves carry the face's name. */
class Face {
  readonly log = new MerkleLog(async () => undefined)
  readonly #roots = new Map<number, Uint8Array>()

  constructor(size: number, face = 0, from = 0) {
    this.#roots.set(0, this.log.root())
    for (let leaf = 0; leaf < size; leaf++) {
      this.log.append(seedOf(leaf < from ? leaf : leaf + 100 * face))
      this.#roots.set(leaf + 1, this.log.root())
    }
  }

  note(size: number, key = logKey): string {
    const text = formatCheckpoint({ origin, size, root: this.#roots.get(size)!, extensions: [] })
    return signNote(text, [ed25519Signer(origin, key)])
  }

  /** The request of a client that knows the witness to be at `old`. */
  async request(old: number, size: number, note = this.note(size)): Promise<string> {
    const full = new Face(size)
    const proof = old === 0 || old >= size ? [] : await full.log.consistencyProof(old, size)
    return [`old ${old}`, ...proof.map(encodeBase64), '', note].join('\n')
  }
}

describe('a witness', () => {
  const honest = new Face(40)
  let dir: string
  let accused: string[]
  let memory: WitnessMemory

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-witness-'))
    accused = []
    memory = memoryInFiles(dir, path => accused.push(path))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  function witness(using = memory): Witness {
    return new Witness({
      key: parseVerifierKey(formatVkey(ownVkey))!,
      sign: message => signingKeyOf(seedOf(3)).sign(message),
      logs: new Map([[origin, { keys: [vkeyOf(logKey)] }]]),
      memory: using,
      nowSeconds: () => 1_700_000_000,
      count: () => {},
    })
  }

  const ask = (of: Witness, request: string) => of.addCheckpoint(Buffer.from(request))

  it('cosigns a log as it grows, with signatures that are those of its key on that checkpoint', async () => {
    const it = witness()
    let old = 0
    for (const size of [1, 2, 7, 8, 8, 40]) {
      const note = honest.note(size)
      const { status, body } = ask(it, await honest.request(old, size))
      assert.equal(status, 200, body)
      const opened = openNote(note + body, [noteVerifier(ownVkey)])
      assert.ok(opened.ok && opened.verified.length === 1)
      assert.equal(openNote(honest.note(3) + body, [noteVerifier(ownVkey)]).ok, false)
      old = size
    }
  })

  it('answers as the specification says to all else', async () => {
    const it = witness()
    const status = async (request: Promise<string> | string) => ask(it, await request).status
    assert.equal(await status('nonsense'), 400)
    assert.equal(await status((await honest.request(0, 5)).replace(origin, 'sea/area/0001/0')), 404)
    assert.equal(await status(honest.request(0, 5, honest.note(5, otherKey))), 403)
    const forged = honest
      .note(5)
      .replace(/— (.*) (.{8})/, '— $1 $2')
      .replace(/.{6}\n$/, 'AAAA==\n')
    assert.equal(await status(honest.request(0, 5, forged)), 403)
    assert.equal(await status(honest.request(9, 5)), 400)
    assert.equal(
      await status((await honest.request(0, 5)).replace('old 0\n', `old 0\n${'A'.repeat(43)}=\n`)),
      422,
    )
    assert.equal(await status(honest.request(0, 5)), 200)
    const conflict = ask(it, await honest.request(3, 9))
    assert.deepEqual(conflict, { status: 409, type: 'text/x.tlog.size', body: '5\n' })
    assert.equal(
      await status((await honest.request(5, 9)).replace(/\n.{44}\n/, `\n${'A'.repeat(43)}=\n`)),
      422,
    )
    assert.equal(await status(honest.request(5, 9)), 200)
  })

  it('refuses a size-zero checkpoint with another root than that of the empty tree', () => {
    const wrong = formatCheckpoint({ origin, size: 0, root: seedOf(9), extensions: [] })
    const signed = signNote(wrong, [ed25519Signer(origin, logKey)])
    assert.equal(ask(witness(), `old 0\n\n${signed}`).status, 422)
    assert.equal(ask(witness(), `old 0\n\n${new Face(0).note(0)}`).status, 200)
  })

  it('keeps what it saw over a restart, and refuses to start from a memory that is damaged', async () => {
    assert.equal(ask(witness(), await honest.request(0, 12)).status, 200)
    const later = witness(memoryInFiles(dir, () => {}))
    assert.equal(ask(later, await honest.request(0, 20)).body, '12\n')
    assert.equal(ask(later, await honest.request(12, 20)).status, 200)
    const [file] = readdirSync(dir)
    rmSync(join(dir, file!))
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(dir, file!), 'damaged')
    assert.throws(() => memoryInFiles(dir, () => {}).head(origin), { code: 'bad-memory' })
  })

  it('keeps both faces of a log that contradicts itself, whole, and cosigns the second one never', async () => {
    const liar = new Face(40, 1, 10)
    const it = witness()
    assert.equal(ask(it, await honest.request(0, 20)).status, 200)
    for (const old of [0, 20, 20, 19]) assert.notEqual(ask(it, await liar.request(old, 20)).status, 200)
    assert.equal(accused.length, 1, 'one file for all of it')
    const evidence = parseTwoFaces(readFileSync(accused[0]!, 'utf8'))
    assert.deepEqual(evidence, { older: honest.note(20), newer: liar.note(20), path: [] })
  })

  it('cosigns nothing that it could not keep', async () => {
    const full: WitnessMemory = {
      ...memory,
      head: () => undefined,
      keep: () => {
        throw new Error('no space left')
      },
    }
    const it = witness(full)
    const running = await serveWitness(it, () => 'a witness', '127.0.0.1', 0)
    try {
      const response = await post(running.url, await honest.request(0, 5))
      assert.equal(response.status, 500)
      assert.match(response.body, /no space left/)
    } finally {
      await running.stop()
    }
  })

  it('never cosigns two checkpoints that contradict, whatever is asked in whatever order', async () => {
    const faces = [honest, new Face(40, 1, 10), new Face(40, 2, 25)]
    const step = fc.record({ face: fc.nat(2), old: fc.nat(40), size: fc.nat(40), honestOld: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const folder = mkdtempSync(join(dir, 'run-'))
        const it = witness(memoryInFiles(folder, () => {}))
        const cosigned: { face: number; size: number }[] = []
        for (const { face, old, size, honestOld } of steps) {
          const known = cosigned.at(-1)?.size ?? 0
          const request = await faces[face]!.request(honestOld ? known : old, size)
          const { status } = ask(it, request)
          if (status === 200) cosigned.push({ face, size })
        }
        for (const [i, { face, size }] of cosigned.entries()) {
          for (const earlier of cosigned.slice(0, i)) {
            assert.ok(earlier.size <= size)
            const shared = Math.min(
              ...[earlier.face, face].filter(f => f > 0).map(f => (f === 1 ? 10 : 25)),
              40,
            )
            assert.ok(earlier.face === face || earlier.size <= shared, 'an extension of what it saw')
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('takes nothing but a request in its one form', async () => {
    const good = await honest.request(0, 30)
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(good)
        if (bytes[at] === byte) return
        bytes[at] = byte
        const folder = mkdtempSync(join(dir, 'run-'))
        assert.notEqual(witness(memoryInFiles(folder, () => {})).addCheckpoint(bytes).status, 200)
      }),
      { numRuns: 200 },
    )
  })

  it('serves POST /add-checkpoint, says who it is, and refuses what is too long', async () => {
    const running = await serveWitness(witness(), () => 'a witness', '127.0.0.1', 0)
    try {
      const first = await post(running.url, await honest.request(0, 5))
      assert.equal(first.status, 200)
      assert.equal((await post(running.url, await honest.request(0, 9))).type, 'text/x.tlog.size')
      assert.equal((await post(running.url, 'x'.repeat(100_000))).status, 413)
      assert.equal((await fetch(running.url)).status, 200)
      assert.equal((await fetch(`${running.url}/add-checkpoint`)).status, 405)
      assert.equal((await fetch(`${running.url}/other`)).status, 404)
    } finally {
      await running.stop()
    }
  })
})

interface Response {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Not by fetch, which fails when an answer comes before the whole request is sent. */
function post(url: string, body: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/add-checkpoint`, { method: 'POST' }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', part => {
        text += part
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode!, type: response.headers['content-type'] ?? '', body: text }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}
