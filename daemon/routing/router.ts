import type { InputBatch } from '../authority/batch.ts'
import type { BatchWaiter } from '../authority/intake.ts'
import type { ReadAnswer } from '../authority/reading.ts'
import { FeedFollower } from '../feed/follower.ts'
import type { FeedPublisher } from '../feed/publisher.ts'
import type {
  AreaInfo,
  AuthorityInfo,
  AuthorityRouter,
  FeedListener,
  FinalResult,
  InputSource,
  ReadResult,
} from '../gateway/router.ts'
import type { FinalAnswer, FinalAsk } from '../hosting/final-asks.ts'
import type { Clock, Network, PeerId } from '../ports.ts'
import { AskLane } from './ask-lane.ts'
import type { FinalChecks } from './final-checks.ts'
import {
  decodeFinalAnswers,
  encodeFinalRequest,
  type FinalAnswers,
  finalProtocol,
  maxBatchAsks,
} from './final-codec.ts'
import {
  decodeAnswers,
  encodeRequest,
  type IndexedAnswer,
  inputBatchOf,
  intentProtocol,
  type Request,
} from './intent-codec.ts'
import { Lane } from './lane.ts'
import { NodeChannels, type Sent } from './node-channels.ts'
import {
  decodeReadAnswers,
  encodeReadRequest,
  maxBatchReads,
  type ReadAnswers,
  readProtocol,
} from './read-codec.ts'

/** An authority that this node holds a replica of. */
export interface LocalAuthority {
  offer(batch: InputBatch, waiter: BatchWaiter): void
  /** `answer` is called once, at once or later. */
  read(target: Uint8Array, answer: (answer: ReadAnswer) => void): void
  /** Asked at the gateway of node `from`; `answer` is called once, at once or within half a second. */
  whenFinal(ask: FinalAsk, from: number, answer: (answer: FinalAnswer) => void): void
  readonly feed: FeedPublisher
}

type ReadLane = AskLane<Uint8Array, ReadAnswer>
type FinalLane = AskLane<FinalAsk, FinalAnswer>

export interface RouterOptions {
  readonly areas: readonly AreaInfo[]
  /** Where this node reports, and nobody plays. */
  readonly directory?: AuthorityInfo | undefined
  /** This node's number. */
  readonly self: number
  /** Undefined for a number that no node has. */
  readonly peerOf: (node: number) => PeerId | undefined
  readonly local: (group: number) => LocalAuthority | undefined
  readonly network: Network
  readonly clock: Clock
  readonly schedule: (run: () => void) => void
  /** Inputs for this authority have waited for an answer for a while. */
  readonly waits: (group: number) => void
  /** The node identity's signature. */
  readonly sign: (message: Uint8Array) => Uint8Array
  /** Whether what another member says to be final is proven. */
  readonly finalChecks: Pick<FinalChecks, 'holds' | 'epochOf'>
  readonly count: (name: string, labels: Record<string, string>) => void
}

/** This node's way to every authority, for its own gateway: inputs and reads to the leaders, ghosts from any replica. */
export class InputRouter implements AuthorityRouter {
  readonly #options: RouterOptions
  #areas: readonly AreaInfo[]
  readonly #lanes = new Map<string, Lane>()
  readonly #readLanes = new Map<string, ReadLane>()
  readonly #finalLanes = new Map<string, FinalLane>()
  readonly #intents: NodeChannels
  readonly #reads: NodeChannels
  readonly #finals: NodeChannels
  #batches = 0

  constructor(options: RouterOptions) {
    this.#options = options
    this.#areas = options.areas
    const { network, peerOf, count } = options
    this.#intents = new NodeChannels({
      ...{ protocol: intentProtocol, network, peerOf, count },
      onFrame: (node, frame) => {
        const decoded = decodeAnswers(frame)
        if (decoded !== undefined) this.#answered(node, decoded.batch, decoded.answers)
        return decoded !== undefined
      },
      onLost: node => {
        for (const lane of this.#lanes.values()) lane.nodeLost(node)
      },
    })
    this.#reads = new NodeChannels({
      ...{ protocol: readProtocol, network, peerOf, count },
      onFrame: (node, frame) => {
        const decoded = decodeReadAnswers(frame)
        if (decoded !== undefined) this.#readAnswered(node, decoded.batch, decoded.answers)
        return decoded !== undefined
      },
      onLost: node => {
        for (const lane of this.#readLanes.values()) lane.nodeLost(node)
      },
    })
    this.#finals = new NodeChannels({
      ...{ protocol: finalProtocol, network, peerOf, count },
      onFrame: (node, frame) => {
        const decoded = decodeFinalAnswers(frame)
        if (decoded !== undefined) this.#finalAnswered(node, decoded.batch, decoded.answers)
        return decoded !== undefined
      },
      onLost: node => {
        for (const lane of this.#finalLanes.values()) lane.nodeLost(node)
      },
    })
    const { areas, directory } = options
    for (const area of directory === undefined ? areas : [...areas, directory]) {
      this.#lanes.set(area.name, this.#newLane(area))
      this.#readLanes.set(area.name, this.#newReadLane(area))
      this.#finalLanes.set(area.name, this.#newFinalLane(area))
    }
  }

  areas(): readonly AreaInfo[] {
    return this.#areas
  }

  /** Others may lead an area from now on, and show what happens there. */
  membersAre(area: string, members: readonly number[]): void {
    this.#areas = this.#areas.map(info => (info.name === area ? { ...info, members } : info))
    for (const lanes of this.#allLanes) lanes.get(area)?.membersAre(members)
  }

  /** Inputs, reads and what is to be final, as long as they wait for an answer. */
  get pending(): number {
    let pending = 0
    for (const lanes of this.#allLanes) for (const lane of lanes.values()) pending += lane.pending
    return pending
  }

  get #allLanes(): ReadonlyMap<string, Lane | ReadLane | FinalLane>[] {
    return [this.#lanes, this.#readLanes, this.#finalLanes]
  }

  submit(area: string, bodies: readonly Uint8Array[], source: InputSource): void {
    const lane = this.#lanes.get(area)
    if (lane === undefined) return source.answered(bodies, { kind: 'refused', code: 'unknown-area' })
    lane.submit(bodies, source)
  }

  read(area: string, target: Uint8Array, answer: (result: ReadResult) => void): void {
    const lane = this.#readLanes.get(area)
    if (lane === undefined) answer({ kind: 'refused', code: 'unknown-area' })
    else lane.ask(target, result => answer(result as ReadResult))
  }

  whenFinal(area: string, ask: FinalAsk, answer: (result: FinalResult) => void): void {
    const lane = this.#finalLanes.get(area)
    if (lane === undefined) answer({ kind: 'refused', code: 'unknown-area' })
    else lane.ask(ask, result => answer(result as FinalResult))
  }

  subscribe(area: string, listener: FeedListener): () => void {
    const info = this.#areas.find(candidate => candidate.name === area)
    if (info === undefined) return () => {}
    const local = this.#options.local(info.group)
    if (local === undefined || local.feed.ended) return this.#follow(info, listener)
    // When this node's own replica halts, the gateway goes on with what the others tell.
    let stop = local.feed.subscribeLocal({
      state: (tick, leaf, entities) => listener.state(tick, leaf, entities),
      delta: (tick, leaf, changed, removed, events) => listener.delta(tick, leaf, changed, removed, events),
      lost: () => {
        listener.lost()
        stop = this.#follow(info, listener)
      },
    })
    return () => stop()
  }

  #follow(info: AreaInfo, listener: FeedListener): () => void {
    const { network, clock, count, peerOf } = this.#options
    const members = (): PeerId[] =>
      this.#areas.find(({ group }) => group === info.group)!.members.flatMap(node => peerOf(node) ?? [])
    const follower = new FeedFollower({ group: info.group, members, network, clock, count }, listener)
    return () => follower.stop()
  }

  /** Somebody who knows says who leads an area. */
  leaderIs(area: string, node: number): void {
    for (const lanes of this.#allLanes) lanes.get(area)?.leaderIs(node)
  }

  #newLane(area: AuthorityInfo): Lane {
    const { self, sign, clock, schedule, count, waits } = this.#options
    const nextBatch = (): number => ++this.#batches
    const { group, origin, members } = area
    return new Lane(
      {
        group,
        origin,
        members,
        gateway: self,
        sign,
        clock,
        schedule,
        nextBatch,
        count,
        waits: () => waits(group),
      },
      {
        send: (node, request) => this.#send(node, request),
      },
    )
  }

  #newReadLane({ group, members }: AuthorityInfo): ReadLane {
    const { self, local, clock, schedule, count, waits } = this.#options
    const nextBatch = (): number => ++this.#batches
    return new AskLane<Uint8Array, ReadAnswer>({
      ...{ members, clock, schedule, nextBatch, count, maxBatch: maxBatchReads },
      again: ({ kind }) => (kind === 'not-leader' ? 'elsewhere' : undefined),
      waits: () => waits(group),
      send: (node, batch, targets) => {
        if (node !== self) return this.#reads.send(node, () => encodeReadRequest({ group, batch, targets }))
        const authority = local(group)
        if (authority === undefined) return 'unreachable'
        targets.forEach((target, index) => {
          authority.read(target, answer => this.#readAnswered(self, batch, [{ index, answer }]))
        })
        return 'sent'
      },
    })
  }

  #newFinalLane(area: AuthorityInfo): FinalLane {
    const { self, local, clock, schedule, count, finalChecks } = this.#options
    const { group, members } = area
    const nextBatch = (): number => ++this.#batches
    return new AskLane<FinalAsk, FinalAnswer>({
      ...{ members, clock, schedule, nextBatch, count, maxBatch: maxBatchAsks },
      // It may take its time: that says nothing about who leads.
      waits: () => {},
      again: (answer, { leaves }, from) => {
        if (answer.kind === 'final')
          return from === self || finalChecks.holds(area, from, leaves, answer.proof) ? undefined : 'lie'
        return answer.kind === 'not-yet' ? 'here' : answer.kind === 'not-leader' ? 'elsewhere' : undefined
      },
      send: (node, batch, asks) => {
        if (node !== self) {
          // What this gateway is shown it must be able to check too.
          const known = finalChecks.epochOf(area)
          const asked = asks.map(ask => ({ ...ask, epoch: Math.min(ask.epoch, known) }))
          return this.#finals.send(node, () => encodeFinalRequest({ group, batch, asks: asked }))
        }
        const authority = local(group)
        if (authority === undefined) return 'unreachable'
        asks.forEach((ask, index) => {
          authority.whenFinal(ask, self, answer => this.#finalAnswered(self, batch, [{ index, answer }]))
        })
        return 'sent'
      },
    })
  }

  #send(node: number, request: Request): Sent {
    const { self } = this.#options
    if (node !== self) return this.#intents.send(node, () => encodeRequest(request))
    const local = this.#options.local(request.group)
    if (local === undefined) return 'unreachable'
    local.offer(inputBatchOf(request, self), (index, count, answer) => {
      this.#answered(self, request.batch, [{ index, count, answer }])
    })
    return 'sent'
  }

  // Batch numbers are unique on this node, so only one lane knows this one.
  #answered(from: number, batch: number, answers: readonly IndexedAnswer[]): void {
    for (const lane of this.#lanes.values()) lane.answered(batch, from, answers)
  }

  #finalAnswered(from: number, batch: number, answers: FinalAnswers['answers']): void {
    for (const lane of this.#finalLanes.values()) lane.answered(batch, from, answers)
  }

  #readAnswered(from: number, batch: number, answers: ReadAnswers['answers']): void {
    for (const lane of this.#readLanes.values()) lane.answered(batch, from, answers)
  }
}
