import { equalBytes } from '../../storage/bytes.ts'
import { hashKey } from './bytes.ts'
import type { Verify } from './signed.ts'

const maxKnown = 4096

/** Remembers what was verified lately: one signature stands for all that a node signed in a cycle. The oldest goes first. */
export function rememberVerified(verify: Verify): Verify {
  const known = new Map<string, { readonly key: Uint8Array; readonly message: Uint8Array }>()
  return (key, message, signature) => {
    const name = hashKey(signature)
    const before = known.get(name)
    if (before !== undefined && equalBytes(before.key, key) && equalBytes(before.message, message))
      return true
    if (!verify(key, message, signature)) return false
    if (known.size >= maxKnown) known.delete(known.keys().next().value!)
    known.set(name, { key, message })
    return true
  }
}
