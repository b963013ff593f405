import { FinalityHost } from '../../../consensus/finality/host.ts'
import { type Seal, sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import type { Effects, MemberStatus, StoredMember } from '../../../consensus/finality/types.ts'
import { authority, keys, members } from './generate.ts'

const DEFAULTS = { groups: 1, lease: true, givesLeases: false }

/** One node of the test: its host, its disk, and all that was asked of it. */
export class Node {
  readonly number: number
  readonly cluster: Cluster
  disk = new Map<string, Uint8Array>()
  host!: FinalityHost
  signatures = 0
  readonly log: Effects[] = []
  /** The disk takes writes, but is not done with any. */
  stalled = false
  #unfinished: (() => void)[] = []

  constructor(number: number, cluster: Cluster) {
    this.number = number
    this.cluster = cluster
  }

  start(forgetful = false): void {
    const { cluster } = this
    const sign = keys.signer(this.number)
    this.host = new FinalityHost({
      self: this.number,
      sign: message => {
        this.signatures++
        return sign(message)
      },
      ...{ verify: keys.verify, nowMs: () => cluster.nowMs, random: () => this.number },
      ...{ progressMs: () => 1000, resendMs: 200 },
      isReachable: node => !cluster.unreachable.includes(node),
    })
    if (cluster.options.lease) this.host.lease(Number.MAX_SAFE_INTEGER)
    for (let group = 1; group <= cluster.options.groups; group++) {
      const stored = this.#stored(group)
      const { givesLeases } = cluster.options
      const { founders } = cluster
      this.host.open({ group, authority, epoch: 0, founders, stored, forgetful, givesLeases })
    }
  }

  #stored(group: number): StoredMember {
    const get = (name: string): Uint8Array | undefined => this.disk.get(`${group}/${name}`)
    const activations = [1, 2, 3].flatMap(epoch => get(`activation/${epoch}`) ?? [])
    return { sign: get('sign'), tip: get('tip'), view: get('view'), activations }
  }

  status(): MemberStatus {
    return this.host.status(1)!
  }

  /** Everything of one kind that its host has asked for so far. */
  all<
    K extends 'certified' | 'final' | 'freeze' | 'restart' | 'activated' | 'evidence' | 'halted' | 'diverged',
  >(kind: K): Effects[K][number][] {
    return this.log.flatMap(effects => effects[kind] as Effects[K][number][])
  }

  pump(): boolean {
    if (this.host.isQuiet) return false
    const effects = this.host.takeEffects()
    this.log.push(effects)
    for (const { peer, frame } of effects.send) this.cluster.send(this.number, peer, frame)
    const { write } = effects
    if (write === undefined) return true
    const finish = (): void => {
      for (const { group, name, value } of write.records) this.disk.set(`${group}/${name}`, value)
      this.host.persisted(write.cycle)
    }
    if (this.stalled) this.#unfinished.push(finish)
    else finish()
    return true
  }

  resume(): void {
    this.stalled = false
    for (const finish of this.#unfinished.splice(0)) finish()
  }

  /** What was not written is gone. */
  crash(): void {
    this.#unfinished = []
    this.stalled = false
  }
}

/** Some nodes, and a network on which everything arrives at once, except what `loses` says. */
export class Cluster {
  readonly options: typeof DEFAULTS
  readonly founders: readonly Voter[]
  readonly nodes: Node[]
  loses: (from: number, to: number, frame: Uint8Array) => boolean = () => false
  unreachable: readonly number[] = []
  nowMs = 0
  readonly #frames: { from: number; to: number; frame: Uint8Array }[] = []

  constructor(founders: number, nodes = founders, options: Partial<typeof DEFAULTS> = {}) {
    this.options = { ...DEFAULTS, ...options }
    this.founders = members(founders)
    this.nodes = Array.from({ length: nodes }, (_, i) => new Node(i + 1, this))
    for (const node of this.nodes) node.start()
    this.settle()
  }

  node(number: number): Node {
    return this.nodes[number - 1]!
  }

  send(from: number, to: number, frame: Uint8Array): void {
    if (!this.loses(from, to, frame)) this.#frames.push({ from, to, frame })
  }

  /** Until nobody has anything left to do. */
  settle(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const node of this.nodes) while (node.pump()) busy = true
      for (const { from, to, frame } of this.#frames.splice(0)) {
        this.nodes[to - 1]?.host.receive(from, frame)
        busy = true
      }
    }
  }

  run(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 50
      for (const node of this.nodes) node.host.tick()
      this.settle()
    }
  }

  /** All of these replicas have executed it. */
  executed(seal: Seal, numbers = this.nodes.map(({ number }) => number), epoch = 0, view = 0): void {
    for (const number of numbers) this.node(number).host.executed(1, epoch, view, seal)
    this.settle()
  }

  suspect(numbers = this.nodes.map(({ number }) => number)): void {
    for (const number of numbers) this.node(number).host.suspect(1)
    this.settle()
  }

  anchor(seal: Seal): void {
    for (const { host } of this.nodes) host.anchored(1, sealHash(seal))
    this.settle()
  }

  certified(): number[] {
    return this.nodes.map(node => node.status().certified.height)
  }
}
