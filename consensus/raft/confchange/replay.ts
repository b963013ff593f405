import type { ConfState, Entry } from '../types.ts'
import { applyChange } from './changer.ts'
import { decodeConfChange } from './codec.ts'
import { restoreConfig } from './restore.ts'

/** The members from `index` on, until the next change. */
export interface ConfigAt {
  readonly index: number
  readonly confState: ConfState
}

/**
 * The members at each change among committed entries that follow `base`, `base` itself first. What the changes make of
 * them depends on nothing else, so that every replica comes to the same, and so does the same one after a restart.
 */
export function replayChanges(base: ConfigAt, entries: readonly Entry[]): ConfigAt[] {
  const configs = [base]
  let { confState } = base
  for (const entry of entries) {
    const next = membersAfter(confState, entry)
    if (next === confState) continue
    confState = next
    configs.push({ index: entry.index, confState })
  }
  return configs
}

/** The same members when the entry changes none, or none that fit. */
function membersAfter(confState: ConfState, entry: Entry): ConfState {
  const change = decodeConfChange(entry)
  const restored = change && restoreConfig(confState, 0, 1, 1)
  if (change === undefined || restored === undefined) return confState
  const { config, members } = restored
  const result = applyChange(
    { config, members, lastIndex: 0, maxInflightMessages: 1, maxInflightBytes: 1 },
    change,
  )
  return result.ok ? result.config : confState
}
