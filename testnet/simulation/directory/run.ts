import type { Command } from '../../../world/directory/codec/command.ts'
import {
  type DirectoryAction,
  directorySignatureMessage,
  encodeDirectoryInput,
} from '../../../world/directory/codec/input.ts'
import { encodeDirectoryTick, type Renewal } from '../../../world/directory/codec/tick.ts'
import { createDirectory, type Directory, restoreDirectory } from '../../../world/directory/directory.ts'
import { hasLease } from '../../../world/directory/rules/nodes.ts'
import { pendingOf } from '../../../world/directory/rules/orders.ts'
import type { Voter } from '../../../world/directory/types.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../../world/interface.ts'
import { SimRandom } from '../random.ts'
import { SimArea } from './area.ts'
import { charterOf, FOUNDERS, POLICY, signedCommand, TICK_MS } from './charter.ts'
import { Judge, Violation } from './judge.ts'
import { factsOf, host, NETWORK, ORIGIN, sign } from './keys.ts'
import { Lies } from './lies.ts'
import { SimNode } from './node.ts'

const STEP_MS = 100
const FAULTS_MS = 120_000
const PEACE_MS = 30_000
const BEINGS = 12
const OPERATORS = 3
const BEGIN_MS = 1_767_225_600_000
const WRONG_CLOCK_MS = 300_000
const TICK_EVERY_MS = 1_000

const MUCH = { cpu: 9000, memory: 9000, disk: 9000, bandwidth: 9000 }

export interface DirectoryResult {
  /** What became of inputs, by code. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly records: number
  readonly blocks: number
  readonly epochs: number
}

/** Two virtual minutes of nodes, honest and not, that speak to one directory under changing coordinators; then peace. */
export function runDirectory({ seed }: { readonly seed: number }): DirectoryResult {
  return new Run(seed).run()
}

class Run {
  readonly #random: SimRandom
  readonly #charter = charterOf()
  readonly #nodes: readonly SimNode[]
  readonly #areas = new Map<number, SimArea>()
  readonly #judge: Judge
  readonly #lies: Lies
  #directory: Directory
  /** The same records, restored again and again. */
  #twin: Directory
  #nowMs = 0
  #leaf = 1
  #tick = 0
  #tickAtMs = 0
  #wallOffsetMs = 0
  #isPeace = false
  #nonce = 0
  /** By node number: whom the coordinator has heard. */
  #heard = new Map<number, Uint8Array>()
  readonly #later: { readonly atMs: number; readonly run: () => void }[] = []
  readonly #sent: Uint8Array[] = []

  constructor(seed: number) {
    this.#random = new SimRandom(seed)
    this.#directory = createDirectory(host, this.#charter)
    this.#twin = createDirectory(host, this.#charter)
    this.#nodes = Array.from({ length: BEINGS }, (_, i) => {
      return new SimNode(i + 1, i % 6 === 5 || i === 1, this.#random.fork(`node ${i}`))
    })
    const operators = this.#charter.operators.map(({ key }) => key)
    this.#judge = new Judge(() => this.#directory, operators)
    this.#lies = new Lies({
      ...{ random: this.#random, nodes: this.#nodes, areas: this.#areas, sent: this.#sent },
      isNew: body => this.#directory.state.nodeOf(body)?.status === 'admitted',
      strangers: () => this.#voters(this.#directory.state.nodes.ids().slice(-4)),
      command: signers => this.#command(signers),
      bodyOf: (node, action, key) => this.#bodyOf(node, action, key),
      send: (node, action) => this.#send(node, action),
      deliver: body => this.#deliver(body),
    })
  }

  run(): DirectoryResult {
    while (this.#nowMs < FAULTS_MS) this.#step()
    this.#isPeace = true
    while (this.#nowMs < FAULTS_MS + PEACE_MS) this.#step()
    this.#atRest()
    const epochs = [...this.#areas.values()].reduce((sum, area) => sum + area.epoch, 0)
    const blocks = this.#directory.state.blocks.get(0)?.number ?? 0
    return { outcomes: this.#judge.outcomes, records: this.#leaf, blocks, epochs }
  }

  #step(): void {
    this.#nowMs += STEP_MS
    const due = this.#later.filter(({ atMs }) => atMs <= this.#nowMs)
    for (const each of due) {
      this.#later.splice(this.#later.indexOf(each), 1)
      each.run()
    }
    for (const node of this.#nodes) this.#live(node)
    if (!this.#isPeace && this.#random.chance(0.01)) this.#changeCoordinator()
    if (this.#nowMs >= this.#tickAtMs) this.#passTime()
    for (const node of this.#nodes) this.#act(node)
    if (this.#random.chance(0.02)) this.#restoreTwin()
    this.#checkLeases()
  }

  #after(delayMs: number, run: () => void): void {
    this.#later.push({ atMs: this.#nowMs + delayMs, run })
  }

  #numberOf(node: SimNode): number | undefined {
    return this.#directory.state.nodeOf(node.identity)?.number
  }

  #live(node: SimNode): void {
    if (!this.#isPeace && this.#random.chance(0.001))
      node.awayUntilMs = this.#nowMs + this.#random.below(30_000)
    const number = this.#numberOf(node)
    const nonce = node.ask(this.#nowMs)
    if (nonce === undefined || number === undefined || (!this.#isPeace && this.#random.chance(0.2))) return
    this.#after(this.#random.below(300), () => this.#heard.set(number, nonce))
  }

  /** The new one's wall clock is another one, it has heard nobody, and it may tick at once. */
  #changeCoordinator(): void {
    this.#heard.clear()
    this.#wallOffsetMs = this.#random.between(-WRONG_CLOCK_MS, WRONG_CLOCK_MS)
    if (this.#random.chance(0.5)) this.#tickAtMs = this.#nowMs
  }

  #passTime(): void {
    this.#tickAtMs = this.#nowMs + TICK_EVERY_MS
    const wallMs = this.#nowMs + this.#wallOffsetMs
    this.#tick = Math.max(Math.floor(wallMs / TICK_MS), this.#tick + 1)
    const renewals: Renewal[] = [...this.#heard].map(([node, nonce]) => ({ node, nonce }))
    renewals.sort((a, b) => a.node - b.node)
    this.#heard.clear()
    const tick = { tick: this.#tick, timeMs: BEGIN_MS + Math.floor(wallMs), renewals }
    const body = encodeDirectoryTick(tick)
    const applied = this.#directory.apply(TICK_RECORD, body, this.#leaf)
    this.#twin.apply(TICK_RECORD, body, this.#leaf++)
    this.#judge.tick(tick, applied)
    for (const { node: number, nonce } of renewals) {
      const row = this.#directory.state.nodes.get(number)
      const node = this.#nodes.find(each => row && Buffer.compare(each.identity, row.identity) === 0)
      // Nobody counts on a lease that the directory does not give.
      const isGiven = row?.status === 'active' || row?.status === 'leaving'
      if (isGiven) this.#after(50 + this.#random.below(2_000), () => node?.shown(nonce))
    }
  }

  #checkLeases(): void {
    const { state } = this.#directory
    for (const node of this.#nodes) {
      const row = state.nodeOf(node.identity)
      if (row === undefined || !node.isLeased(this.#nowMs)) continue
      if (!hasLease(state.presence(row.number), state.header.passedMs))
        throw new Violation(`the lease of node ${row.number} is called over, and the node counts on it`)
    }
  }

  #act(node: SimNode): void {
    if (this.#nowMs < node.awayUntilMs || !this.#random.chance(0.08)) return
    const row = this.#directory.state.nodeOf(node.identity)
    if (row === undefined || row.status === 'retired') return this.#admit(node)
    if (node.session === 0 || this.#random.chance(0.005) || row.status === 'admitted') {
      node.session = Math.max(node.session + 1, BEGIN_MS + this.#nowMs)
      node.seq = 0
      return this.#send(node, { kind: 'open' })
    }
    if (node.isLiar && !this.#isPeace && this.#random.chance(0.4)) return this.#lies.lie(node)
    const action = this.#honestAction()
    if (action !== undefined) this.#send(node, action)
  }

  #honestAction(): DirectoryAction | undefined {
    const random = this.#random
    const kind = random.below(20)
    if (kind < 6)
      return { kind: 'report', facts: { capacity: MUCH, load: { ...MUCH, cpu: random.below(2000) } } }
    if (kind < 17 || this.#isPeace) return this.#anchor()
    if (kind === 17) return { kind: 'want', quadkey: random.below(256).toString(4).padStart(4, '0') }
    if (kind === 18) return random.chance(0.3) ? { kind: 'leave' } : undefined
    return this.#command(OPERATORS - random.below(2))
  }

  /** The members decide one more seal, and some certificates are brought: the next, or old ones once more. */
  #anchor(): DirectoryAction | undefined {
    const { state } = this.#directory
    const groups = state.authorities.ids().filter(group => state.authorities.get(group)!.epoch > 0)
    const group = groups[this.#random.below(groups.length)]!
    const authority = state.authorities.get(group)!
    const known = this.#areas.get(group)
    const area =
      known ?? new SimArea(`${NETWORK}/${authority.name}/${authority.birth}`, authority.members, this.#random)
    this.#areas.set(group, area)
    const pending = pendingOf(authority)
    const isNext = pending !== undefined && area.epoch === authority.epoch && this.#random.chance(0.5)
    const next = isNext ? this.#voters(pending.voters) : []
    if (authority.kind !== 'directory' || next.length > 0) area.decide(next)
    const from = Math.max(0, area.certificates.length - 6)
    const certificates = area.certificates.slice(from).filter(() => this.#isPeace || this.#random.chance(0.7))
    return certificates.length === 0 ? undefined : { kind: 'anchor', certificates }
  }

  #voters(numbers: readonly number[]): Voter[] {
    const { nodes } = this.#directory.state
    return [...numbers].sort((a, b) => a - b).map(node => ({ node, key: nodes.get(node)!.vote }))
  }

  #command(signers: number): DirectoryAction {
    const random = this.#random
    const numbers = this.#directory.state.nodes.ids()
    const number = numbers[random.below(numbers.length)]!
    const kinds = ['ban', 'unban', 'unban', 'retire'] as const
    if (random.chance(0.4)) return this.#commandOf({ kind: 'set-policy', policy: POLICY }, signers)
    const command: Command =
      number <= 3 ? { kind: 'unban', number } : { kind: kinds[random.below(kinds.length)]!, number }
    return this.#commandOf(command, signers)
  }

  #commandOf(command: Command, signers: number): DirectoryAction {
    const nonce = { number: ++this.#nonce, expiresS: Math.floor(this.#tick / 10) + this.#random.below(60) }
    return signedCommand(
      command,
      nonce,
      Array.from({ length: signers }, (_, i) => i + 1),
    )
  }

  #admit(node: SimNode): void {
    const sponsor = this.#nodes[this.#random.below(FOUNDERS)]!
    if (sponsor.session === 0 || this.#random.chance(0.7)) return
    this.#send(sponsor, { kind: 'admit', node: factsOf(node.being) })
  }

  #bodyOf(node: SimNode, action: DirectoryAction, key: Uint8Array): Uint8Array {
    const { logTag } = this.#directory.state
    const session = Buffer.alloc(16)
    session.writeBigUInt64BE(BigInt(node.session))
    const input = { identity: node.identity, session, seq: node.seq + 1, log: logTag, action }
    return encodeDirectoryInput({ ...input, signature: sign(key, directorySignatureMessage(ORIGIN, input)) })
  }

  #send(node: SimNode, action: DirectoryAction): void {
    const body = this.#bodyOf(node, action, node.identity)
    this.#sent.push(body)
    this.#deliver(body)
    node.seq = this.#directory.lastSeq(body, body, 32)
  }

  #deliver(body: Uint8Array): void {
    const applied = this.#directory.apply(INPUT_RECORD, body, this.#leaf)
    this.#twin.apply(INPUT_RECORD, body, this.#leaf++)
    this.#judge.input(body, applied)
  }

  #restoreTwin(): void {
    const entries = [...this.#twin.entries()]
    this.#twin = restoreDirectory(host, this.#charter, entries)
    const { store } = this.#judge
    const isSame =
      entries.length === store.size && entries.every(({ key, value }) => store.get(hex(key)) === hex(value))
    if (!isSame) throw new Violation('a replica that was restored holds another state')
  }

  #bringAll({ certificates }: SimArea): void {
    const nodes = this.#nodes.filter(({ identity, session }) => {
      const status = this.#directory.state.nodeOf(identity)?.status
      return session > 0 && (status === 'active' || status === 'leaving')
    })
    for (let at = 0; at < certificates.length && nodes.length > 0; at += 6)
      this.#send(nodes[0]!, { kind: 'anchor', certificates: certificates.slice(at, at + 6) })
  }

  /** In peace everything that was decided comes to be anchored, and no honest node has lost trust by a fault. */
  #atRest(): void {
    const { state } = this.#directory
    for (const [group, area] of this.#areas) {
      const { kind, name } = state.authorities.get(group)!
      this.#bringAll(area)
      const anchor = state.anchors.get(group)?.anchor
      const isHonest = anchor === undefined || area.hashes.has(hex(anchor.hash))
      if (kind !== 'directory' && isHonest && anchor?.height !== area.height)
        throw new Violation(
          `${name} has decided height ${area.height}, and only ${anchor?.height ?? 0} is anchored`,
        )
    }
    for (const node of this.#nodes) {
      const number = this.#numberOf(node)
      if (number !== undefined && !node.isLiar && state.presence(number).invalidProposals > 0)
        throw new Violation(`node ${number} is blamed for what it did not do`)
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
