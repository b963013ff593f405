import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fakeRoot, rootAt, Town, Watcher } from './support.ts'

const liar = 4

describe('a node that compares checkpoints', () => {
  let town: Town
  let area: string
  let other: string
  const roots = new Map<number, Uint8Array>()

  before(async () => {
    town = new Town()
    ;[area, other] = town.origins as [string, string]
    for (let size = 1; size <= 90; size++) roots.set(size, await rootAt(size))
  })
  after(() => town.remove())

  const truth = (node: number, size: number, origin = area) =>
    town.claim(node, origin, size, roots.get(size)!)
  const lie = (size: number, seed = 1, origin = area) => town.claim(liar, origin, size, fakeRoot(seed))

  it('names a node that signed another root for a size that both it and the log had', async () => {
    const watcher = new Watcher(town, 1)
    watcher.grow(area, 30)
    assert.equal(watcher.comparer.hear(liar, truth(liar, 30)), 'taken')
    assert.equal(watcher.comparer.hear(2, lie(30)), 'taken')
    const [proven, ...more] = await watcher.proven(town)
    assert.deepEqual(more, [])
    assert.deepEqual([proven!.accused, proven!.place], [[liar], '30'])
  })

  it('holds a lie about any earlier size against what the signer said later, by the path between', async () => {
    const watcher = new Watcher(town, 1)
    for (const size of [10, 20, 32, 45]) watcher.grow(area, size)
    watcher.comparer.hear(liar, truth(liar, 45))
    for (const size of [7, 16, 32]) watcher.comparer.hear(2, lie(size))
    const proven = await watcher.proven(town)
    assert.deepEqual(
      proven.map(({ accused, place }) => [accused, place]),
      [7, 16, 32].map(size => [[liar], String(size)]),
    )
  })

  it('remembers what is ahead of its own log until that gets there', async () => {
    const watcher = new Watcher(town, 1)
    watcher.grow(area, 10)
    watcher.comparer.hear(liar, lie(25))
    assert.deepEqual(await watcher.proven(town), [])
    watcher.grow(area, 40)
    const [proven] = await watcher.proven(town)
    assert.deepEqual([proven!.accused, proven!.signers], [[], [1, liar]])
    // As soon as the liar says something true, nobody else is in doubt.
    watcher.comparer.hear(liar, truth(liar, 40))
    assert.deepEqual((await watcher.proven(town)).at(-1)!.accused, [liar])
  })

  it('holds each of two lies about one size against the log, once that gets there', async () => {
    const watcher = new Watcher(town, 1)
    watcher.grow(area, 10)
    watcher.comparer.hear(3, town.claim(3, area, 25, fakeRoot(2)))
    watcher.comparer.hear(liar, lie(25))
    assert.deepEqual(
      (await watcher.proven(town)).map(({ signers }) => signers),
      [[3, liar]],
    )
    watcher.grow(area, 40)
    const named = (await watcher.proven(town)).map(({ signers }) => signers.join()).sort()
    assert.deepEqual(named, ['1,3', '1,4', '3,4'])
  })

  it('finds two faces of a log that it does not hold, at the same size', async () => {
    const watcher = new Watcher(town, 1)
    watcher.comparer.hear(liar, lie(12, 1, other))
    watcher.comparer.hear(3, lie(12, 2, other))
    assert.deepEqual(
      (await watcher.proven(town)).map(({ accused }) => accused),
      [[liar]],
    )
  })

  it('tells on what it verified of logs that it does not hold, once, the newest first', () => {
    const watcher = new Watcher(town, 1)
    for (const size of [3, 5, 8]) watcher.comparer.hear(2, truth(2, size, other))
    watcher.comparer.hear(3, truth(3, 8, other))
    watcher.comparer.hear(2, truth(2, 8))
    const sizes = (notes: string[]) => notes.map(note => note.split('\n')[1])
    assert.deepEqual(sizes(watcher.comparer.takeNews(2)), ['8', '5'])
    assert.deepEqual(sizes(watcher.comparer.takeNews(2)), ['3'])
  })

  it('takes nothing of logs that nobody knows, of nodes that do not hold them, or with a wrong signature', async () => {
    const watcher = new Watcher(town, 1)
    watcher.grow(area, 20)
    const { comparer } = watcher
    assert.equal(comparer.hear(2, town.claim(2, 'town/area/9/0', 20, fakeRoot(1))), 'unknown-log')
    assert.equal(comparer.hear(5, town.claim(5, area, 20, fakeRoot(1))), 'unknown-signer')
    const forged = { ...lie(20), note: lie(20).note.replace('\n20\n', '\n20\n') }
    const bent = { ...forged, note: `${forged.note.slice(0, -6)}AAA=\n` }
    assert.equal(comparer.hear(2, bent), 'bad-signature')
    assert.deepEqual(await watcher.proven(town), [])
  })

  it("tells from another node's evidence who of two lies, when it has heard something else of one of them", async () => {
    const [deaf, watcher] = [new Watcher(town, 2), new Watcher(town, 1)]
    for (const node of [deaf, watcher]) node.grow(area, 30)
    deaf.comparer.hear(3, lie(30))
    watcher.comparer.hear(liar, truth(liar, 30))
    const [doubtful] = await deaf.proven(town)
    assert.deepEqual([doubtful!.accused, doubtful!.signers], [[], [2, liar]])
    watcher.comparer.heardEvidence(deaf.evidence[0]!)
    assert.deepEqual(
      (await watcher.proven(town)).map(({ accused }) => accused),
      [[liar]],
    )
  })

  it('is not drowned: whoever signs nonsense without end loses neither its own lie nor that of another', async () => {
    let nowMs = 0
    const watcher = new Watcher(town, 1, () => nowMs)
    watcher.grow(area, 50)
    for (let i = 0; i < 500; i++) {
      nowMs += 10
      watcher.comparer.hear(liar, lie(1_000 + i, i))
      watcher.comparer.hear(liar, lie(1 + (i % 50), i))
    }
    watcher.comparer.hear(3, town.claim(3, area, 30, fakeRoot(9)))
    watcher.grow(area, 60)
    nowMs += 60_000
    watcher.comparer.hear(2, town.claim(2, area, 60, fakeRoot(9)))
    const named = (await watcher.proven(town)).flatMap(({ signers }) => signers)
    for (const node of [2, 3, liar]) assert.ok(named.includes(node), `node ${node}`)
  })

  /** What is heard in a run: who says it, who signed it, of which seal; a lie has a seed. */
  interface Word {
    readonly author: number
    readonly signer: number
    readonly seal: number
    readonly lie: number
  }

  const word = fc.record<Word>({
    author: fc.integer({ min: 2, max: 4 }),
    signer: fc.integer({ min: 2, max: 4 }),
    seal: fc.integer({ min: 0, max: 5 }),
    lie: fc.integer({ min: 0, max: 2 }),
  })

  it('never accuses an honest node, and always finds the liar, in whatever order it hears and grows', async function () {
    this.timeout(15_000)
    const run = fc.record({
      sizes: fc.uniqueArray(fc.integer({ min: 1, max: 90 }), { minLength: 6, maxLength: 6 }),
      steps: fc.array(fc.oneof({ weight: 4, arbitrary: word }, fc.constant('grow' as const)), {
        maxLength: 25,
      }),
      holds: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(run, async ({ sizes, steps, holds }) => {
        const origin = holds ? area : other
        const seals = [...sizes].sort((a, b) => a - b)
        const watcher = new Watcher(town, 1)
        let grown = 0
        const said: { size: number; lie: number; self: boolean; signer: number }[] = []
        for (const step of [...steps, ...seals.map(() => 'grow' as const)]) {
          if (step === 'grow') {
            if (holds && grown < seals.length) watcher.grow(origin, seals[grown++]!)
            continue
          }
          // Honest members sign what was decided, whoever leads; some are behind, others ahead of this node.
          const size = seals[step.seal]!
          const isLie = step.signer === liar && step.lie > 0
          const root = isLie ? fakeRoot(step.lie) : roots.get(size)!
          watcher.comparer.hear(step.author, town.claim(step.signer, origin, size, root))
          said.push({
            size,
            lie: isLie ? step.lie : 0,
            self: step.author === step.signer,
            signer: step.signer,
          })
        }
        const proven = await watcher.proven(town)
        for (const { accused, signers } of proven) {
          assert.ok(signers.includes(liar))
          assert.ok(accused.every(node => node === liar))
        }
        const lies = said.filter(({ lie }) => lie > 0)
        const isContradicted = lies.some(
          ({ size, lie }) => holds || said.some(word => word.size === size && word.lie !== lie),
        )
        assert.equal(proven.length > 0, isContradicted)
        // Of each lie that the liar itself gave the lie to at the same size, nobody else is suspected.
        const lastLie = lies.at(-1)
        const after = lastLie && said.slice(said.lastIndexOf(lastLie) + 1)
        if (
          holds &&
          after?.some(
            ({ signer, self, lie, size }) => signer === liar && self && lie === 0 && size >= lastLie!.size,
          )
        )
          assert.ok(proven.some(({ accused }) => accused.length > 0))
      }),
      { numRuns: 100 },
    )
  })
})
