/**
 * What a node knows of how others reach it. No I/O: time is handed in, and somebody else asks. It hears from those it dials
 * at which address they see it, and from those it asks whether they could dial it there (as AutoNAT does).
 */
import type { PeerId } from '../../ports.ts'
import { isPublic, placeOf } from '../addresses.ts'

export type Reach = 'unknown' | 'public' | 'private'

export interface Ask {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

/** A peer that may be asked to dial this node, and the IP address at which it is. */
export interface Askable {
  readonly peer: PeerId
  readonly ip: string
}

const maxObservers = 64
const maxCandidates = 4
/** Of so many different peers is each address asked. */
const askedOf = 3
const askAgainMs = 10 * 60_000
/** Somebody may just be setting up the router. */
const askAgainAfterNoMs = 2 * 60_000
const samePeerMs = 60_000
/** Who knows that it is on the internet, and has nobody to ask, takes itself for unreachable after so long. */
const doubtMs = 10_000

interface Answer {
  readonly ok: boolean
  readonly atMs: number
}

export class Reachability {
  /** What each peer that was dialled from the shared port says this node's address is; newest last. */
  readonly #observed = new Map<PeerId, string>()
  readonly #answers = new Map<string, Map<PeerId, Answer>>()
  readonly #askedMs = new Map<PeerId, number>()
  #mapped: ReadonlySet<string> = new Set()
  #firstObservedMs: number | undefined

  observed(peer: PeerId, address: string, nowMs: number): void {
    if (!isPublic(address)) return
    this.#firstObservedMs ??= nowMs
    this.#observed.delete(peer)
    this.#observed.set(peer, address)
    if (this.#observed.size > maxObservers) this.#observed.delete(this.#observed.keys().next().value!)
  }

  gone(peer: PeerId): void {
    this.#observed.delete(peer)
  }

  /** Where a peer that dials at the right moment may get through: as others see this node, the most common first. */
  punchable(): string[] {
    return byCount([...this.#observed.values()])
  }

  /**
   * What others see of one local port: one port everywhere, or another for each (no hole can be punched then); undefined as
   * long as fewer than two have said.
   */
  portsDiffer(): boolean | undefined {
    if (this.#observed.size < 2) return undefined
    return new Set(this.#observed.values()).size > 1
  }

  /**
   * Where this node could be reached: its own public addresses, with those that a router maps to it, and its own ports at
   * the IP addresses that others see.
   */
  candidates(own: readonly string[]): string[] {
    const seen = byCount([...this.#observed.values()].map(address => placeOf(address)!.host))
    const listening = own.flatMap(address => {
      const place = placeOf(address)
      return place?.kind === 'ip4' && !isPublic(address) ? [place.port] : []
    })
    const ports = [...new Set(listening)]
    const behind = seen.slice(0, 2).flatMap(host => ports.map(port => `/ip4/${host}/tcp/${port}`))
    return [...new Set([...own.filter(isPublic), ...behind])].slice(0, maxCandidates)
  }

  /** Whom to ask now, and of which addresses. */
  next(own: readonly string[], askable: readonly Askable[], nowMs: number): Ask | undefined {
    this.#noteMappings(own)
    const candidates = this.candidates(own)
    for (const { peer, ip } of askable) {
      if (nowMs - (this.#askedMs.get(peer) ?? Number.NEGATIVE_INFINITY) < samePeerMs) continue
      // Who sits behind the same router gets through to what nobody else does.
      const addresses = candidates.filter(
        address => placeOf(address)!.host !== ip && this.#wantsAnswer(address, peer, nowMs),
      )
      if (addresses.length > 0) {
        if (this.#askedMs.size >= maxObservers) this.#askedMs.clear()
        this.#askedMs.set(peer, nowMs)
        return { peer, addresses }
      }
    }
    return undefined
  }

  answered(peer: PeerId, address: string, ok: boolean, nowMs: number): void {
    const answers = this.#answers.get(address) ?? new Map<PeerId, Answer>()
    this.#answers.set(address, answers)
    answers.delete(peer)
    answers.set(peer, { ok, atMs: nowMs })
    if (answers.size > askedOf) answers.delete(answers.keys().next().value!)
  }

  /** Those that more peers could dial than could not. */
  confirmed(own: readonly string[]): string[] {
    return this.candidates(own).filter(address => this.#balance(address) > 0)
  }

  verdict(own: readonly string[], nowMs: number): Reach {
    if (this.confirmed(own).length > 0) return 'public'
    const tried = this.candidates(own).some(address => (this.#answers.get(address)?.size ?? 0) > 0)
    const waited = this.#firstObservedMs !== undefined && nowMs - this.#firstObservedMs >= doubtMs
    return (tried || waited) && this.#observed.size > 0 ? 'private' : 'unknown'
  }

  /** What a router maps from now on was no way in when others were asked before. */
  #noteMappings(own: readonly string[]): void {
    const mapped = new Set(own.filter(isPublic))
    for (const address of mapped) if (!this.#mapped.has(address)) this.#answers.delete(address)
    this.#mapped = mapped
  }

  #balance(address: string): number {
    let balance = 0
    for (const { ok } of this.#answers.get(address)?.values() ?? []) balance += ok ? 1 : -1
    return balance
  }

  #wantsAnswer(address: string, peer: PeerId, nowMs: number): boolean {
    const answers = this.#answers.get(address) ?? new Map<PeerId, Answer>()
    const isFresh = ({ ok, atMs }: Answer) => nowMs - atMs < (ok ? askAgainMs : askAgainAfterNoMs)
    const last = answers.get(peer)
    if (last !== undefined) return !isFresh(last)
    return [...answers.values()].filter(isFresh).length < askedOf
  }
}

function byCount(values: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([value]) => value)
}
