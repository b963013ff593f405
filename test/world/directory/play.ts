import fc from 'fast-check'
import type { Command } from '../../../world/directory/codec/command.ts'
import { encodeDirectoryTick } from '../../../world/directory/codec/tick.ts'
import { pendingOf } from '../../../world/directory/rules/orders.ts'
import { type Applied, TICK_RECORD } from '../../../world/interface.ts'
import {
  BEGIN_MS,
  certificateOf,
  factsOf,
  identityOf,
  POLICY,
  type Stage,
  sealOf,
  votersOf,
} from './support.ts'

const KINDS = [
  ...['open', 'report', 'anchor', 'anchor', 'activate', 'admit', 'leave', 'command', 'want'],
  ...['noise', 'replay', 'forge', 'tick', 'tick', 'tick'],
] as const

/** What one node tries, honest or not, or some seconds that pass. */
export interface Turn {
  readonly kind: (typeof KINDS)[number]
  readonly node: number
  readonly a: number
  readonly b: number
  readonly noise: Uint8Array
}

const NODES = 9

export const turns = (count: number): fc.Arbitrary<Turn[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...KINDS),
      node: fc.integer({ min: 1, max: NODES }),
      a: fc.nat({ max: 255 }),
      b: fc.nat({ max: 255 }),
      noise: fc.uint8Array({ maxLength: 200 }),
    }),
    { minLength: count / 2, maxLength: count, size: 'max' },
  )

const COMMANDS: readonly ((node: number, b: number) => Command)[] = [
  node => ({ kind: 'ban', number: node }),
  node => ({ kind: 'unban', number: node }),
  node => ({ kind: 'retire', number: node }),
  node => ({ kind: 'admit', node: factsOf(node) }),
  (_, b) => ({ kind: 'set-policy', policy: { ...POLICY, admission: b % 2 === 0 ? 'open' : 'operators' } }),
]

/** A stage with all inputs that were ever sent there. */
export class Player {
  readonly stage: Stage
  readonly sent: Uint8Array[] = []
  number = 0

  constructor(stage: Stage) {
    this.stage = stage
  }

  /** Plays one turn: the body of its record and its kind come first, so that it can be told to another replica too. */
  play(turn: Turn): Applied {
    const { stage } = this
    const { kind, node, a, b, noise } = turn
    switch (kind) {
      case 'tick':
        return this.#tick(a, b)
      case 'noise':
        return stage.apply(noise)
      case 'replay':
        return stage.apply(this.sent[(a * 256 + b) % Math.max(1, this.sent.length)] ?? noise)
      case 'forge': {
        const body = stage.bodyOf(node, { kind: 'leave' }, { by: identityOf((node % NODES) + 1) })
        return stage.apply(body)
      }
      default: {
        const session = BEGIN_MS + (kind === 'open' && a % 8 === 0 ? b : 0)
        const body = stage.bodyOf(node, this.#action(turn), { session })
        this.sent.push(body)
        return stage.apply(body)
      }
    }
  }

  #tick(a: number, b: number): Applied {
    const renewals = []
    for (let node = 1; node <= NODES; node++)
      if ((b >> (node % 8)) & 1) renewals.push({ node, nonce: this.stage.nextNonce() })
    this.stage.tick += a < 8 ? 100_000 : 1 + (a % 20)
    const { tick } = this.stage
    const body = encodeDirectoryTick({ tick, timeMs: BEGIN_MS + tick * 100, renewals })
    return this.stage.directory.apply(TICK_RECORD, body, this.stage.leaf++)
  }

  #action({ kind, node, a, b }: Turn): Parameters<Stage['bodyOf']>[1] {
    const capacity = { cpu: 4000, memory: 4000, disk: 4000, bandwidth: 4000 }
    switch (kind) {
      case 'report':
        return {
          kind: 'report',
          facts: a % 2 === 0 ? { capacity } : { addresses: [`/ip4/10.0.0.${b}/tcp/1`] },
        }
      case 'anchor':
      case 'activate':
        return { kind: 'anchor', certificates: [this.#certificate(kind === 'activate', a, b)] }
      case 'admit':
        return { kind: 'admit', node: factsOf(1 + (a % NODES), b < 20 ? { vote: factsOf(1).log } : {}) }
      case 'leave':
        return { kind: 'leave' }
      case 'command': {
        const command = COMMANDS[b % COMMANDS.length]!(1 + (a % NODES), b)
        const signers = a % 4 === 0 ? [1] : [1, 1 + (a % 3)]
        return this.stage.commandOf(command, {
          number: a < 60 ? a : ++this.number + 1000,
          signers,
          expiresS: 86_400,
        })
      }
      case 'want':
        return { kind: 'want', quadkey: ['0000', '0001', '3333', '0231', '02311', '1'][a % 6]! }
      default:
        return { kind: node > 0 ? 'open' : 'leave' }
    }
  }

  /** Of the area: mostly one that may be anchored. */
  #certificate(activates: boolean, a: number, b: number): Uint8Array {
    const { state } = this.stage.directory
    const authority = state.authorities.get(1)!
    const last = state.anchors.get(1)?.anchor
    const epoch = authority.epoch - (b < 20 ? 1 : 0)
    const height = (last?.height ?? 0) + (b < 60 ? (b % 5) - 2 : 1)
    const pending = pendingOf(authority)
    const next = pending?.voters ?? [1, 2]
    const numberOf = (node: number): number => {
      const { identity } = state.nodes.get(node)!
      for (let each = 1; each <= NODES; each++)
        if (Buffer.compare(identityOf(each).publicKey, identity) === 0) return each
      return node
    }
    const nextMembers = [...next]
      .sort((x, y) => x - y)
      .map(node => ({ node, key: votersOf(numberOf(node))[0]!.key }))
    const members = authority.members.map(({ node }) => node)
    const seal = sealOf({
      ...{
        epoch: Math.max(1, epoch),
        height: Math.max(1, height),
        size: (last?.size ?? 0) + (b < 60 ? a % 30 : 10),
      },
      previous: b % 10 === 0 ? new Uint8Array(32) : (last?.hash ?? new Uint8Array(32)),
      nextMembers: activates ? nextMembers : [],
    })
    const view = Math.max(0, (last?.view ?? 0) + (b < 40 ? (b % 3) - 1 : 0))
    return certificateOf(seal, members, b % 16 === 7 ? { view, signers: members.slice(0, 1) } : { view })
  }
}
