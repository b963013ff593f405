import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseGenesis } from '../../audit/genesis.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import {
  formatProof,
  openProof,
  type RecordProof,
  type StateProof,
} from '../../client/protocol/proof-file.ts'
import { parseReceiptFile } from '../../client/protocol/receipt-file.ts'
import type { Replica } from '../../daemon/authority/replica.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { treeKey } from '../../storage/state/entry.ts'
import { encodeStateProof } from '../../storage/state/proof.ts'
import { certify, cosign, decidedSeal, decidedTown, founders } from './support/decided.ts'
import { foundTown, publish, removeTown, type Served, type Town } from './support/log.ts'
import { receiptFileOf } from './support/receipts.ts'

describe('a proof that somebody kept', function () {
  this.timeout(20_000)
  let town: Town
  let records: readonly LogRecord[]
  let replica: Replica
  let served: Served
  let certificate: Uint8Array

  before(async () => {
    ;({ town, records, replica, certificate } = decidedTown())
    served = await publish(town, records, 2)
    cosign(town, served.published, 1)
  })
  after(() => removeTown(town))

  const common = () => ({
    ...{ network: 'town', genesisHash: town.genesis.hash, origin: town.origin },
    ...{ activations: [], certificate },
  })

  async function recordProof(leaf: number, change: Partial<RecordProof> = {}): Promise<string> {
    const { salt, body } = records[leaf]!
    const tlogProof = (await served.published.proof(leaf))!
    return textOf({
      ...{ kind: 'record', ...common(), tlogProof, held: { salt, body }, receipt: undefined, ...change },
    })
  }

  function stateProof(target: Uint8Array, change: Partial<StateProof> = {}): string {
    const key = Buffer.concat([Buffer.from(target.length === 16 ? 'e' : 'p'), target])
    const entry = replica.tree.get(treeKey(key))
    const path = encodeStateProof(replica.tree.proof(treeKey(key)))
    const value = entry?.subarray(1 + key.length)
    return textOf({ kind: 'state', ...common(), target, value, path, ...change })
  }

  function textOf(proof: RecordProof | StateProof): string {
    const opened = openProof(proof)
    assert.ok(opened.ok, JSON.stringify(opened))
    return formatProof(opened.proof)
  }

  async function verify(text: string | Uint8Array, genesis = town.genesis.bytes) {
    const verdict = await verifyBytes(
      Buffer.from(text),
      parseGenesis(new Uint8Array(genesis), 'genesis.json'),
    )
    for (const line of verdict.message.split('\n')) assert.ok(line.length <= 80, line)
    return verdict
  }

  const inputLeaf = () => records.findIndex(({ kind }) => kind === recordKind.input)
  const aCharacter = () => [...replica.area!.entities()].find(({ kind }) => kind === 'character')!

  it('shows a record at its leaf, and who decided that it stands there', async () => {
    const leaf = inputLeaf()
    const { ok, kind, facts, message } = await verify(await recordProof(leaf))
    assert.ok(ok, message)
    assert.equal(kind, 'record-proof')
    assert.deepEqual([facts['leaf'], facts['action'], facts['seq']], [leaf, 'spawn', '1'])
    assert.deepEqual([facts['decidedBy'], facts['signers'], facts['cosigners']], ['1 2', '3', '1'])
    assert.match(message, /^Proven: leaf \d+ of town\/area\/\d+\/0 is an input$/m)
  })

  it("shows the leader's promise with it, and what came of the input", async () => {
    const { receipt, body } = parseReceiptFile(receiptFileOf(town, records))!
    const { salt } = receipt
    const { ok, facts, message } = await verify(
      await recordProof(receipt.leaf, { receipt, held: { salt, body } }),
    )
    assert.ok(ok, message)
    assert.deepEqual([facts['outcome'], facts['promisedBy']], ['ok', 3])
  })

  it('shows an entity as it was at a seal, and a player', async () => {
    const { id, player } = aCharacter() as { id: string; player: Uint8Array }
    const one = await verify(stateProof(Buffer.from(id, 'hex')))
    assert.ok(one.ok, one.message)
    assert.deepEqual([one.kind, one.facts['kind'], one.facts['exists']], ['state-proof', 'character', 'yes'])
    const other = await verify(stateProof(player))
    assert.ok(other.ok, other.message)
    assert.equal(other.facts['character'], id)
  })

  it('shows that something was not there, and no more when it was', async () => {
    const absent = Buffer.alloc(16, 7)
    const { ok, facts, message } = await verify(stateProof(absent))
    assert.ok(ok, message)
    assert.equal(facts['exists'], 'no')
    assert.match(message, /had no entity/)
    const path = encodeStateProof(replica.tree.proof(treeKey(Buffer.concat([Buffer.from('e'), absent]))))
    const present = Buffer.from(aCharacter().id, 'hex')
    const lie = await verify(stateProof(present, { value: undefined, path }))
    assert.deepEqual([lie.ok, lie.facts['code']], [false, 'wrong-state'])
  })

  it('leads from the members of the genesis file to those who decided, epoch by epoch', async () => {
    const [one, two, three] = founders(town)
    const { epoch } = town.identity
    const voter = ({ node, keys }: typeof one & object) => ({ node, key: keys.vote.publicKey })
    const last = replica.lastSeal!
    const seal = (height: number, at: number, next: (typeof one & object)[]) =>
      decidedSeal(town, last, {
        ...{ height, epoch: epoch + at, nextEpoch: epoch + at + (next.length > 0 ? 1 : 0) },
        nextMembers: next.map(voter),
      })
    const first = certify(seal(1, 0, [one!, three!]), [one!, two!, three!])
    const second = certify(seal(2, 1, [two!]), [one!, three!])
    const end = certify(seal(last.seal.height, 2, []), [two!])
    const proof = async (activations: Uint8Array[], decision = end) =>
      (await verify(await recordProof(5, { activations, certificate: decision }))).facts
    assert.equal((await proof([first, second]))['decidedBy'], '2')
    assert.equal((await proof([second]))['code'], 'broken-chain')
    assert.equal((await proof([first]))['code'], 'broken-chain')
    assert.equal((await proof([second, first]))['code'], 'broken-chain')
    assert.equal((await proof([first, second, end]))['code'], 'broken-chain')
    // The members of an epoch that is over decide nothing above it.
    const old = certify(seal(last.seal.height, 2, []), [one!, three!])
    assert.equal((await proof([first, second], old))['code'], 'not-a-quorum')
  })

  it('is nothing when fewer than a quorum decided, or others than the members', async () => {
    const seal = decidedSeal(town, replica.lastSeal!)
    const stranger = foundTown()
    const by = async (decision: Uint8Array) =>
      (await verify(await recordProof(5, { certificate: decision }))).facts['code']
    assert.equal(await by(certify(seal, founders(town), { signers: 1 })), 'not-a-quorum')
    assert.equal(await by(certify(seal, founders(town), { signers: 3 })), 'not-a-quorum')
    assert.equal(await by(certify(seal, founders(stranger))), 'not-a-quorum')
    const other = decidedSeal(town, replica.lastSeal!, { root: new Uint8Array(32) })
    assert.equal(await by(certify(other, founders(town))), 'other-checkpoint')
    removeTown(stranger)
  })

  it('is nothing when a signature under its checkpoint is of nobody that the genesis file knows', async () => {
    const tlogProof = (await served.published.proof(5))!
    const line = tlogProof
      .trimEnd()
      .split('\n')
      .at(-1)!
      .replace(/ \S+$/, ` ${'A'.repeat(92)}`)
    const { facts } = await verify(await recordProof(5, { tlogProof: `${tlogProof}${line}\n` }))
    assert.equal(facts['code'], 'unknown-signature')
  })

  it('is nothing to another network, also of the same name', async () => {
    const other = foundTown()
    const { facts } = await verify(await recordProof(5), other.genesis.bytes)
    assert.equal(facts['code'], 'other-network')
    removeTown(other)
  })

  /** Who stands near somebody who is not there is not there by the same proof. */
  function assertAbsent(player: string): void {
    assert.notEqual(player, '09'.repeat(32))
    const key = Buffer.concat([Buffer.from('p'), Buffer.from(player, 'hex')])
    assert.equal(replica.tree.get(treeKey(key)), undefined)
  }

  for (const kind of ['record', 'state', 'absence'] as const) {
    it(`is refused when any one byte of it is another: ${kind}`, async () => {
      const { receipt, body } = parseReceiptFile(receiptFileOf(town, records))!
      const held = { salt: receipt.salt, body }
      const text = {
        record: await recordProof(receipt.leaf, { receipt, held }),
        state: stateProof(Buffer.from(aCharacter().id, 'hex')),
        absence: stateProof(Buffer.alloc(32, 9)),
      }[kind]
      const bytes = Buffer.from(text)
      assert.ok((await verify(bytes)).ok)
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, more) => {
          const changed = Buffer.from(bytes)
          changed[at]! += more
          const { ok, message, facts } = await verify(changed)
          if (ok && kind === 'absence') return assertAbsent(String(facts['player']))
          assert.equal(ok, false, `byte ${at}: ${message}`)
        }),
        { numRuns: 200 },
      )
    })
  }

  it('is refused by a code, and without an exception, when it is cut, doubled or noise', async () => {
    const text = await recordProof(5)
    const whole = await verify(text)
    const lines = text.split('\n')
    const anyCut = fc.tuple(fc.nat(lines.length - 1), fc.nat(lines.length - 1), fc.string({ maxLength: 40 }))
    await fc.assert(
      fc.asyncProperty(anyCut, async ([from, to, noise]) => {
        const cut = [...lines.slice(0, from), ...lines.slice(to)].join('\n')
        // Less can be proven with less: without its body, or without a cosignature. Nothing else.
        const { ok, facts } = await verify(cut)
        for (const [name, value] of Object.entries(ok ? facts : {}))
          if (name !== 'cosigners') assert.equal(value, whole.facts[name])
        const put = [...lines.slice(0, from), noise, ...lines.slice(from)].join('\n')
        assert.equal((await verify(put)).ok, false)
      }),
      { numRuns: 200 },
    )
  })
})
