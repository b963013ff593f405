import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mutated } from '../../../testnet/simulation/bugs/bug.ts'
import { DIRECTORY_BUGS } from '../../../testnet/simulation/bugs/directory.ts'
import { importUnder } from '../../../testnet/simulation/bugs/plant.ts'
import { type DirectoryResult, runDirectory } from '../../../testnet/simulation/directory/run.ts'

type Run = typeof import('../../../testnet/simulation/directory/run.ts')

const RUN = import.meta.resolve('../../../testnet/simulation/directory/run.ts')
/** Within how many seeds a planted bug is found; some to spare, since timing shifts when code changes. */
const SEEDS = 12

/** A failure says how to see it again. */
function run(seed: number): DirectoryResult {
  try {
    return runDirectory({ seed })
  } catch (error) {
    const message = `${(error as Error).message}\nreplay: npm run sim:directory -- --seed ${seed}`
    throw new Error(message, { cause: error })
  }
}

describe('the directory among nodes that lie', function () {
  this.timeout(30_000)

  it('comes to nothing that its records do not allow, and everything that was decided is anchored', () => {
    const happened = new Set<string>()
    let epochs = 0
    for (let seed = 1; seed <= 4; seed++) {
      const result = run(seed)
      for (const code of result.outcomes.keys()) happened.add(code)
      epochs += result.epochs
      assert.ok(result.blocks >= 10)
    }
    assert.ok(epochs > 30, `${epochs} epochs`)
    for (const code of ['ok', 'forged', 'banned', 'rival-anchor', 'ended-epoch', 'no-quorum', 'duplicate'])
      assert.ok(happened.has(code), `never ${code}`)
  })

  it('is the same in every run of a seed', () => {
    assert.deepEqual(run(3), run(3))
  })
})

describe("planted bugs of the directory's rules", function () {
  this.timeout(60_000)

  it('each find their place in the source', () => {
    for (const { name, edits } of DIRECTORY_BUGS) {
      for (const edit of edits) {
        const source = readFileSync(new URL(`../../../${edit.file}`, import.meta.url), 'utf8')
        assert.notEqual(mutated(source, name, edit), source, `${name} changes nothing`)
      }
    }
  })

  for (const { name } of DIRECTORY_BUGS) {
    it(`are found: ${name}`, async () => {
      const { runDirectory } = await importUnder<Run>(name, RUN)
      const isFound = (seed: number): boolean => {
        try {
          runDirectory({ seed })
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
