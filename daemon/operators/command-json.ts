import { z } from 'zod'
import type { Command } from '../../world/directory/codec/command.ts'
import { ADMISSIONS } from '../../world/directory/types.ts'
import { base64, bytesOf } from './files.ts'
import { nodeFactsOf, nodeFactsSchema, nodeJson } from './node-record.ts'

const MAX_U32 = 0xffff_ffff
const whole = z.number().int().min(0).max(MAX_U32)
const publicKey = z.base64().length(44)

/** What operators can give with `freehold network`. The limits of the values are the rules' own. */
export const commandSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('admit'), node: nodeFactsSchema }),
  z.strictObject({ kind: z.enum(['ban', 'unban', 'retire']), number: whole }),
  z.strictObject({
    kind: z.literal('set-operators'),
    operators: z.array(z.strictObject({ name: z.string().min(1).max(64), key: publicKey })).max(64),
  }),
  z.strictObject({
    kind: z.literal('set-recovery'),
    recovery: z.strictObject({ keys: z.array(publicKey).max(64), threshold: whole }),
  }),
  z.strictObject({
    kind: z.literal('set-policy'),
    policy: z.strictObject({
      admission: z.enum(ADMISSIONS),
      ...{ replicas: whole, observers: whole, trustS: whole },
      ...{ seed: whole, resourceCount: whole, npcCount: whole, capacity: whole },
    }),
  }),
])
export type CommandJson = z.infer<typeof commandSchema>

/** What `freehold network` gives: all that the rules know but new rules, which come with a new version of the program. */
export type OperatorsCommand = Exclude<Command, { kind: 'adopt-rules' }>

export function commandJson(command: OperatorsCommand): CommandJson {
  switch (command.kind) {
    case 'admit':
      return { kind: 'admit', node: nodeJson(command.node) }
    case 'set-operators': {
      const operators = command.operators.map(({ name, key }) => ({ name, key: base64(key) }))
      return { kind: 'set-operators', operators }
    }
    case 'set-recovery': {
      const { keys, threshold } = command.recovery
      return { kind: 'set-recovery', recovery: { keys: keys.map(base64), threshold } }
    }
    case 'set-policy':
      return { kind: 'set-policy', policy: command.policy }
    default:
      return { kind: command.kind, number: command.number }
  }
}

/** Undefined where a peer id is none. */
export function commandOf(json: CommandJson): OperatorsCommand | undefined {
  switch (json.kind) {
    case 'admit': {
      const node = nodeFactsOf(json.node)
      return node && { kind: 'admit', node }
    }
    case 'set-operators': {
      const operators = json.operators.map(({ name, key }) => ({ name, key: bytesOf(key) }))
      return { kind: 'set-operators', operators }
    }
    case 'set-recovery': {
      const { keys, threshold } = json.recovery
      return { kind: 'set-recovery', recovery: { keys: keys.map(bytesOf), threshold } }
    }
    case 'set-policy':
      return { kind: 'set-policy', policy: json.policy }
    default:
      return { kind: json.kind, number: json.number }
  }
}
