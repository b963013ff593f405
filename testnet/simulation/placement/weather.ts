/** What happens to the network: nodes come, leave, die and come back, lines and loads drift, crowds move. */
import type { SimRandom } from '../random.ts'
import {
  gatewaysOf,
  measuredFrom,
  newNode,
  PLANE_MS,
  type SimArea,
  type SimNode,
  setPlayers,
} from './fleet.ts'
import type { Ledger } from './ledger.ts'

/** No more of the first nodes than this are away at a time, but when half of all fall. */
const AWAY_SHARE = 0.2
const REPORT_TICKS = 3

export class Weather {
  readonly faults = new Map<string, number>()
  readonly #random: SimRandom
  readonly #ledger: Ledger
  #nextNumber: number
  readonly #most: number
  #crowd: { from: SimArea; to: SimArea; left: number } | undefined

  constructor(random: SimRandom, ledger: Ledger, nodes: number) {
    this.#random = random
    this.#ledger = ledger
    this.#nextNumber = nodes + 1
    this.#most = nodes + Math.ceil(nodes / 4)
  }

  /** Every tick: who is up asks for its lease every other tick, and says every third what it carries. */
  renew(tick: number): void {
    for (const node of this.#ledger.nodes.values()) {
      if (!node.isUp || node.status === 'gone') continue
      if ((tick + node.number) % 2 === 0) {
        if (tick - node.heardTick > 6) node.sinceTick = tick
        node.heardTick = tick
      }
      if ((tick + node.number) % REPORT_TICKS === 0) this.#report(node)
      this.#ledger.putNode(node)
    }
  }

  /** One disturbance or none. */
  disturb(tick: number): void {
    const random = this.#random
    this.#move()
    this.#comeBack(tick)
    const dice = random.below(100)
    if (dice < 3) this.#die(tick)
    else if (dice < 4) this.#join(tick)
    else if (dice < 5) this.#leave()
    else if (dice < 7) this.#stall(tick)
    else if (dice < 12) this.#drift()
    else if (dice < 20) this.#surge()
    else if (dice === 20) this.#ban(tick)
    else if (dice === 21) this.#beginCrowd()
  }

  /** Half of all nodes die at once. */
  halve(tick: number): void {
    const up = [...this.#ledger.nodes.values()].filter(node => node.isUp && node.status !== 'gone')
    for (let i = up.length; i > Math.ceil(up.length / 2); i--) {
      const at = this.#random.below(i)
      this.#kill(up[at]!, tick)
      up[at] = up[i - 1]!
    }
    this.#count('half of all killed')
  }

  /** Everybody who still exists is back, and leaves no more. */
  calm(tick: number): void {
    for (const node of this.#ledger.nodes.values()) {
      if (node.status !== 'gone' && !node.isUp && this.#random.chance(0.5)) this.#raise(node, tick)
    }
    this.#crowd = undefined
  }

  #report(node: SimNode): void {
    const { hard, idle, soft } = this.#ledger.facts.carried(node.number)
    node.measured = node.foreign + hard + idle + soft
  }

  #die(tick: number): void {
    const nodes = [...this.#ledger.nodes.values()]
    const down = nodes.filter(node => !node.isUp).length
    if (down >= nodes.length * AWAY_SHARE) return
    const node = this.#any(each => each.isUp && each.status !== 'gone')
    if (node === undefined) return
    this.#kill(node, tick)
    this.#count('death')
  }

  #kill(node: SimNode, tick: number): void {
    node.isUp = false
    node.downTick = tick
  }

  #comeBack(tick: number): void {
    const node = this.#any(each => !each.isUp && each.status !== 'gone')
    if (node === undefined || !this.#random.chance(0.02)) return
    this.#raise(node, tick)
    this.#count('return')
  }

  #raise(node: SimNode, tick: number): void {
    node.isUp = true
    node.sinceTick = tick
    node.heardTick = tick
    this.#ledger.putNode(node)
  }

  /** Silent for a moment: nobody may be replaced for that. */
  #stall(tick: number): void {
    const node = this.#any(each => each.isUp && each.status === 'active')
    if (node === undefined) return
    node.heardTick = Math.min(node.heardTick, tick - 4)
    this.#ledger.putNode(node)
    this.#count('stall')
  }

  #join(tick: number): void {
    if (this.#ledger.nodes.size >= this.#most) return
    const nodes = [...this.#ledger.nodes.values()]
    const node = newNode(this.#random, this.#nextNumber++, nodes.length, tick)
    node.roundTripsMs = measuredFrom(node, nodes, this.#random)
    this.#ledger.putNode(node)
    this.#count('join')
  }

  /** An operator takes one or more of the nodes away. */
  #leave(): void {
    const active = [...this.#ledger.nodes.values()].filter(node => node.status === 'active' && node.isUp)
    for (let left = 1 + this.#random.below(3); left > 0 && active.length >= 8; left--) {
      const at = this.#random.below(active.length)
      const [node] = active.splice(at, 1)
      node!.status = 'leaving'
      this.#ledger.putNode(node!)
      this.#count('leave')
    }
  }

  #ban(tick: number): void {
    const nodes = [...this.#ledger.nodes.values()].filter(each => each.isUp && each.status === 'active')
    if (nodes.length < 8) return
    const node = nodes[this.#random.below(nodes.length)]!
    node.status = 'gone'
    node.downTick = tick
    this.#ledger.putNode(node)
    this.#count('ban')
  }

  #drift(): void {
    const node = this.#any(each => each.isUp)
    if (node === undefined) return
    node.roundTripsMs = measuredFrom(node, [...this.#ledger.nodes.values()], this.#random)
    node.foreign = this.#random.chance(0.5) ? this.#random.below(node.capacity >> 1) : 0
    this.#ledger.putNode(node)
    this.#count('drift')
  }

  #surge(): void {
    const area = this.#anyArea()
    const change = this.#random.below(400) - 200
    setPlayers(area, Math.min(1_500, area.players + change))
    this.#settleIn(area)
    this.#count('surge')
  }

  #beginCrowd(): void {
    if (this.#crowd !== undefined) return
    const [from, to] = [this.#anyArea(), this.#anyArea()]
    if (from === to) return
    this.#crowd = { from, to, left: 20 }
    to.x = this.#random.below(PLANE_MS)
    to.y = this.#random.below(PLANE_MS)
    this.#count('crowd')
  }

  #move(): void {
    const crowd = this.#crowd
    if (crowd === undefined) return
    const moving = Math.min(crowd.from.players, 30)
    setPlayers(crowd.from, crowd.from.players - moving)
    setPlayers(crowd.to, crowd.to.players + moving)
    this.#settleIn(crowd.from)
    this.#settleIn(crowd.to)
    crowd.left -= 1
    if (crowd.left === 0) this.#crowd = undefined
  }

  #settleIn(area: SimArea): void {
    area.wantedNear = gatewaysOf(area, [...this.#ledger.nodes.values()])
    this.#ledger.putArea(area)
  }

  #any(of: (node: SimNode) => boolean): SimNode | undefined {
    const nodes = [...this.#ledger.nodes.values()].filter(of)
    return nodes[this.#random.below(nodes.length)]
  }

  #anyArea(): SimArea {
    const areas = [...this.#ledger.areas.values()]
    return areas[this.#random.below(areas.length)]!
  }

  #count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1)
  }
}
