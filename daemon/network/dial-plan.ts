/** Decides whom to dial and when. No I/O: time is handed in, and somebody else dials. */
import type { PeerId, Random } from '../ports.ts'

/** Dials under way at once. */
export const maxDials = 16
const firstRetryMs = 100
const bootstrapRetryMaxMs = 10_000
const knownRetryMaxMs = 120_000
/** Somebody of another world does not become one of ours soon. */
const refusedRetryMs = 60_000
/** The side with the greater id lets the other go first, so that most pairs end up with one connection. */
const politenessMs = 80
/** In a burst of joins each connection costs every node some milliseconds, so waiting is longer among many. */
const politenessPerTargetMs = 10
const politenessMaxMs = 1500
const addressesPerPeer = 8

interface Target {
  /** Of the genesis file or the directory: they stay first, since a peer may be wrong about its own. */
  fixed: readonly string[]
  /** Where it was met, and what it says of itself; the newest first. */
  heard: readonly string[]
  bootstrap: boolean
  failures: number
  nextMs: number
  dialling: boolean
}

export interface Dial {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

export class DialPlan {
  readonly #self: PeerId
  readonly #random: Random
  readonly #targets = new Map<PeerId, Target>()
  #dialling = 0

  constructor(self: PeerId, random: Random) {
    this.#self = self
    this.#random = random
  }

  get dialling(): number {
    return this.#dialling
  }

  /** A new target is due at once; a known one only gets the addresses. */
  learn(peer: PeerId, addresses: readonly string[], bootstrap: boolean, nowMs: number): void {
    if (peer === this.#self) return
    const known = this.#targets.get(peer)
    if (known === undefined) {
      const nextMs = nowMs + this.#politeDelayMs(peer)
      const listed = addresses.slice(0, addressesPerPeer)
      const [fixed, heard] = bootstrap ? [listed, []] : [[], listed]
      this.#targets.set(peer, { fixed, heard, bootstrap, failures: 0, nextMs, dialling: false })
      return
    }
    if (bootstrap) {
      known.bootstrap = true
      known.fixed = addresses.slice(0, addressesPerPeer)
    } else known.heard = [...new Set([...addresses, ...known.heard])].slice(0, addressesPerPeer)
  }

  /** A peer that is to be dialled says where others get through to it: it is tried there soon. */
  told(peer: PeerId, addresses: readonly string[], nowMs: number): boolean {
    const target = this.#targets.get(peer)
    if (target === undefined) return false
    if (addresses.some(address => !addressesOf(target).includes(address))) {
      target.nextMs = Math.min(target.nextMs, nowMs + this.#politeDelayMs(peer))
      // Also when a dial to where it was before is under way, and fails.
      target.failures = 0
    }
    target.heard = [...new Set(addresses)].slice(0, addressesPerPeer)
    return true
  }

  /** It is a node of the network no more. */
  dismiss(peer: PeerId): void {
    const target = this.#targets.get(peer)
    if (target === undefined) return
    target.bootstrap = false
    this.forget(peer)
  }

  forget(peer: PeerId): void {
    const target = this.#targets.get(peer)
    if (target !== undefined && !target.bootstrap && !target.dialling) this.#targets.delete(peer)
  }

  /** Takes what should be dialled now; each must be answered with `succeeded` or `failed`. */
  due(nowMs: number, connected: (peer: PeerId) => boolean): Dial[] {
    const dials: Dial[] = []
    for (const [peer, target] of this.#targets) {
      if (this.#dialling >= maxDials) break
      if (target.dialling || target.nextMs > nowMs || addressesOf(target).length === 0 || connected(peer))
        continue
      target.dialling = true
      this.#dialling += 1
      dials.push({ peer, addresses: addressesOf(target) })
    }
    return dials
  }

  /** When `due` should be asked again; undefined while nobody waits. */
  nextDueMs(connected: (peer: PeerId) => boolean): number | undefined {
    if (this.#dialling >= maxDials) return undefined
    let nextMs: number | undefined
    for (const [peer, target] of this.#targets) {
      if (target.dialling || addressesOf(target).length === 0 || connected(peer)) continue
      if (nextMs === undefined || target.nextMs < nextMs) nextMs = target.nextMs
    }
    return nextMs
  }

  /** The dial ended in a connection; should it go away before the handshake is through, the delay still grows. */
  succeeded(peer: PeerId, nowMs: number): void {
    this.failed(peer, nowMs)
  }

  failed(peer: PeerId, nowMs: number): void {
    const target = this.#endDial(peer)
    if (target === undefined) return
    const maxMs = target.bootstrap ? bootstrapRetryMaxMs : knownRetryMaxMs
    const delayMs = Math.min(maxMs, firstRetryMs * 2 ** Math.min(target.failures, 20))
    target.failures += 1
    target.nextMs = Math.max(target.nextMs, nowMs + this.#jittered(delayMs))
  }

  /** The handshake passed. */
  greeted(peer: PeerId): void {
    const target = this.#targets.get(peer)
    if (target === undefined) return
    target.failures = 0
    target.nextMs = 0
  }

  /** A peer that had passed the handshake is gone: it may only be restarting. */
  lost(peer: PeerId, nowMs: number): void {
    const target = this.#targets.get(peer)
    if (target !== undefined) target.nextMs = nowMs + 20 + this.#politeDelayMs(peer)
  }

  refused(peer: PeerId, nowMs: number): void {
    const target = this.#targets.get(peer)
    if (target !== undefined) target.nextMs = nowMs + this.#jittered(refusedRetryMs)
  }

  #endDial(peer: PeerId): Target | undefined {
    const target = this.#targets.get(peer)
    if (target?.dialling) {
      target.dialling = false
      this.#dialling -= 1
    }
    return target
  }

  #politeDelayMs(peer: PeerId): number {
    if (this.#self < peer) return 0
    const baseMs = Math.min(politenessMaxMs, politenessMs + politenessPerTargetMs * this.#targets.size)
    return baseMs + this.#random.below(baseMs)
  }

  #jittered(delayMs: number): number {
    return delayMs / 2 + this.#random.below(delayMs)
  }
}

function addressesOf({ fixed, heard }: Target): string[] {
  return [...new Set([...fixed, ...heard])]
}
