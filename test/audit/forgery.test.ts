import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { auditAuthority, type Finding } from '../../audit/audit.ts'
import { type BrokenRules, formatBrokenRules, parseBrokenRules } from '../../audit/broken-rules.ts'
import { readGenesis } from '../../audit/genesis.ts'
import { verifyBytes, verifyFile } from '../../audit/verify-file.ts'
import { decodeAttestation, encodeAttestation } from '../../client/protocol/attestation.ts'
import { encodeMark } from '../../daemon/authority/bodies.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeTick, encodeTick } from '../../world/codec.ts'
import { certify, decidedSeal, founders } from './support/decided.ts'
import {
  exportTo,
  foundTown,
  inputOf,
  newReplica,
  playTown,
  publish,
  removeTown,
  resealed,
  sha256,
  type Town,
} from './support/log.ts'
import { memberRefuses } from './support/member.ts'

/** Logs that members signed, whole in themselves: only the rules and the genesis file tell that they lie. */
describe('a member that lies in a well-formed log', function () {
  this.timeout(60_000)
  let town: Town
  let honest: LogRecord[]
  let exports = 0

  before(() => {
    town = foundTown()
    honest = playTown(town, 300)
  })
  after(() => removeTown(town))

  /** What an auditor finds; a member that is asked to vote on it must find something too, and nothing where he does not. */
  async function findings(records: readonly LogRecord[]): Promise<readonly Finding[]> {
    const found = await audited(records)
    assert.equal(memberRefuses(town, records), found.length > 0, 'what members let pass, and what is blamed')
    return found
  }

  async function audited(records: readonly LogRecord[]): Promise<readonly Finding[]> {
    const folder = await exportTo(town, await publish(town, records), `forged-${exports++}`)
    const memory = join(town.folder, `memory-${exports}`)
    const genesis = town.genesisPath
    const report = await auditAuthority({ authority: 'area/0000', from: folder, genesis, memory })
    assert.equal(report.ok, report.findings.length === 0)
    const evidence = report.findings.flatMap(finding => finding.evidence ?? [])
    assert.equal(evidence.length > 0, !report.ok, 'a lie leaves evidence')
    for (const file of evidence) assert.equal((await verifyFile({ file, genesis })).ok, true, file)
    return report.findings
  }

  /** Evidence of a lie about the third seal's state, and the same as others might change it. */
  async function accusation(): Promise<{ text: string; parsed: BrokenRules }> {
    const forged = resealed(town, honest, seal =>
      seal.height === 3 ? { ...seal, stateRoot: sha256(seal.stateRoot) } : seal,
    )
    const wrong = (await findings(forged)).find(({ code }) => code === 'wrong-state-root')!
    const text = readFileSync(wrong.evidence!, 'utf8')
    return { text, parsed: parseBrokenRules(text)! }
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

  it('with a seal of another epoch, or one that names members whom nobody decided, is found', async () => {
    const last = honest.length - 1
    const replica = newReplica(town)
    replica.applyRecords(resealed(town, honest), [])
    const highest = replica.lastSeal!.seal.height
    for (const [change, what] of [
      [{ epoch: 2 }, /epoch 2/],
      [{ nextMembers: [1] }, /other members/],
    ] as const) {
      const forged = resealed(town, honest, seal => (seal.height === highest ? { ...seal, ...change } : seal))
      const { root } = (await publish(town, forged)).published
      const decision = decidedSeal(town, replica.lastSeal!, { root: root! })
      const served = await publish(town, forged, 0, certify(decision, founders(town)))
      const folder = await exportTo(town, served, `forged-${exports++}`)
      const report = await auditAuthority({ authority: 'area/0000', from: folder, genesis: town.genesisPath })
      const wrong = report.findings.find(({ code }) => code === 'wrong-members')!
      assert.match(wrong.message, what)
      assert.deepEqual(range(wrong), [last, last])
    }
  })

  it('who makes up an input in the name of a gateway is found', async () => {
    const leaf = leafOf(recordKind.attestation)
    const { slots } = decodeAttestation(honest[leaf]!.body)!
    const inputs = slots.filter(slot => slot === undefined).length
    const wrong = await found(resealed(town, changed(leaf + 1, inputOf(town, 0, 90))))
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
    const codes = (await audited(honest.slice(0, -1))).map(({ code }) => code)
    assert.deepEqual(codes, ['not-at-a-seal'])
  })

  it('is proven by a file alone, which says who signed what', async () => {
    const { text, parsed } = await accusation()
    assert.ok(parsed.from > 0 && parsed.state.length > 10, 'it begins with a state that was sealed')
    assert.ok(parsed.records.length < honest.length / 2, 'and not with the log')
    const verdict = await verifyBytes(Buffer.from(text), readGenesis(town.genesisPath))
    assert.equal(verdict.ok, true)
    const { code, origin, signers } = verdict.facts
    assert.deepEqual([code, origin, signers], ['wrong-state-root', town.origin, '1'])
    assert.match(verdict.message, /^Proven: town\/area\/0000\/0 breaks the rules\.\n/)
    for (const line of verdict.message.split('\n')) assert.ok(line.length <= 80, line)
  })

  it('is not proven when anything in the file is changed, and nobody is accused of what is not there', async () => {
    const { parsed } = await accusation()
    const genesis = readGenesis(town.genesisPath)
    const refused = async (change: Partial<BrokenRules>, why: RegExp): Promise<void> => {
      const verdict = await verifyBytes(Buffer.from(formatBrokenRules({ ...parsed, ...change })!), genesis)
      assert.equal(verdict.ok, false)
      assert.match(verdict.message, why)
    }
    const { records, state, edge, path } = parsed
    const [entry, ...others] = state
    const value = entry!.value.slice()
    value[value.length - 1]! ^= 1
    await refused({ state: [{ key: entry!.key, value }, ...others] }, /state/)
    await refused({ state: others }, /state/)
    await refused({ records: records.slice(0, -1) }, /not those of the signed log/)
    const salted = records.map((record, i) => (i === 2 ? { ...record, salt: new Uint8Array(16) } : record))
    await refused({ records: salted }, /not those of the signed log/)
    await refused({ edge: edge.slice(1) }, /not those of the signed log/)
    await refused({ path: path.slice(1) }, /not those of the signed log/)
    await refused({ code: 'wrong-tick' }, /do not show what is claimed/)
    await refused({ firstLeaf: 3, lastLeaf: 5 }, /do not show what is claimed/)
    await refused({ checkpoint: parsed.checkpoint.replace('town/', 'down/') }, /knows no such log/)
  })

  it('is not suspected for a seal that was proposed twice', async () => {
    const leaf = leafOf(recordKind.seal)
    const twice = [...honest.slice(0, leaf + 1), honest[leaf]!, ...honest.slice(leaf + 1)]
    assert.deepEqual(await findings(resealed(town, twice)), [])
  })
})
