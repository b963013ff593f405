import { Desk, type DeskEffects } from '../../consensus/handover/desk.ts'
import type { Handovers } from '../../consensus/handover/handovers.ts'
import type { Authority } from '../../consensus/handover/id.ts'
import { encodeRecord } from '../../consensus/handover/record.ts'
import type { Part } from '../../consensus/handover/shown.ts'
import { treeKey, worldEntry } from '../../storage/state/entry.ts'
import { encodeStateProof } from '../../storage/state/proof.ts'
import type { StateTree } from '../../storage/state/state-tree.ts'
import type { Position } from '../../world/codec.ts'
import type { World } from '../../world/world.ts'
import { type InputAnswer, inputHead, tell, type Waiting } from '../authority/intake.ts'

/** What a leader is given for handovers. */
export interface CrossingPorts {
  readonly nowMs: () => number
  /** Which authority has this place of the world; undefined where nobody does. */
  readonly areaAt: (place: Position) => Authority | undefined
  /** To whoever leads that authority; lost messages are said again. */
  readonly send: (to: Authority, message: Uint8Array) => void
}

/** A word is said again after this; the other side needs a seal for its answer. */
const resendMs = 500
const longestMs = 5_000
/** A source that has heard nothing for so long asks to refuse. */
const patienceMs = 5_000
/** A lock that was proposed and did not come about, because the entity has turned round say, is proposed again after this. */
const proposeAgainMs = 1_000
/** An input waits here for so long, and is then asked for again. */
const holdMs = 700
/** Then, or when too many wait, it is asked for again after this. */
const againMs = 50
/** Locks that begin in one turn. */
const locksAtOnce = 64
/** An entry of Raft takes so much of them. */
const maxEntryBytes = 256 * 1024

/**
 * The part of an area's leader that hands characters over: sees who waits at the border, and keeps the desk that speaks with
 * the other areas' leaders. It belongs to one Raft instance and remembers nothing that may not be lost (docs/handover.md).
 */
export class Crossings {
  readonly #self: Authority
  readonly #handovers: Handovers
  readonly #world: World
  readonly #ports: CrossingPorts
  #desk: Desk | undefined
  /** Entities whose lock was proposed, and until when that is waited for. */
  readonly #proposed = new Map<string, number>()
  #records: Uint8Array[] = []
  /** Who waits for inputs of entities that are on their way, by the inputs' own bodies. */
  readonly #waiting = new Map<Uint8Array, { readonly waiting: Waiting; readonly untilMs: number }>()

  constructor(handovers: Handovers, world: World, ports: CrossingPorts) {
    this.#self = handovers.around.self
    this.#handovers = handovers
    this.#world = world
    this.#ports = ports
  }

  /** This node leads, and has applied all that was committed before. */
  lead(): void {
    const { state, around } = this.#handovers
    const { nowMs } = this.#ports
    const answersFor = (authority: Authority): readonly Authority[] => [authority]
    this.#desk ??= new Desk(state, around, { nowMs, answersFor, resendMs, longestMs, patienceMs })
  }

  /** Whoever waits here is told this. */
  resign(answer: InputAnswer): void {
    this.#desk = undefined
    this.#records = []
    this.#proposed.clear()
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { waiting } of all) tellAll(waiting, answer)
  }

  /** A seal would give it something to say. */
  get wantsSeal(): boolean {
    return this.#desk?.wantsSeal === true
  }

  /** Often: after records were applied, and every few milliseconds. */
  tick(): void {
    const desk = this.#desk
    if (desk === undefined) return
    this.#lockWhoLeaves(desk)
    desk.tick()
    this.#carryOut(desk.takeEffects())
    this.#sendAway()
  }

  /** Who has waited for long asks again: a leader that is silent is taken for lost. */
  #sendAway(): void {
    const nowMs = this.#ports.nowMs()
    for (const [body, { waiting, untilMs }] of this.#waiting) {
      if (nowMs < untilMs) break
      this.#waiting.delete(body)
      tellAll(waiting, { kind: 'busy', retryAfterMs: againMs })
    }
  }

  #lockWhoLeaves(desk: Desk): void {
    const nowMs = this.#ports.nowMs()
    let left = locksAtOnce
    for (const { entity, to } of this.#world.wishes()) {
      if (left === 0) break
      if (nowMs < (this.#proposed.get(entity) ?? 0) || !desk.mayLock(entity)) continue
      const target = this.#ports.areaAt(to)
      if (target === undefined || target === this.#self) continue
      this.#proposed.set(entity, nowMs + proposeAgainMs)
      this.#records.push(encodeRecord({ kind: 'lock', entity, target }))
      left--
    }
    for (const [entity, untilMs] of this.#proposed) if (nowMs >= untilMs) this.#proposed.delete(entity)
  }

  #carryOut({ propose, send, forward }: DeskEffects): void {
    for (const { record } of propose) this.#records.push(encodeRecord(record))
    for (const { to, message } of send) this.#ports.send(to, message)
    for (const { to, inputs } of forward) {
      const hasGone = to !== undefined && to !== this.#self
      const answer: InputAnswer = hasGone ? { kind: 'moved', to } : { kind: 'busy', retryAfterMs: 1 }
      for (const body of inputs) {
        const held = this.#waiting.get(body)
        this.#waiting.delete(body)
        if (held !== undefined) tellAll(held.waiting, answer)
      }
    }
  }

  /** Bodies of records to be proposed now, as many as go into one entry. */
  takeRecords(): Uint8Array[] {
    if (this.#records.length === 0) return []
    const taken: Uint8Array[] = []
    for (let sizeBytes = 0; this.#records.length > 0 && sizeBytes < maxEntryBytes; ) {
      const body = this.#records.shift()!
      taken.push(body)
      sizeBytes += body.length
    }
    return taken
  }

  get hasRecords(): boolean {
    return this.#records.length > 0
  }

  /** Bytes from anybody. */
  receive(message: Uint8Array): void {
    this.#desk?.receive(message)
    this.tick()
  }

  /** The tree stands as a mark has left it, and no record after that is applied yet. */
  marked(height: number, tree: StateTree): void {
    this.#desk?.marked(height, key => prove(tree, key))
  }

  /** The seal of this height is final. */
  final(height: number, final: Uint8Array): void {
    this.#desk?.final(height, final)
    this.tick()
  }

  /** An input for somebody who is not here any more, or not for now: it waits, or is told where to go. */
  away(body: Uint8Array, waiting: Waiting): void {
    const { playerKey } = inputHead(body)!
    const entity = this.#world.crossingOf(playerKey)
    const forward = this.#world.forwardOf(playerKey)
    if (entity === undefined) {
      const answer: InputAnswer = forward
        ? { kind: 'moved', to: Buffer.from(forward).toString('hex') }
        : { kind: 'busy', retryAfterMs: 1 }
      return tellAll(waiting, answer)
    }
    const untilMs = this.#ports.nowMs() + holdMs
    if (this.#desk?.input(entity, body) === 'waits') this.#waiting.set(body, { waiting, untilMs })
    else tellAll(waiting, { kind: 'busy', retryAfterMs: againMs })
  }
}

function tellAll(first: Waiting, answer: InputAnswer): void {
  for (let each: Waiting | undefined = first; each !== undefined; each = each.also) tell(each, answer)
}

function prove(tree: StateTree, key: Uint8Array): Part {
  const place = treeKey(key)
  const stored = tree.get(place)
  const value = stored && worldEntry({ key: place, value: stored })?.value
  return { key, value, path: encodeStateProof(tree.proof(place)) }
}
