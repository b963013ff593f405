import { encodeFrames } from '../../../../consensus/groups/frame.ts'
import type { GroupStatus } from '../../../../consensus/groups/types.ts'
import { type Message, MessageType, newMessage } from '../../../../consensus/raft/types.ts'
import type { Simulation } from '../../simulation.ts'
import { type Fault, type Field, type Node, pick } from './fault.ts'

const LIE_EVERY_MS = 20
const WAY_MS = 1_000
const MAX_FRAME_BYTES = 1000
/** What asks for an election says so that its leader wants it. */
const TRANSFER = new TextEncoder().encode('transfer')

/** The nodes that lie, until they are mended. */
const usurpers = new WeakMap<Simulation, Set<Node>>()

export const USURPING_FAULTS = {
  /**
   * A member tells the others in Raft that it leads them, in ever higher terms, in every view, and serves nobody; or it only ends
   * what another one leads. Of all else it does its part.
   */
  usurper: {
    counters: ['usurped'],
    inject: field => {
      const { random } = field.simulation
      const { group } = pick(random, field.realm.areas)
      const number = pick(random, field.votersOf(group))
      const liar = field.nodes.find(({ program }) => program?.number === number)
      // More than one of four are more than any rule can stand.
      if (liar !== undefined && usurperOf(field) === undefined) usurp(field, liar)
    },
    mendNode: ({ simulation }, node) => {
      usurpers.get(simulation)?.delete(node)
    },
  },
} satisfies Record<string, Fault>

/** Whoever lies so all the time: the others have to go on without it. */
export function usurperOf({ simulation }: Field): Node | undefined {
  return usurpers.get(simulation)?.values().next().value
}

export function usurp(field: Field, liar: Node): void {
  const { simulation } = field
  const liars = usurpers.get(simulation) ?? new Set()
  usurpers.set(simulation, liars.add(liar))
  const again = (): void => {
    if (!liars.has(liar)) return
    for (const { group } of field.realm.areas) lie(field, liar, group)
    simulation.schedule(undefined, LIE_EVERY_MS, 'usurper', again)
  }
  again()
}

function lie(field: Field, liar: Node, group: number): void {
  const from = liar.program?.number
  if (from === undefined || !field.votersOf(group).includes(from)) return
  for (const { program } of field.nodes) {
    const status = program?.engine.status(group)
    if (program === undefined || status === undefined || program === liar.program) continue
    const { epoch, view } = status
    const message = lieTo(status, Math.floor(field.simulation.nowMs / WAY_MS))
    if (message === undefined) continue
    Object.assign(message, { from, term: status.term + 1 })
    const outgoing = { instance: { group, epoch, view }, message }
    for (const frame of encodeFrames([outgoing], MAX_FRAME_BYTES)) program.raftSays(from, frame)
    field.simulation.countFault('usurped')
  }
}

/** It leads all, or some, or answers from a later term, or stands as if the leader had asked for it. */
function lieTo({ self, lastIndex }: GroupStatus, way: number): Message | undefined {
  switch (way % 4) {
    case 0:
      return newMessage(MessageType.Heartbeat, self)
    case 1:
      return self % 2 === 0 ? newMessage(MessageType.Heartbeat, self) : undefined
    case 2:
      return newMessage(MessageType.AppResp, self)
    default:
      return Object.assign(newMessage(MessageType.Vote, self), {
        ...{ index: lastIndex, logTerm: 1, context: TRANSFER },
      })
  }
}
