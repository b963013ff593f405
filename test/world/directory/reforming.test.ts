import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { sealHash } from '../../../consensus/finality/seal.ts'
import { mutated } from '../../../testnet/simulation/bugs/bug.ts'
import { importUnder } from '../../../testnet/simulation/bugs/plant.ts'
import { REFORMING_BUGS } from '../../../testnet/simulation/bugs/reforming.ts'
import { runReforming } from '../../../testnet/simulation/reforming/run.ts'
import { REFORM_AGAIN_MS, REFORMING_RULES } from '../../../world/directory/limits.ts'
import { certificateOf, Stage, sealOf } from './support.ts'

const members = [1, 2, 3]
const MUCH = { cpu: 9000, memory: 9000, disk: 9000, bandwidth: 9000 }
const hash = (height: number) => sealHash(sealOf({ height, previous: below(height) }))
const below = (height: number): Uint8Array => (height === 1 ? new Uint8Array(32) : hash(height - 1))
/** Decided by the three founders of the area. */
const certificate = (height: number): Uint8Array =>
  certificateOf(sealOf({ height, previous: below(height) }), members)

/** Heights up to `floor` are final; then nodes 2 and 3 are gone, and node 1 has been asked. */
function lost(floor: number, version = REFORMING_RULES) {
  const stage = new Stage().open(1, 2, 3, 4)
  for (const node of [1, 2, 3, 4]) stage.ask(node, { kind: 'report', facts: { capacity: MUCH } })
  stage.ask(1, stage.commandOf({ kind: 'adopt-rules', version, contentHash: new Uint8Array(32) }))
  stage.pass(3, 1, 2, 3, 4)
  for (let height = 1; height <= floor; height++)
    assert.equal(stage.ask(1, { kind: 'anchor', certificates: [certificate(height)] }).code, 'ok')
  stage.pass(10, 1, 4)
  const { state } = stage.directory
  const row = () => state.reformings.get(1)
  const holds = (node: number, height?: number) => {
    const proof = height === undefined ? undefined : certificate(height)
    return stage.ask(node, { kind: 'holds', group: 1, epoch: row()?.epoch ?? 2, proof }).code
  }
  const tryOne = (bytes: Uint8Array) => stage.ask(4, { kind: 'anchor', certificates: [bytes] }).code
  return { stage, row, holds, tryOne, authority: state.authorities.get(1)! }
}

describe('an authority that lost its quorum', () => {
  it('is asked for only under rules that operators have adopted', () => {
    assert.equal(lost(1, REFORMING_RULES - 1).row(), undefined)
    const { phase, epoch, asked } = lost(1).row()!
    assert.deepEqual([phase, epoch, asked], ['asking', 2, members])
  })

  it('begins its new epoch at the highest place that is held, with those who are there', () => {
    const { stage, row, holds, authority } = lost(1)
    assert.equal(holds(1, 3), 'ok')
    stage.pass(1, 1, 4)
    assert.deepEqual([row()!.phase, row()!.base?.height], ['begun', 3])
    assert.equal(authority.epoch, 2)
    assert.deepEqual(
      authority.members.map(({ node }) => node),
      [1, 4],
    )
  })

  it('does not begin while somebody who may vote has a lease and has not answered; whoever does not answer gets none', () => {
    const { stage, row, holds } = lost(1)
    stage.pass(1, 1, 2, 4)
    assert.equal(holds(1, 1), 'ok')
    stage.pass(3, 1, 2, 4)
    assert.equal(row()!.phase, 'asking')
    stage.pass(10, 1, 2, 4)
    assert.equal(row()!.phase, 'begun')
  })

  it('is dark while nobody holds what is final, and back when a holder is', () => {
    const { stage, row, holds } = lost(3)
    assert.equal(holds(1, 2), 'ok')
    stage.pass(30, 1, 4)
    assert.equal(row()!.phase, 'asking')
    assert.equal(holds(3, 3), 'ok')
    stage.pass(1, 1, 3, 4)
    stage.pass(1, 1, 3, 4)
    assert.deepEqual([row()!.phase, row()!.base?.height], ['begun', 3])
  })

  it('does not begin anew when somebody answers that holds nothing', () => {
    const { stage, row, holds } = lost(1)
    assert.equal(holds(1), 'ok')
    stage.pass(30, 1, 4)
    assert.equal(row()!.phase, 'asking')
  })

  it('takes no answer without the votes, from whom was not asked, or for another epoch', () => {
    const { stage, holds } = lost(1)
    const forged = certificateOf(sealOf({ height: 9 }), [1, 4])
    assert.equal(stage.ask(1, { kind: 'holds', group: 1, epoch: 2, proof: forged }).code, 'bad-proof')
    assert.equal(stage.ask(1, { kind: 'holds', group: 1, epoch: 3, proof: certificate(1) }).code, 'not-asked')
    assert.equal(holds(4, 1), 'not-asked')
  })

  it('has nothing of the old epoch anchored any more, nothing beside its base, and is whole with the first of the new one', () => {
    const { stage, row, holds, tryOne } = lost(2)
    assert.equal(holds(1, 2), 'ok')
    stage.pass(1, 1, 4)
    assert.equal(tryOne(certificate(3)), 'ended-epoch')
    const rival = sealOf({ epoch: 2, height: 3, previous: hash(1) })
    assert.equal(tryOne(certificateOf(rival, [1, 4])), 'rival-anchor')
    const base = sealOf({ height: 2, previous: hash(1) })
    assert.equal(tryOne(certificateOf(base, [1, 4], { epoch: 2 })), 'ok')
    assert.equal(row(), undefined)
    assert.equal(tryOne(certificateOf(base, [1, 4], { epoch: 2 })), 'older-anchor')
  })

  it('is asked for again, for another epoch, when nothing of the new one is anchored', () => {
    const { stage, row, holds } = lost(1)
    assert.equal(holds(1, 3), 'ok')
    stage.pass(1, 1, 4)
    stage.pass(REFORM_AGAIN_MS / 1_000 + 1, 1, 4)
    assert.equal(row()!.phase, 'asking')
    assert.ok(row()!.epoch > 2)
    assert.ok(members.every(node => row()!.asked.includes(node)))
  })
})

type Run = typeof import('../../../testnet/simulation/reforming/run.ts')

const RUN = import.meta.resolve('../../../testnet/simulation/reforming/run.ts')
/** Within how many seeds a planted bug is found; some to spare, since timing shifts when code changes. */
const SEEDS = 20

describe('authorities that are re-formed again and again', function () {
  this.timeout(60_000)

  it('keep all that is final, and go on', () => {
    const sums = { reformings: 0, cleanReads: 0 }
    for (let seed = 1; seed <= 6; seed++) {
      const { reformings, cleanReads } = runReforming({ seed })
      sums.reformings += reformings
      sums.cleanReads += cleanReads
    }
    assert.ok(sums.reformings >= 6 && sums.cleanReads >= 2, JSON.stringify(sums))
  })

  it('are planted bugs in: each finds its place in the source', () => {
    for (const { name, edits } of REFORMING_BUGS) {
      for (const edit of edits) {
        const source = readFileSync(new URL(`../../../${edit.file}`, import.meta.url), 'utf8')
        assert.notEqual(mutated(source, name, edit), source, `${name} changes nothing`)
      }
    }
  })

  for (const { name } of REFORMING_BUGS) {
    it(`show a planted bug: ${name}`, async () => {
      const module = await importUnder<Run>(name, RUN)
      const isFound = (seed: number): boolean => {
        try {
          module.runReforming({ seed })
          return false
        } catch (error) {
          if ((error as Error).name !== 'Violation') throw error
          return true
        }
      }
      const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1)
      assert.ok(seeds.some(isFound))
    })
  }
})
