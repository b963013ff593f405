import { checked, withChecksum } from '../../storage/checksum.ts'
import { authorityKey, authorityRange } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import { FinalityDiskError } from './member/state.ts'
import type { Record, RecordName, StoredMember } from './types.ts'

const prefix = 'finality/'
const epochDigits = 10

/** Epochs have leading zeros in keys, so that their order is that of the numbers. */
function keyOf(group: number, name: RecordName): Uint8Array {
  const [kind, epoch] = name.split('/')
  const text = epoch === undefined ? name : `${kind}/${epoch.padStart(epochDigits, '0')}`
  return authorityKey(group, prefix + text)
}

/** The sign-state has a checksum of its own. */
export function recordOps(records: readonly Record[]): StoreOp[] {
  return records.map(({ group, name, value }) => ({
    key: keyOf(group, name),
    value: value === undefined || name === 'sign' ? value : withChecksum(value),
  }))
}

function read(group: number, name: string, value: Uint8Array | undefined): Uint8Array | undefined {
  const bytes = value && checked(value)
  if (value !== undefined && bytes === undefined) throw new FinalityDiskError(group, name)
  return bytes
}

/** What was written for this authority; undefined when nothing was. @throws FinalityDiskError */
export async function recoverMember(store: Store, group: number): Promise<StoredMember | undefined> {
  const names = ['sign', 'tip', 'view'] as const
  const [sign, ...values] = await store.getMany(names.map(name => keyOf(group, name)))
  const [tip, view] = [
    read(group, 'the newest certificate', values[0]),
    read(group, 'the proof of its view', values[1]),
  ]
  const activations: Uint8Array[] = []
  const first = authorityKey(group, `${prefix}activation/`)
  const { to } = authorityRange(group)
  for await (const { key, value } of store.range({ from: first, to })) {
    if (Buffer.compare(key.subarray(0, first.length), first) !== 0) break
    activations.push(read(group, 'an activation', value)!)
  }
  const isNew = [sign, tip, view].every(value => value === undefined) && activations.length === 0
  return isNew ? undefined : { sign, tip, view, activations }
}
