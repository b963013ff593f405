import { sealHash } from '../../../consensus/finality/seal.ts'
import type { Effects } from '../../../consensus/finality/types.ts'
import type { HonestNode } from './honest.ts'
import { GENESIS, type Head, hex, type Instance, type Ordering } from './ordering.ts'

const LEADER_LOST_MS = 400
const SILENT_MS = 2500

/** An honest node's replica of one authority: follows the Raft instance of its view, and leads it when it is its turn. */
export class Follower {
  readonly #node: HonestNode
  readonly ordering: Ordering
  /** Survives crashes: what was executed once is on the disk. */
  readonly held: Set<string>
  instance: Instance | undefined
  frozen = false
  #head: Head = GENESIS
  #atBase = false
  /** It has executed what others don't have: only a new instance helps. */
  #lost = false
  #proposeAtMs = 0
  #sinceMs = 0

  constructor(node: HonestNode, ordering: Ordering, before: Follower | undefined) {
    this.#node = node
    this.ordering = ordering
    this.held = before?.held ?? new Set([hex(GENESIS.hash)])
  }

  get isLive(): boolean {
    return this.#node.isUp && !this.frozen && !this.#lost
  }

  /** After a start: in the instance that the node was in, at what it knows to be certified. */
  begin(): void {
    const { epoch, view, base, frozenTo, certified } = this.#node.host.status(this.ordering.group)!
    this.#enter(epoch, view, base, 0)
    this.frozen = frozenTo > view
    if (certified.height >= base.height && this.held.has(hex(certified.hash))) this.#head = certified
  }

  follow({ freeze, activated, restart, diverged }: Effects): void {
    const { group } = this.ordering
    for (const frozen of freeze) if (frozen.group === group) this.#freeze(frozen.epoch, frozen.view)
    for (const { certificate } of diverged.filter(one => one.group === group)) {
      this.#lost ||= certificate !== undefined
    }
    for (const { epoch, certificate, members } of activated.filter(one => one.group === group)) {
      const base = { height: certificate.seal.height, hash: sealHash(certificate.seal) }
      this.#enter(epoch, 0, base, members[epoch % members.length]!.node)
    }
    for (const { epoch, view, base, leader } of restart.filter(one => one.group === group)) {
      const head = base === undefined ? GENESIS : { height: base.height, hash: sealHash(base) }
      this.#enter(epoch, view, head, leader)
    }
  }

  #freeze(epoch: number, view: number): void {
    if (this.instance?.epoch === epoch && this.instance.view === view) this.frozen = true
  }

  #enter(epoch: number, view: number, base: Head, leader: number): void {
    const { judge, world } = this.#node.around
    judge.entered(this.ordering.group, this.#node.number, epoch, view, base)
    const { founders } = this.#node.around
    this.instance = this.ordering.instance(epoch, view, base, leader || founders[0]!.node)
    this.frozen = false
    this.#lost = false
    this.#head = base
    this.#atBase = false
    this.#sinceMs = world.nowMs
  }

  /** Every few milliseconds. */
  step(): void {
    if (this.instance === undefined || !this.isLive) return
    if (!this.#atBase && !this.#restore()) return
    this.#execute()
    if (this.#isMember()) {
      this.#elect()
      this.#lead()
      this.#complain()
    }
  }

  #isMember(): boolean {
    return this.#node.host.status(this.ordering.group)!.votes
  }

  /** Goes to the state as of the base (or of what was certified when the node started), if anybody has it. */
  #restore(): boolean {
    const hash = hex(this.#head.hash)
    const { world } = this.#node.around
    if (!this.held.has(hash)) {
      const holders = [...(this.ordering.holders.get(hash) ?? [])]
      const has = holders.some(
        holder => world.parties.get(holder)?.isUp && !world.isCut(holder, this.#node.number),
      )
      if (!has || !world.random.chance(0.4)) return false
    }
    this.#atBase = true
    if (this.#head.height > 0) this.#executed(this.#head)
    return true
  }

  #executed(head: Head): void {
    const { number, host, around } = this.#node
    const { epoch, view } = this.instance!
    const hash = hex(head.hash)
    this.held.add(hash)
    this.ordering.held(number, hash)
    around.judge.executed(this.ordering.group, number, epoch, view, hash)
    host.executed(this.ordering.group, epoch, view, this.ordering.seals.get(hash)!)
  }

  #execute(): void {
    const { world } = this.#node.around
    const { number, host } = this.#node
    for (let i = 0; i < 8; i++) {
      const instance = this.instance!
      const entry = this.ordering.next(instance, this.#head, number)
      if (entry === undefined || !this.isLive || world.isCut(instance.leader, number)) return
      if (world.nowMs < entry.atMs + 5 || world.random.chance(0.3)) return
      if (entry.isFalse) {
        this.#lost = true
        return host.suspect(this.ordering.group)
      }
      this.#head = { height: entry.seal.height, hash: sealHash(entry.seal) }
      this.#sinceMs = world.nowMs
      this.#executed(this.#head)
    }
  }

  /** Raft elects among those who are in the instance, if they are a majority. */
  #elect(): void {
    const instance = this.instance!
    const { world } = this.#node.around
    const leader = world.parties.get(instance.leader)
    const isLed = leader?.isUp === true && !world.isCut(instance.leader, this.#node.number)
    const leads =
      isLed && (!isHonest(leader) || leader.followers.get(this.ordering.group)?.instance === instance)
    if (leads) {
      instance.lostLeaderMs = 0
      return
    }
    if (instance.lostLeaderMs === 0) instance.lostLeaderMs = world.nowMs
    if (world.nowMs < instance.lostLeaderMs + LEADER_LOST_MS) return
    instance.leader = this.#node.number
    instance.term++
    instance.lostLeaderMs = 0
  }

  #lead(): void {
    const instance = this.instance!
    const { world, nextMembers } = this.#node.around
    const { host, number } = this.#node
    const { group } = this.ordering
    if (instance.leader !== number || world.nowMs < this.#proposeAtMs) return
    const { certified } = host.status(group)!
    if (hex(certified.hash) !== hex(this.#head.hash)) return
    if (this.ordering.next(instance, this.#head, number) !== undefined) return
    this.#proposeAtMs = world.nowMs + 200 + 1400 * world.random.fraction()
    const next = world.random.chance(0.06) ? nextMembers(group, instance.epoch) : undefined
    const seal = this.ordering.makeSeal(instance.epoch, this.#head, next)
    this.ordering.propose(instance, seal, () => true)
    const { epoch, view, term } = instance
    host.claim(group, { epoch, view, term, leaf: seal.size - 1, hash: sealHash(seal) })
  }

  /** Inputs wait, and the leader serves nobody. */
  #complain(): void {
    const { world } = this.#node.around
    const { host } = this.#node
    const { certified } = host.status(this.ordering.group)!
    const isServed = certified.height !== this.#head.height
    if (isServed || world.nowMs < this.#sinceMs + SILENT_MS) return
    this.#sinceMs = world.nowMs
    host.suspect(this.ordering.group)
  }
}

function isHonest(party: object): party is HonestNode {
  return 'followers' in party
}
