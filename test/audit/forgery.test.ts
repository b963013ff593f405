import assert from 'node:assert/strict'
import { auditAuthority, type Finding } from '../../audit/audit.ts'
import { decodeAttestation, encodeAttestation, encodeMark } from '../../daemon/authority/bodies.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeTick, encodeTick } from '../../world/codec.ts'
import {
  exportTo,
  foundTown,
  inputOf,
  playTown,
  publish,
  removeTown,
  resealed,
  sha256,
  type Town,
} from './support/log.ts'

/** Logs that members signed, whole in themselves: only the rules and the genesis file tell that they lie. */
describe('a member that lies in a well-formed log', function () {
  this.timeout(20_000)
  let town: Town
  let honest: LogRecord[]
  let exports = 0

  before(() => {
    town = foundTown()
    honest = playTown(town, 300)
  })
  after(() => removeTown(town))

  async function findings(records: readonly LogRecord[]): Promise<readonly Finding[]> {
    const folder = await exportTo(town, await publish(town, records), `forged-${exports++}`)
    const report = await auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath })
    assert.equal(report.ok, report.findings.length === 0)
    return report.findings
  }

  /** The one thing that is found. */
  async function found(records: readonly LogRecord[]): Promise<Finding> {
    const [first, ...more] = await findings(records)
    assert.ok(first !== undefined)
    assert.deepEqual(more, [])
    return first
  }

  const changed = (leaf: number, body: Uint8Array): LogRecord[] =>
    honest.map((record, i) => (i === leaf ? { ...record, body } : record))
  const leafOf = (kind: number, from = 100): number =>
    honest.findIndex((record, i) => i >= from && record.kind === kind)
  const without = (leaf: number): LogRecord[] => honest.filter((_, i) => i !== leaf)
  const range = ({ firstLeaf, lastLeaf }: Finding) => [firstLeaf, lastLeaf]

  it('is not found where there is none: resealed honest records are in order', async () => {
    assert.deepEqual(await findings(resealed(town, honest)), [])
  })

  it('about the state is found in the segment whose seal says so', async () => {
    const forged = resealed(town, honest, seal =>
      seal.height === 3 ? { ...seal, stateRoot: sha256(seal.stateRoot) } : seal,
    )
    const seals = honest.flatMap(({ kind }, leaf) => (kind === recordKind.seal ? [leaf] : []))
    const marks = honest.flatMap(({ kind }, leaf) => (kind === recordKind.mark ? [leaf] : []))
    const wrong = (await findings(forged)).find(({ code }) => code === 'wrong-state-root')!
    assert.deepEqual(range(wrong), [marks[1]! + 1, seals[2]!])
  })

  it('with a seal that does not follow the one before is found', async () => {
    const last = honest.length - 1
    for (const [change, what] of [
      [{ previous: new Uint8Array(32) }, /another checkpoint of the seal before/],
      [{ height: 99 }, /height 99/],
      [{ asOfSize: 5 }, /as of size 5/],
      [{ epoch: 2 }, /epoch 2/],
      [{ nextMembers: [1] }, /other members/],
      [{ tick: 1 }, /tick 1/],
    ] as const) {
      const highest = resealed(town, honest).filter(({ kind }) => kind === recordKind.seal).length
      const forged = resealed(town, honest, seal => (seal.height === highest ? { ...seal, ...change } : seal))
      const all = await findings(forged)
      const seal = all.find(({ code }) => code === 'wrong-seal')!
      assert.match(seal.message, what)
      assert.deepEqual(range(seal), [last, last])
    }
  })

  it('who makes up an input in the name of a gateway is found', async () => {
    const leaf = leafOf(recordKind.attestation)
    const { slots } = decodeAttestation(honest[leaf]!.body)!
    const inputs = slots.filter(slot => slot === undefined).length
    const wrong = await found(resealed(town, changed(leaf + 1, inputOf(0, 90))))
    assert.equal(wrong.code, 'bad-attestation')
    assert.deepEqual(range(wrong), [leaf, leaf + inputs])
  })

  it("who forges a gateway's signature is found", async () => {
    const leaf = leafOf(recordKind.attestation)
    const attestation = decodeAttestation(honest[leaf]!.body)!
    const signature = attestation.signature.slice()
    signature[5]! ^= 1
    const wrong = await found(resealed(town, changed(leaf, encodeAttestation({ ...attestation, signature }))))
    assert.equal(wrong.code, 'bad-attestation')
    assert.equal(wrong.firstLeaf, leaf)
  })

  it('who names a gateway that is not in the genesis file is found', async () => {
    const leaf = leafOf(recordKind.attestation)
    const attestation = decodeAttestation(honest[leaf]!.body)!
    const wrong = await found(
      resealed(town, changed(leaf, encodeAttestation({ ...attestation, gateway: 9 }))),
    )
    assert.match(wrong.message, /no node 9/)
  })

  it('who logs an input that no gateway attests is found', async () => {
    const leaf = leafOf(recordKind.attestation)
    const wrong = (await findings(resealed(town, without(leaf))))[0]!
    assert.equal(wrong.code, 'unattested-input')
    assert.equal(wrong.firstLeaf, leaf)
  })

  it('who leaves an attested input out is found', async () => {
    const leaf = leafOf(recordKind.attestation)
    const wrong = (await findings(resealed(town, without(leaf + 1))))[0]!
    assert.equal(wrong.code, 'bad-attestation')
    assert.equal(wrong.firstLeaf, leaf)
  })

  it('who turns time back is found', async () => {
    const leaf = leafOf(recordKind.tick)
    const { tick, timeMs } = decodeTick(honest[leaf]!.body)!
    const wrong = await found(resealed(town, changed(leaf, encodeTick({ tick: tick - 60, timeMs }))))
    assert.equal(wrong.code, 'wrong-tick')
    assert.deepEqual(range(wrong), [leaf, leaf])
  })

  it('who marks a height that is not the next is found', async () => {
    const leaf = leafOf(recordKind.tick)
    const forged = honest.map((record, i) =>
      i === leaf ? { ...record, kind: recordKind.mark, body: encodeMark({ height: 77 }) } : record,
    )
    const wrong = await found(resealed(town, forged))
    assert.deepEqual([wrong.code, wrong.firstLeaf], ['wrong-mark', leaf])
  })

  it('who gives the authority another charter is found', async () => {
    const body = Buffer.from(town.identity.charterBody)
    body[body.indexOf('"seed":') + 7]! ^= 1
    const wrong = await found(resealed(town, changed(0, body)))
    assert.deepEqual([wrong.code, ...range(wrong)], ['wrong-charter', 0, 0])
  })

  it('who writes under other rules is found', async () => {
    const leaf = leafOf(recordKind.tick)
    const forged = honest.map((record, i) => (i === leaf ? { ...record, rulesVersion: 2 } : record))
    const wrong = await found(resealed(town, forged))
    assert.deepEqual([wrong.code, ...range(wrong)], ['wrong-rules-version', leaf, leaf])
  })

  it('who signs a checkpoint that is not just after a seal is found', async () => {
    const wrong = await found(honest.slice(0, -1))
    assert.equal(wrong.code, 'not-at-a-seal')
  })

  it('is not suspected for a seal that was proposed twice', async () => {
    const leaf = leafOf(recordKind.seal)
    const twice = [...honest.slice(0, leaf + 1), honest[leaf]!, ...honest.slice(leaf + 1)]
    assert.deepEqual(await findings(resealed(town, twice)), [])
  })
})
