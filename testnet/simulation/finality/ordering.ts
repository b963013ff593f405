import { genesisHash, type Seal, sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import { sha256 } from '../../../storage/sha256.ts'
import type { World } from './world.ts'

export interface Head {
  readonly height: number
  readonly hash: Uint8Array
}

/** What a leader has proposed, and who is given it: Raft trusts its members, so a liar can give others something else. */
export interface Entry {
  readonly seal: Seal
  readonly key: string
  readonly parent: string
  readonly atMs: number
  readonly visibleTo: (node: number) => boolean
  /** Whoever executes it comes to another root than it names. */
  readonly isFalse: boolean
}

/** One Raft instance {epoch, view}, from one base on. */
export interface Instance {
  readonly epoch: number
  readonly view: number
  readonly base: Head
  readonly entries: Entry[]
  leader: number
  term: number
  lostLeaderMs: number
  lastEntryMs: number
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/**
 * Stands for Raft, and for the replicas' way to the state of a seal: an order that a leader makes, and that each member
 * follows at its own pace. It promises nothing that finality relies on.
 */
export class Ordering {
  readonly authority: Uint8Array
  readonly group: number
  readonly instances = new Map<string, Instance>()
  readonly seals = new Map<string, Seal>()
  /** Who can hand on the state as of a seal. */
  readonly holders = new Map<string, Set<number>>()
  readonly #world: World
  #made = 0

  constructor(world: World, group: number) {
    this.#world = world
    this.group = group
    this.authority = sha256(Buffer.from(`authority ${group}`))
  }

  instance(epoch: number, view: number, base: Head, leader: number): Instance {
    const key = `${epoch}/${view}/${hex(base.hash)}`
    let instance = this.instances.get(key)
    if (instance === undefined) {
      const nowMs = this.#world.nowMs
      instance = { epoch, view, base, entries: [], leader, term: 1, lostLeaderMs: 0, lastEntryMs: nowMs }
      this.instances.set(key, instance)
    }
    return instance
  }

  /** A seal like no other, above `parent`. */
  makeSeal(epoch: number, parent: Head, next?: readonly Voter[]): Seal {
    const unique = sha256(Buffer.from(`${this.group} ${++this.#made}`))
    const height = parent.height + 1
    const seal: Seal = {
      ...{ authority: this.authority, epoch, height, previous: parent.hash, size: 10 * height },
      ...{ root: unique, stateRoot: sha256(unique), tick: height, timeMs: Math.floor(this.#world.nowMs) },
      ...{ nextEpoch: next === undefined ? epoch : epoch + 1, nextMembers: next ?? [] },
    }
    this.seals.set(hex(sealHash(seal)), seal)
    return seal
  }

  propose(instance: Instance, seal: Seal, visibleTo: (node: number) => boolean, isFalse = false): Entry {
    const { nowMs } = this.#world
    const key = hex(sealHash(seal))
    const entry = { seal, key, parent: hex(seal.previous), atMs: nowMs, visibleTo, isFalse }
    instance.entries.push(entry)
    instance.lastEntryMs = nowMs
    return entry
  }

  /** What follows `head` for this node. */
  next(instance: Instance, head: Head, node: number): Entry | undefined {
    const parent = hex(head.hash)
    return instance.entries.find(entry => entry.parent === parent && entry.visibleTo(node))
  }

  held(node: number, hash: string): void {
    const holders = this.holders.get(hash) ?? new Set()
    this.holders.set(hash, holders.add(node))
  }
}

export const GENESIS: Head = { height: 0, hash: genesisHash }
