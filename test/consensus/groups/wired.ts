import { GroupHost } from '../../../consensus/groups/host.ts'
import type { CommittedEntry, Effects, GroupHostOptions, OutFrame } from '../../../consensus/groups/types.ts'

/** Hosts wired to each other by hand: a test decides what is delivered and what is durable, and when. */
export class Wired {
  readonly hosts = new Map<number, GroupHost>()
  readonly committed = new Map<number, CommittedEntry[]>()
  readonly effects: { node: number; effects: Effects }[] = []

  constructor(nodes: readonly number[], options: Partial<GroupHostOptions> = {}) {
    for (const self of nodes) {
      // The first node's timeout is the shortest: it will lead.
      const random = (below: number): number => (self === nodes[0] ? 0 : below - 1)
      const host = new GroupHost({ self, random, ...options })
      for (const peer of nodes) if (peer !== self) host.peerUp(peer)
      this.hosts.set(self, host)
      this.committed.set(self, [])
    }
  }

  host(node: number): GroupHost {
    return this.hosts.get(node)!
  }

  openAll(group: number): void {
    const voters = [...this.hosts.keys()]
    for (const host of this.hosts.values()) host.open({ group, epoch: 1, view: 0, voters, learners: [] })
  }

  deliver(from: number, frames: readonly OutFrame[]): void {
    for (const { peer, frame } of frames) this.hosts.get(peer)?.receive(from, frame)
  }

  /** Everything that is at hand is delivered and durable at once. */
  carryOut(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const [node, host] of this.hosts) {
        const effects = host.takeEffects()
        this.effects.push({ node, effects })
        for (const { entries } of effects.committed) this.committed.get(node)!.push(...entries)
        this.deliver(node, effects.send)
        if (effects.write !== undefined) host.persisted(effects.write.cycle)
        if (effects.send.length > 0 || effects.write !== undefined) busy = true
      }
    }
  }

  /** The same, and a little time passes, so that word of commit indexes gets there too. */
  settle(): void {
    this.carryOut()
    // That word leaves when it has waited for a whole tick.
    for (let i = 0; i < 3; i++) {
      for (const host of this.hosts.values()) host.tick()
      this.carryOut()
    }
  }

  /** Ticks until `group` has a leader, and everything has settled. */
  elect(group: number): void {
    for (let i = 0; i < 200 && this.host([...this.hosts.keys()][0]!).status(group)?.role !== 'leader'; i++) {
      for (const host of this.hosts.values()) host.tick()
      this.settle()
    }
  }

  texts(node: number): string[] {
    return this.committed
      .get(node)!
      .map(entry => Buffer.from(entry.data).toString())
      .filter(text => text !== '')
  }
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
