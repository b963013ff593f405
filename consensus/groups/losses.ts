import { hasQuorum, isThere } from './cover.ts'
import type { Notes } from './frame.ts'
import type { HostedGroup } from './hosted-group.ts'
import type { Liveness, LivenessEvents } from './liveness/liveness.ts'
import type { Orphans } from './orphans.ts'

/** Of the groups that this node leads and that somebody came back to, so many wake at each tick. */
const MAX_WOKEN_PER_TICK = 50

/**
 * Groups that nobody uses wait so much longer for a node that was lost without a sign of its end: most such nodes are
 * back at once, and then nothing was lost.
 */
const DOUBT_MS = 300

export interface LossesOptions {
  readonly self: number
  readonly nowMs: () => number
  readonly groups: () => Iterable<HostedGroup>
  readonly liveness: () => Liveness
  readonly orphans: () => Orphans
  readonly wake: (hosted: HostedGroup) => void
  /** It has no leader any more, by a node's loss. */
  readonly orphan: (hosted: HostedGroup) => void
  readonly changed: (hosted: HostedGroup) => void
  readonly note: (hosted: HostedGroup, peer: number, notes: Notes) => void
}

/** What becomes of groups when a node is lost or comes back. */
export class Losses implements LivenessEvents {
  readonly #options: LossesOptions
  readonly #toWake = new Set<HostedGroup>()
  /** Nodes that were lost, or whose support was, and when their sleeping groups are to be looked after. */
  readonly #lostPeers = new Map<number, number>()
  readonly #silentPeers = new Map<number, number>()

  constructor(options: LossesOptions) {
    this.#options = options
  }

  forget(hosted: HostedGroup): void {
    this.#toWake.delete(hosted)
  }

  tick(): void {
    this.#endDoubts()
    let left = MAX_WOKEN_PER_TICK
    for (const hosted of this.#toWake) {
      if (left-- === 0) break
      this.#toWake.delete(hosted)
      if (hosted.node.role === 'leader') this.#options.wake(hosted)
    }
  }

  lost(peer: number, isOver: boolean): void {
    const isSure = isOver || !this.#options.liveness().isUp(peer)
    this.#lostPeers.set(peer, this.#options.nowMs() + (isSure ? 0 : DOUBT_MS))
    this.#loseAll(peer, hosted => !hosted.asleep)
    if (!isOver) return
    this.#loseAll(peer, () => true)
    // Its next life leads nothing, and whoever supports it has promised nothing to the one that led.
    for (const hosted of this.#options.groups()) {
      if (hosted.boundTo === peer) hosted.boundTo = 0
      if (hosted.lostLeader === peer) hosted.lostLeader = 0
    }
  }

  /** The channels to it broke: whoever is lost as well does not come back in a moment. */
  peerDown(peer: number): void {
    if (this.#lostPeers.has(peer)) this.#lostPeers.set(peer, this.#options.nowMs())
  }

  /** It may go on in the groups that it led and that were given up, but in which nothing was done against it yet. */
  found(peer: number): void {
    this.#lostPeers.delete(peer)
    const orphans = this.#options.orphans()
    for (const hosted of orphans.waiting()) {
      if (hosted.boundTo !== peer || hosted.lostLeader !== peer) continue
      orphans.remove(hosted)
      hosted.lostLeader = 0
      this.#options.wake(hosted)
      this.#options.note(hosted, peer, { wake: true })
    }
  }

  unsupported(peer: number): void {
    this.#silentPeers.set(peer, this.#options.nowMs() + DOUBT_MS)
  }

  supportedAnew(peer: number): void {
    for (const hosted of this.#options.groups()) {
      if (hosted.node.role !== 'leader' || hosted.node.raft.tracker.get(peer) === undefined) continue
      hosted.covering.delete(peer)
      this.#toWake.add(hosted)
    }
  }

  changed(): void {
    this.#options.orphans().scanSoon()
  }

  /** There is haste in this group: if its leader's node is in doubt, it is given up now. */
  endDoubt(hosted: HostedGroup): void {
    const { lead } = hosted.node
    if (this.#lostPeers.has(lead)) this.#lose(hosted, lead)
  }

  #endDoubts(): void {
    const nowMs = this.#options.nowMs()
    for (const [peer, dueMs] of this.#lostPeers) {
      if (nowMs < dueMs) continue
      this.#lostPeers.delete(peer)
      this.#loseAll(peer, () => true)
    }
    for (const [peer, dueMs] of this.#silentPeers) {
      if (nowMs < dueMs) continue
      this.#silentPeers.delete(peer)
      if (!this.#isThere(peer, nowMs)) this.#wakeWithoutQuorum(peer, nowMs)
    }
  }

  /** Those with traffic first. */
  #loseAll(peer: number, which: (hosted: HostedGroup) => boolean): void {
    const groups: HostedGroup[] = []
    for (const hosted of this.#options.groups()) {
      if (hosted.node.role !== 'leader' && hosted.node.lead === peer && which(hosted)) groups.push(hosted)
    }
    groups.sort((a, b) => b.lastActiveMs - a.lastActiveMs)
    for (const hosted of groups) this.#lose(hosted, peer)
  }

  #lose(hosted: HostedGroup, peer: number): void {
    if (this.#options.orphans().has(hosted)) return
    hosted.lostLeader = peer
    hosted.node.forgetLeader()
    this.#options.orphan(hosted)
    this.#options.changed(hosted)
  }

  /** As a leader: the quorum check of each decides. */
  #wakeWithoutQuorum(peer: number, nowMs: number): void {
    for (const hosted of this.#options.groups()) {
      const { node } = hosted
      if (node.role !== 'leader' || !hosted.asleep || node.raft.tracker.get(peer) === undefined) continue
      if (!hasQuorum(node.raft.tracker.config, voter => this.#isThere(voter, nowMs))) this.#toWake.add(hosted)
    }
  }

  #isThere(member: number, nowMs: number): boolean {
    return isThere(this.#options.liveness(), this.#options.self, member, nowMs)
  }
}
