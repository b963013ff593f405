import { maxBatch } from './batch-tree.ts'
import { type BatchedItem, FrameBuilder, maxFrameBytes, signBatch } from './batcher.ts'
import { hashKey } from './bytes.ts'
import type { Certificate } from './certificate.ts'
import { EffectsBuilder } from './effects.ts'
import { decodeFrame, type Frame, type SignedBatch } from './frame.ts'
import { Meetings } from './meetings.ts'
import { mayVote, reachesQuorum } from './member/amnesia.ts'
import { askAll, askPeer, askThese, endQuiet, isWaiting, tick } from './member/catch-up.ts'
import { anchored } from './member/deciding.ts'
import { membersOf, receive, receiveStatement, signedOwn, stageAgain } from './member/member.ts'
import type { Staged } from './member/staged.ts'
import { type Env, isFrozen, isMember, type MemberState, openMember, peersOf } from './member/state.ts'
import { changeView } from './member/view-change.ts'
import { type Claim, claim, executed, vote } from './member/voting.ts'
import { leaderOf } from './new-view.ts'
import type { Seal, Voter } from './seal.ts'
import { encodeSignState } from './sign-state.ts'
import type { Signed } from './signed.ts'
import type { Effects, FinalityHostOptions, MemberOptions, MemberStatus, WriteEffect } from './types.ts'
import { rememberVerified } from './verified.ts'

/** Between two ticks. */
const stoodStillMs = 2_000

interface Waiting extends Staged {
  readonly state: MemberState
}

/**
 * Finality of all authorities of one node. Pure: calls put things in, `takeEffects` takes out what is to be done,
 * `persisted` says that a write is durable. What a node signs is on its disk before the signature is made; everything that
 * it signs in a cycle is under one signature.
 */
export class FinalityHost {
  readonly #options: FinalityHostOptions
  readonly #env: Env
  readonly #out = new EffectsBuilder()
  readonly #members = new Map<number, MemberState>()
  readonly #meetings: Meetings
  /** Something was put in since the effects were taken. */
  readonly #touched = new Set<MemberState>()
  /** Something of theirs is to be written or signed. */
  readonly #dirty = new Set<MemberState>()
  /** Those for which the clock matters. */
  readonly #waiting = new Set<MemberState>()
  /** Durable: to be signed. */
  #ready: Waiting[] = []
  #inFlight: { readonly cycle: number; readonly staged: readonly Waiting[] } | undefined
  #cycle = 0
  #tickedAtMs = Number.POSITIVE_INFINITY
  #leaseUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: FinalityHostOptions) {
    this.#options = options
    this.#meetings = new Meetings(options.resendMs)
    const { self, nowMs, random, progressMs, resendMs, isReachable = () => true } = options
    this.#env = {
      ...{ self, nowMs, random, progressMs, resendMs, isReachable, out: this.#out },
      verify: rememberVerified(options.verify),
      leaseUntilMs: () => this.#leaseUntilMs,
    }
  }

  /**
   * After a start the caller looks where the member stands (`status`), opens that Raft instance unless it is frozen, and
   * hands the base, and every seal that its replica holds above the certified one, to `executed` once more.
   * @throws FinalityDiskError when what is stored is damaged
   */
  open(options: MemberOptions): void {
    const state = openMember(options, this.#env)
    this.#members.set(options.group, state)
    stageAgain(state, this.#env)
    askAll(state, this.#env)
    this.#touched.add(state)
  }

  /** What it has signed stays on disk, and must be handed in when it is opened again. */
  close(group: number): void {
    const state = this.#members.get(group)
    if (state === undefined) return
    this.#members.delete(group)
    for (const set of [this.#touched, this.#dirty, this.#waiting]) set.delete(state)
    this.#ready = this.#ready.filter(waiting => waiting.state !== state)
  }

  /** This seal is committed in the Raft instance of this epoch and view, and this replica came to its roots by itself. */
  executed(group: number, epoch: number, view: number, seal: Seal): void {
    this.#with(group, state => {
      executed(state, this.#env, epoch, view, seal)
      vote(state, this.#env)
    })
  }

  /** As the leader of this term in the Raft instance of this epoch and view: `hash` is what this node proposes at `leaf`. */
  claim(group: number, claimed: Claim): void {
    this.#with(group, state => claim(state, this.#env, claimed))
  }

  /** The present view serves nobody, or has shown a contradiction. */
  suspect(group: number): void {
    this.#with(group, state => {
      if (!isFrozen(state)) changeView(state, this.#env, state.sign.view + 1)
    })
  }

  /** This peer can be reached (again): one of us may have missed something. */
  peerUp(peer: number): void {
    if (this.#meetings.came(peer, this.#options.nowMs())) this.#meet(peer)
  }

  #meet(peer: number): void {
    for (const state of this.#members.values()) {
      if (!isMember(state, peer)) continue
      endQuiet(state, peer)
      askPeer(state, this.#env, peer)
      this.#touched.add(state)
    }
  }

  /** The directory's lease of this node, by the clock that was handed in. */
  lease(untilMs: number): void {
    this.#leaseUntilMs = untilMs
    for (const state of this.#waiting) {
      vote(state, this.#env)
      this.#touched.add(state)
    }
  }

  /** The directory's certified log has the certificate with this hash. */
  anchored(group: number, hash: Uint8Array): void {
    this.#with(group, state => anchored(state, this.#env, hash))
  }

  /** Bytes that `peer` sent. Whatever they are, they are taken or refused and counted, and never throw. */
  receive(peer: number, bytes: Uint8Array): void {
    const frame = bytes.length > maxFrameBytes ? undefined : decodeFrame(bytes, peer)
    if (frame === undefined) return this.#out.count('frame-malformed')
    for (let i = 0; i < frame.malformed; i++) this.#out.count('message-malformed')
    if (frame.batch !== undefined) this.#receiveBatch(peer, frame.batch)
    for (const { group, message } of frame.messages) {
      this.#with(group, state => receive(state, this.#env, peer, message))
    }
  }

  #receiveBatch(peer: number, { message, signature, items }: NonNullable<Frame['batch']>): void {
    for (const { group, signed } of items) {
      this.#with(group, state => {
        const members = membersOf(state, signed.statement.epoch) ?? []
        const key = members.find(({ node }) => node === peer)?.key
        const isSigned = key !== undefined && this.#env.verify(key, message, signature)
        receiveStatement(state, this.#env, peer, signed, isSigned)
      })
    }
  }

  #with(group: number, run: (state: MemberState) => void): void {
    const state = this.#members.get(group)
    if (state === undefined) return this.#out.count('unknown-group')
    run(state)
    this.#touched.add(state)
  }

  /** Every now and then, at least as often as the shortest timeout. Costs nothing for authorities with nothing under way. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    const sinceMs = nowMs - this.#tickedAtMs
    this.#tickedAtMs = nowMs
    for (const peer of this.#meetings.madeUp(nowMs)) this.#meet(peer)
    for (const state of this.#waiting) {
      // This process stood still: that says nothing of the view.
      if (sinceMs > stoodStillMs && state.deadlineMs !== undefined) state.deadlineMs += sinceMs
      tick(state, this.#env)
      this.#touched.add(state)
    }
  }

  /** The write of this cycle is durable. */
  persisted(cycle: number): void {
    if (this.#inFlight?.cycle !== cycle) return
    this.#ready.push(...this.#inFlight.staged)
    this.#inFlight = undefined
  }

  /** All that is to be done now. */
  takeEffects(): Effects {
    const frames = new FrameBuilder()
    for (const state of this.#touched) this.#stage(state)
    const batch = this.#signReady(frames)
    const write = this.#takeWrite()
    frames.addMessages(this.#out.takeMessages())
    for (const state of this.#touched) {
      if (isWaiting(state, this.#env)) this.#waiting.add(state)
      else this.#waiting.delete(state)
    }
    this.#touched.clear()
    return { write, send: frames.take(batch), ...this.#out.takeRest() }
  }

  /** What changes nothing in the sign-state need not wait for a write. */
  #stage(state: MemberState): void {
    if (state.unsaved) return
    for (const item of state.staged.splice(0)) this.#ready.push({ ...item, state })
  }

  #signReady(frames: FrameBuilder): SignedBatch | undefined {
    const ready = this.#ready.splice(0, maxBatch)
    if (ready.length === 0) return undefined
    const items: BatchedItem[] = ready.map(({ state, statement }) => {
      return { group: state.group, statement, peers: peersOf(state, this.#env.self) }
    })
    const { batch, signatures } = signBatch(this.#env.self, items, this.#options.sign)
    frames.addBatch(items)
    ready.forEach((waiting, i) => {
      const { state, statement } = waiting
      signedOwn(state, this.#env, { statement, by: signatures[i]! }, waiting)
      this.#touched.add(state)
    })
    return batch
  }

  /** One write at a time: what comes meanwhile makes the next one. */
  #takeWrite(): WriteEffect | undefined {
    for (const state of this.#touched) if (state.unsaved) this.#dirty.add(state)
    if (this.#inFlight !== undefined) return undefined
    const staged: Waiting[] = []
    const records = this.#out.takeRecords()
    const sync = this.#dirty.size > 0
    for (const state of this.#dirty) {
      for (const item of state.staged.splice(0)) staged.push({ ...item, state })
      state.unsaved = false
      records.push({ group: state.group, name: 'sign', value: encodeSignState(state.sign) })
    }
    this.#dirty.clear()
    if (records.length === 0) return undefined
    const cycle = ++this.#cycle
    this.#inFlight = { cycle, staged }
    return { cycle, records, sync }
  }

  /** No effects wait to be taken. What waits for a write that is under way does not count. */
  get isQuiet(): boolean {
    const canWrite = this.#inFlight === undefined && (this.#dirty.size > 0 || this.#out.hasRecords)
    return this.#touched.size === 0 && this.#ready.length === 0 && !canWrite
  }

  status(group: number): MemberStatus | undefined {
    const state = this.#members.get(group)
    if (state === undefined) return undefined
    const { epoch, view, frozenTo, base } = state.sign
    const proven = (state.newView?.proof ?? state.activations.get(epoch))?.seal
    return {
      baseSeal: proven ?? state.seals.get(hashKey(base.hash)),
      certifiedSeals: [...state.certificates.values()]
        .map(known => known.seal)
        .sort((a, b) => b.height - a.height),
      members: state.regime.members,
      leader: leaderOf(state.regime, view),
      hasForgotten: !mayVote(state),
      ...{ group, epoch, view, frozenTo, base, certified: state.tip, finalHeight: state.finalHeight },
      ...{ votes: isMember(state, this.#env.self), halted: state.halted },
    }
  }

  /** Who the members of an epoch were or are, as far as this node has been shown. */
  membersIn(group: number, epoch: number): readonly Voter[] | undefined {
    const state = this.#members.get(group)
    return state && membersOf(state, epoch)
  }

  /** Whether so many members can take part, as far as this node knows, that they could decide something. */
  reachesQuorum(group: number): boolean {
    const state = this.#members.get(group)
    return state !== undefined && reachesQuorum(state, this.#env)
  }

  /** Asks these nodes for all that was decided since: what they answer proves itself. For one that is no member, and is told nothing. */
  ask(group: number, nodes: readonly number[]): void {
    this.#with(group, state => askThese(state, this.#env, nodes))
  }

  /** Everybody who was a member of it, as far as this node knows. */
  everMembers(group: number): number[] {
    const state = this.#members.get(group)
    if (state === undefined) return []
    const later = [...state.activations.values()].flatMap(({ seal }) => seal.nextMembers)
    return [...new Set([...state.founded.members, ...later].map(({ node }) => node))]
  }

  /** The certificates that activated its epochs so far, in order: none in the first. */
  activations(group: number): Certificate[] {
    return [...(this.#members.get(group)?.activations.values() ?? [])]
  }

  /** What the members of this authority were seen to sign lately: for comparing nodes. */
  *statements(group: number): Generator<Signed> {
    const state = this.#members.get(group)
    if (state !== undefined) yield* state.pool.statements()
  }

  /** What was refused, ignored or dropped since the start, by code. */
  counters(): ReadonlyMap<string, number> {
    return this.#out.counters
  }
}
