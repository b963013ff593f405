import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mutated } from '../../../testnet/simulation/bugs/bug.ts'
import { FINALITY_BUGS } from '../../../testnet/simulation/bugs/finality.ts'
import { importUnder } from '../../../testnet/simulation/bugs/plant.ts'

type Run = typeof import('../../../testnet/simulation/finality/run.ts')

const RUN = import.meta.resolve('../../../testnet/simulation/finality/run.ts')

interface Rare {
  readonly members?: number
  readonly liars?: number
  /** Where it is found soon, as things are. */
  readonly first: number
}

/** Within how many seeds, from 1 on, a bug is found; some to spare, since timing shifts when code changes. */
const SEEDS = 25
/** Bugs that show only where much is wrong besides, or in few seeds. */
const RARE: Readonly<Record<string, Rare>> = {
  'restart-forgets-votes': { members: 3, liars: 1, first: 64 },
  'two-bases-in-a-view': { members: 3, liars: 1, first: 48 },
  'forgets-and-votes': { members: 4, liars: 0, first: 28 },
  'sees-no-hidden-vote': { members: 4, liars: 2, first: 102 },
  'child-of-uncertified-seal': { first: 12 },
  'child-of-uncertified-base': { first: 8 },
}
const RARE_SEEDS = 80

/** What the judge says of the first seed that it finds fault with. */
async function problemOf(bug: string): Promise<string | undefined> {
  const { runFinality } = await importUnder<Run>(bug, RUN)
  const { first, ...given } = RARE[bug] ?? { first: 1 }
  const seeds = bug in RARE ? RARE_SEEDS : SEEDS
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      runFinality({ seed, ...given })
    } catch (error) {
      if ((error as Error).name !== 'Violation') throw error
      if (bug in RARE && seed !== first)
        console.log(`      ${bug}: not by seed ${first} any more, but by ${seed} (see RARE)`)
      return (error as Error).message
    }
  }
  return undefined
}

describe('planted bugs of finality', function () {
  this.timeout(120_000)

  it('each find their place in the source', () => {
    for (const { name, edits } of FINALITY_BUGS) {
      for (const edit of edits) {
        const source = readFileSync(new URL(`../../../${edit.file}`, import.meta.url), 'utf8')
        assert.notEqual(mutated(source, name, edit), source, `${name} changes nothing`)
      }
    }
  })

  for (const { name } of FINALITY_BUGS) {
    it(`are found: ${name}`, async () => {
      assert.ok((await problemOf(name)) !== undefined)
    })
  }
})
