import type { CommandFile } from '../../daemon/operators/command-file.ts'
import { signedBy } from '../../daemon/operators/command-file.ts'
import type { OperatorsCommand } from '../../daemon/operators/command-json.ts'
import { sortedByKey } from '../../world/directory/charter.ts'
import { factsOf, keyOf, ORIGIN, operatorOf } from '../world/directory/support.ts'

const commands: OperatorsCommand[] = [
  { kind: 'admit', node: factsOf(9) },
  { kind: 'ban', number: 300 },
  { kind: 'unban', number: 1 },
  { kind: 'retire', number: 2 },
  {
    kind: 'set-operators',
    operators: sortedByKey([
      { name: 'Ada Lovelace é', key: operatorOf(1).publicKey },
      { name: 'Bo', key: operatorOf(2).publicKey },
    ]),
  },
  { kind: 'set-recovery', recovery: { keys: [keyOf('recovery').publicKey], threshold: 1 } },
  {
    kind: 'set-policy',
    policy: {
      ...{ admission: 'operators', replicas: 5, observers: 2, trustS: 604_800 },
      ...{ seed: 7, resourceCount: 300, npcCount: 40, capacity: 5000 },
    },
  },
]

/** One of each command, signed by nobody, or by two. */
export const commandFiles: readonly CommandFile[] = commands.map((command, i) => {
  const blank: CommandFile = {
    ...{ origin: ORIGIN, nonce: { number: 2 ** 32 - 1 - i, expiresS: 3600 + i }, command, signatures: [] },
  }
  return i % 2 === 0 ? blank : signedBy(signedBy(blank, operatorOf(1)), operatorOf(2))
})
