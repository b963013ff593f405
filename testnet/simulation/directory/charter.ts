import { sortedByKey } from '../../../world/directory/charter.ts'
import {
  type AdminNonce,
  type Command,
  commandMessage,
  encodeCommand,
} from '../../../world/directory/codec/command.ts'
import type { DirectoryAction } from '../../../world/directory/codec/input.ts'
import type { Policy } from '../../../world/directory/types.ts'
import { factsOf, identityOf, NETWORK, ORIGIN, operatorKeyOf, sign } from './keys.ts'

export const FOUNDERS = 5
export const TICK_MS = 100

export const POLICY: Policy = {
  ...{ admission: 'open', replicas: 3, observers: 1, trustS: 60 },
  ...{ seed: 1, resourceCount: 1, npcCount: 1, capacity: 100 },
}

export function signedCommand(
  command: Command,
  nonce: AdminNonce,
  operators: readonly number[],
): DirectoryAction {
  const bytes = encodeCommand(command)
  const message = commandMessage(ORIGIN, nonce, bytes)
  const signatures = operators.map(each => {
    const key = operatorKeyOf(each)
    return { key, signature: sign(key, message) }
  })
  return { kind: 'command', nonce, command: bytes, signatures: sortedByKey(signatures) }
}

/** Five founders, an area that three of them hold, three operators. */
export function charterOf() {
  const founders = Array.from({ length: FOUNDERS }, (_, i) => i + 1)
  const area = {
    ...{ quadkey: '0000', xMm: 0, yMm: 0, sideMm: 10_000_000, spawns: [{ xMm: 1, yMm: 1 }] },
    ...{ seed: 1, resourceCount: 1, npcCount: 1, capacity: 100 },
  }
  const born = { birth: 0, epoch: 1 }
  return {
    ...{ network: NETWORK, tickMs: TICK_MS, policy: POLICY },
    nodes: founders.map(number => ({ number, ...factsOf(number) })),
    authorities: [
      { group: 1, kind: 'area' as const, name: 'area/0000', ...born, members: [1, 2, 3], area },
      {
        group: 2,
        kind: 'directory' as const,
        name: 'directory',
        ...born,
        members: founders,
        area: undefined,
      },
    ],
    operators: sortedByKey([1, 2, 3].map(each => ({ name: `op ${each}`, key: operatorKeyOf(each) }))),
    recovery: { keys: [identityOf(99)], threshold: 1 },
  }
}
