import { authorityKey, authorityRange } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { Record, RecordName, StoredMember } from './types.ts'

const prefix = 'finality/'
const epochDigits = 10

/** Epochs have leading zeros in keys, so that their order is that of the numbers. */
function keyOf(group: number, name: RecordName): Uint8Array {
  const [kind, epoch] = name.split('/')
  const text = epoch === undefined ? name : `${kind}/${epoch.padStart(epochDigits, '0')}`
  return authorityKey(group, prefix + text)
}

export function recordOps(records: readonly Record[]): StoreOp[] {
  return records.map(({ group, name, value }) => ({ key: keyOf(group, name), value }))
}

/** What was written for this authority; undefined when nothing was. */
export async function recoverMember(store: Store, group: number): Promise<StoredMember | undefined> {
  const [sign, tip, view] = await store.getMany([
    keyOf(group, 'sign'),
    keyOf(group, 'tip'),
    keyOf(group, 'view'),
  ])
  const activations: Uint8Array[] = []
  const first = authorityKey(group, `${prefix}activation/`)
  const { to } = authorityRange(group)
  for await (const { key, value } of store.range({ from: first, to })) {
    if (Buffer.compare(key.subarray(0, first.length), first) !== 0) break
    activations.push(value)
  }
  const isNew = [sign, tip, view].every(value => value === undefined) && activations.length === 0
  return isNew ? undefined : { sign, tip, view, activations }
}
