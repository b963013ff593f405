import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { formatTwoFaces as formatAsAuditor, parseTwoFaces as parseAsAuditor } from '../../audit/evidence.ts'
import { consistencyRoots } from '../../audit/verify/merkle.ts'
import { EvidenceBook, evidenceId } from '../../daemon/evidence/book.ts'
import { EvidenceFolder } from '../../daemon/evidence/folder.ts'
import { Judge, type Proven } from '../../daemon/evidence/judge.ts'
import { LogKeys } from '../../daemon/evidence/log-keys.ts'
import { formatTwoFaces, parseTwoFaces } from '../../daemon/evidence/two-faces.ts'
import type { Engine } from '../../daemon/hosting/engine.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { NodeBook } from '../../daemon/nodes/book.ts'
import { recordOf } from '../../daemon/nodes/record.ts'
import type { Network } from '../../daemon/ports.ts'
import { realClock } from '../../daemon/real-ports.ts'
import type { Basis } from '../../daemon/starting/parts.ts'
import { startWatching } from '../../daemon/starting/watching.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { isPerfectSize, rootsOfPath } from '../../storage/log/consistency.ts'
import { signNote } from '../../storage/log/note.ts'
import { ed25519FromSeed, ed25519PublicKey, ed25519Signer } from '../../storage/log/note-keys.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { fakeRoot, leaf, Town } from '../checkpoints/support.ts'

describe('evidence as a node makes it', () => {
  let town: Town
  before(() => {
    town = new Town()
  })
  after(() => town.remove())

  it('is written as an auditor writes it, who shares no code with the node', () => {
    const path = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 })
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), path, (older, newer, path) => {
        const text = formatTwoFaces({ older, newer, path })
        assert.equal(text, formatAsAuditor({ older, newer, path }))
        const [mine, theirs] = [parseTwoFaces(text), parseAsAuditor(text)]
        assert.equal(mine?.newer, theirs?.newer)
        for (const bent of [`${text}\n`, text.slice(0, -1), text.replace('v1', 'v2')])
          assert.deepEqual([parseTwoFaces(bent), parseAsAuditor(bent)], [undefined, undefined])
      }),
    )
  })

  it('takes from a path the roots that an auditor takes from it', async () => {
    const log = new MerkleLog(async () => undefined)
    for (let i = 0; i < 130; i++) log.append(leaf(i))
    const sizes = fc.tuple(fc.integer({ min: 1, max: 129 }), fc.integer({ min: 2, max: 130 }))
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(3), async ([old, size], cut) => {
        fc.pre(old < size)
        const proof = await log.consistencyProof(old, size)
        const path = isPerfectSize(old) ? [await log.rootAt(old), ...proof] : proof
        const roots = rootsOfPath(old, size, path)
        assert.deepEqual(roots?.old, await log.rootAt(old))
        assert.deepEqual(roots?.new, await log.rootAt(size))
        const bent = cut === 0 ? [...path, fakeRoot(1)] : path.slice(cut)
        assert.deepEqual(rootsOfPath(old, size, bent), consistencyRoots(old, size, bent))
      }),
    )
  })

  it('names who signed, also where somebody made a key that has the id of another', () => {
    const origin = 'town/area/0000/0'
    const keys = [51_346, 75_253].map(number => {
      const seed = Buffer.alloc(32)
      seed.writeUInt32BE(number, 28)
      return ed25519FromSeed(seed)
    })
    const [honest, liar] = keys as [KeyObject, KeyObject]
    assert.equal(ed25519Signer(origin, honest).keyId, ed25519Signer(origin, liar).keyId)
    const face = (root: Uint8Array): string =>
      signNote(formatCheckpoint({ origin, size: 9, root, extensions: [] }), [ed25519Signer(origin, liar)])
    const text = formatTwoFaces({ older: face(fakeRoot(1)), newer: face(fakeRoot(2)), path: [] })
    const accused = (inOrder: readonly KeyObject[]) => {
      const signers = inOrder.map((key, i) => ({ node: i + 1, logKey: ed25519PublicKey(key) }))
      const logKeys = new LogKeys([origin], signers)
      const judge = new Judge({
        ...{ origins: [origin], logKeys, verify: verifySignature },
        voteKeyOf: () => undefined,
        mayHold: () => true,
      })
      const judged = judge.judge(text)
      return typeof judged === 'string' ? judged : judged.accused
    }
    assert.deepEqual(accused([liar, honest]), [1])
    assert.equal(accused([honest, liar]), 'proves-nothing')
  })

  it('is about nodes that hold the log: who has no part in it can put nobody in doubt, by what he signs', () => {
    const [area] = town.origins as [string]
    const stranger = 5
    const faces = (older: number, newer: number): string =>
      formatTwoFaces({
        ...{ older: town.sign(older, area, 9, fakeRoot(1)), newer: town.sign(newer, area, 9, fakeRoot(2)) },
        path: [],
      })
    assert.equal(town.judge.judge(faces(stranger, stranger)), 'of-strangers')
    assert.equal(town.judge.judge(faces(stranger, 2)), 'of-strangers')
    assert.equal(town.judge.judge(faces(2, stranger)), 'of-strangers')
    const proven = town.judge.judge(faces(2, 3))
    assert.deepEqual(typeof proven === 'object' && proven.signers, [2, 3])
  })

  it('is told to the others again by a node that starts anew with it', () => {
    const [area] = town.origins as [string]
    const files = dataDirFiles(join(town.folder, 'node'))
    const [older, newer] = [1, 2].map(seed => town.sign(2, area, 9, fakeRoot(seed)))
    const text = formatTwoFaces({ older: older!, newer: newer!, path: [] })
    new EvidenceFolder(files.evidence, []).keep(evidenceId(text), text)
    const [told, lost]: [string[], string[]] = [[], []]
    const network = {
      publish: (topic: string, data: Uint8Array) =>
        topic === 'evidence' && told.push(Buffer.from(data).toString()),
      subscribe: () => {},
    } as unknown as Network
    const log = { warn: (facts: { error?: string }) => facts.error !== undefined && lost.push(facts.error) }
    const { genesis } = town
    const book = new NodeBook('', genesis.file.nodes.map(recordOf))
    const parts = { genesis, book, dataDir: { files }, clock: realClock, log, count: () => {} }
    const basis = parts as unknown as Basis
    const engine = {
      authorities: () => [],
      authority: () => undefined,
      mayServe: () => [],
    } as unknown as Engine
    const watching = startWatching(basis, network, engine)
    watching.stop()
    assert.deepEqual(lost, [])
    assert.deepEqual(
      told.map(message => message.slice(2)),
      [text],
    )
    assert.deepEqual(watching.evidence.list()[0]?.accused, [2])
  })

  describe('in its book', () => {
    const kept = new Set<string>()
    const book = () => {
      kept.clear()
      return new EvidenceBook({
        judge: text => JSON.parse(text) as Proven,
        keep: ({ id }) => kept.add(id),
        drop: id => kept.delete(id),
      })
    }
    const piece = (change: Partial<Proven>): string =>
      JSON.stringify({
        ...{ kind: 'two-faces', origin: 'o', accused: [], signers: [1, 4], place: '9', contradiction: 'a b' },
        ...change,
      })

    it('stands once, whoever signed for the side that nobody doubts', () => {
      const full = book()
      assert.equal(full.add(piece({}), 0).filed, 'new')
      assert.equal(full.add(piece({}), 0).filed, 'same')
      assert.equal(full.add(piece({ signers: [2, 4] }), 0).filed, 'alike')
      assert.equal(full.add(piece({ signers: [2, 4], contradiction: 'a c' }), 0).filed, 'new')
      assert.equal(full.add(piece({ accused: [4], signers: [4] }), 0).filed, 'new')
    })

    it('has a few pieces of a kind against one node about one log', () => {
      const full = book()
      const filed = Array.from({ length: 8 }, (_, i) => {
        return full.add(piece({ accused: [4], signers: [4], place: String(i) }), 0).filed
      })
      assert.deepEqual(filed, [...Array(4).fill('new'), ...Array(4).fill('alike')])
    })

    it('has room for the first lie of anybody, however often another has lied', () => {
      const full = book()
      for (let i = 0; i < 600; i++) full.add(piece({ origin: `o${i}`, accused: [4], signers: [4] }), 0)
      assert.equal(full.list().length, 512)
      assert.equal(full.add(piece({ origin: 'p', accused: [4], signers: [4] }), 0).filed, 'full')
      assert.equal(full.add(piece({ origin: 'p', accused: [3], signers: [3] }), 0).filed, 'new')
      assert.equal(full.list().length, 512)
      assert.deepEqual(new Set(full.list().map(({ id }) => id)), kept)
    })
  })

  describe('in its folder', () => {
    let dir: string
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'freehold-evidence-'))
    })
    afterEach(() => rmSync(dir, { recursive: true, force: true }))

    it('is read once, also what others put there later, but nothing that is too long to be any', () => {
      const own = join(dir, 'evidence')
      const others = join(dir, 'witness', 'evidence')
      const folder = new EvidenceFolder(own, [others])
      folder.keep(evidenceId('mine'), 'mine')
      assert.deepEqual(folder.look(), [])
      mkdirSync(others, { recursive: true })
      writeFileSync(join(others, 'a.evidence'), 'theirs')
      writeFileSync(join(own, 'b.evidence'), 'given')
      writeFileSync(join(own, 'c.evidence'), 'x'.repeat(100_000))
      writeFileSync(join(own, 'd.tmp'), 'half')
      for (const path of [own, others]) utimesSync(path, 1, 1)
      assert.deepEqual(
        folder.look().map(({ text }) => text),
        ['given', 'theirs'],
      )
      utimesSync(own, 2, 2)
      assert.deepEqual(folder.look(), [])
      const texts = new EvidenceFolder(own, [others]).look().map(({ text }) => text)
      assert.deepEqual(texts.sort(), ['given', 'mine', 'theirs'])
      folder.drop(evidenceId('mine'))
      assert.equal(readdirSync(own).includes(`${evidenceId('mine')}.evidence`), false)
      assert.equal(readFileSync(join(own, 'b.evidence'), 'utf8'), 'given')
    })

    it('is written again when it was dropped and is found once more', () => {
      const folder = new EvidenceFolder(join(dir, 'evidence'), [])
      const id = evidenceId('mine')
      folder.keep(id, 'mine')
      folder.drop(id)
      folder.keep(id, 'mine')
      assert.equal(readFileSync(folder.pathOf(id), 'utf8'), 'mine')
    })
  })
})
