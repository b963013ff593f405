import assert from 'node:assert/strict'
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditReport, auditAuthority, type ToldLog } from '../../audit/audit.ts'
import type { Row } from '../../audit/export/log-files.ts'
import type { FindingCode } from '../../audit/findings.ts'
import { KIND_NAMES } from '../../audit/verify/record-kinds.ts'
import { verifyFile } from '../../audit/verify-file.ts'
import { LIES, type Lie, tellLie } from '../../testnet/lies/lies.ts'
import { decidedTown } from './support/decided.ts'
import { exportTo, publish, removeTown, type Town } from './support/log.ts'

/** Who tells the lies. The others are honest. */
const liar = 1

/** What is found at the lie itself, what besides may follow from it, and whether the liar is proven to have told it. */
const expected: Readonly<
  Record<Lie, { at: FindingCode; also: readonly FindingCode[]; isProven: boolean; isFork: boolean }>
> = {
  'broken-rule': { at: 'wrong-tick', also: ['wrong-state-root', 'wrong-seal'], isProven: true, isFork: true },
  'state-root': { at: 'wrong-state-root', also: ['wrong-seal'], isProven: true, isFork: true },
  'dropped-input': {
    at: 'bad-attestation',
    also: ['wrong-state-root', 'wrong-seal', 'unattested-input'],
    // It has a leaf less, and nobody has seen the true log at that size.
    ...{ isProven: true, isFork: false },
  },
  'two-faces': { at: 'fork', also: [], isProven: true, isFork: true },
  // Nobody signed it: it is a bad copy, whoever made it.
  'changed-leaf': { at: 'wrong-root', also: ['wrong-seal'], isProven: false, isFork: false },
  'too-few': { at: 'bad-certificate', also: ['fork'], isProven: true, isFork: true },
}

describe('each lie that can be planted', function () {
  this.timeout(60_000)
  let town: Town
  let told: ToldLog | undefined
  let honest: string
  let certificate: Uint8Array
  const rows: Row[] = []

  before(async () => {
    const { records, ...decided } = decidedTown()
    ;({ town, certificate } = decided)
    honest = await exportTo(town, await publish(town, records, liar - 1, certificate), 'honest')
    await auditAuthority({
      ...{ authority: 'area/0000', from: honest, genesis: town.genesisPath },
      onLog: log => (told = log),
      onRecord: ({ leaf, record: { kind, rulesVersion, salt, body } }) => {
        rows.push({
          leaf,
          kind: KIND_NAMES[kind]!,
          rules: rulesVersion,
          salt: salt.slice(),
          body: body.slice(),
        })
      },
    })
  })
  after(() => removeTown(town))

  function audit(from: string, memory: string): Promise<AuditReport> {
    const options = { authority: 'area/0000', from, genesis: town.genesisPath }
    return auditAuthority({ ...options, memory: join(town.folder, memory) })
  }

  /** Every node that some kept file of evidence names. */
  async function namedIn(memory: string): Promise<number[]> {
    const folder = join(town.folder, memory, 'evidence')
    const named = new Set<number>()
    for (const name of readdirSync(folder)) {
      const { ok, facts, message } = await verifyFile({ file: join(folder, name), genesis: town.genesisPath })
      assert.ok(ok, message)
      for (const fact of ['signers', 'olderSigners', 'newerSigners']) {
        for (const number of String(facts[fact] ?? '').split(' '))
          if (number !== '') named.add(Number(number))
      }
    }
    return [...named]
  }

  it('is told of a log in which nothing is found', async () => {
    const report = await audit(honest, 'no-lie')
    assert.deepEqual([report.findings, report.signedBy, report.decidedBy], [[], [liar], [1, 2]])
  })

  for (const lie of Object.keys(LIES) as Lie[]) {
    it(`is found, and nobody but the liar is named: ${LIES[lie]}`, async () => {
      const { at, also, isProven, isFork } = expected[lie]
      const memory = `knows-the-truth-${lie}`
      assert.ok((await audit(honest, memory)).ok)
      const log = { told: told!, rows, certificate }
      const to = join(town.folder, lie)
      const planted = tellLie(lie, log, { node: liar, keys: town.nodes[liar - 1]! }, to)
      assert.ok(planted !== undefined)
      const report = await audit(to, memory)
      const found = new Set(report.findings.map(({ code }) => code))
      assert.ok(found.has(at), `${at} is not among ${[...found].join()}`)
      assert.equal(found.has('fork'), isFork)
      const others = [...found].filter(code => code !== at && code !== 'fork' && !also.includes(code))
      assert.deepEqual(others, [], 'nothing else is wrong')
      const first = report.findings.find(({ code }) => code === at)!
      if (at !== 'bad-certificate') {
        assert.ok(first.firstLeaf <= planted.leaf && first.lastLeaf >= planted.leaf - 1, first.message)
      }
      assert.deepEqual(report.signedBy, [liar])
      if (isProven) assert.deepEqual(await namedIn(memory), [liar])
      else
        assert.equal(
          report.findings.some(({ evidence }) => evidence !== undefined),
          false,
        )
    })
  }

  it('with the true decision of the members beside it is not what they have decided', async () => {
    const to = join(town.folder, 'two-faces-decided')
    const log = { told: told!, rows, certificate }
    tellLie('two-faces', log, { node: liar, keys: town.nodes[liar - 1]! }, to)
    const file = join('log', town.origin, 'certificates')
    copyFileSync(join(honest, file), join(to, file))
    const report = await audit(to, 'no-memory-of-it')
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ['not-decided'],
    )
    assert.match(report.message, /nodes 1 2 decided another log/)
    assert.deepEqual([report.decidedSize, report.decidedBy], [0, []])
  })
})
