import assert from 'node:assert/strict'
import fc from 'fast-check'
import { recordOps, recoverMember } from '../../../consensus/finality/disk.ts'
import type { RecordName } from '../../../consensus/finality/types.ts'
import type { Store } from '../../../storage/store.ts'
import { MemoryStore } from '../../../storage/store-memory.ts'

const GROUP = 7
const CERTIFICATE = Uint8Array.from({ length: 60 }, (_, i) => i)

async function written(name: RecordName): Promise<MemoryStore> {
  const store = new MemoryStore()
  await put(store, recordOps([{ group: GROUP, name, value: CERTIFICATE }]))
  return store
}

const put = (store: Store, ops: Parameters<Store['write']>[0]): Promise<void> =>
  new Promise(resolve => store.write(ops, { sync: true }, () => resolve()))

describe('what a member has of an authority on its disk', () => {
  it('is what was written', async () => {
    for (const name of ['tip', 'view'] as const)
      assert.deepEqual((await recoverMember(await written(name), GROUP))?.[name], CERTIFICATE)
    const { activations } = (await recoverMember(await written('activation/3'), GROUP))!
    assert.deepEqual(activations, [CERTIFICATE])
  })

  it('is not taken for that with a flipped bit, or cut short', async () => {
    const damages = fc.record({
      name: fc.constantFrom<RecordName>('tip', 'view', 'activation/3'),
      bit: fc.nat(8 * CERTIFICATE.length - 1),
      cut: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(damages, async ({ name, bit, cut }) => {
        const store = await written(name)
        for await (const { key, value } of store.range({ from: new Uint8Array(0), to: Uint8Array.of(255) })) {
          const other = cut ? value.slice(0, bit >> 3) : value.slice()
          if (!cut) other[bit >> 3]! ^= 1 << (bit & 7)
          await put(store, [{ key, value: other }])
        }
        await assert.rejects(recoverMember(store, GROUP), { code: 'corrupt' })
      }),
      { numRuns: 60 },
    )
  })
})
