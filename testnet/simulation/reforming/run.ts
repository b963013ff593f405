import type { Command } from '../../../world/directory/codec/command.ts'
import {
  type DirectoryAction,
  directorySignatureMessage,
  encodeDirectoryInput,
} from '../../../world/directory/codec/input.ts'
import { encodeDirectoryTick, type Renewal } from '../../../world/directory/codec/tick.ts'
import { createDirectory, type Directory, restoreDirectory } from '../../../world/directory/directory.ts'
import { REFORMING_RULES } from '../../../world/directory/limits.ts'
import { pendingOf } from '../../../world/directory/rules/orders.ts'
import { INPUT_RECORD, TICK_RECORD } from '../../../world/interface.ts'
import { charterOf, POLICY, signedCommand, TICK_MS } from '../directory/charter.ts'
import { Violation } from '../directory/judge.ts'
import { factsOf, host, NETWORK, ORIGIN, sha256, sign } from '../directory/keys.ts'
import { SimRandom } from '../random.ts'
import { Ballots, hex } from './ballots.ts'
import { Judge } from './judge.ts'
import { type Around, type Proof, SimMember } from './member.ts'
import type { Shown } from './shown.ts'
import { toAnchor } from './to-anchor.ts'

const STEP_MS = 100
const FAULTS_MS = 100_000
const PEACE_MS = 90_000
/** At the end of peace: so long the area has gone on. */
const LAST_MS = 20_000
const NODES = 8
const GROUP = 1
const BEGIN_MS = 1_767_225_600_000
const MUCH = { cpu: 9000, memory: 9000, disk: 9000, bandwidth: 9000 }

export interface ReformingResult {
  readonly outcomes: ReadonlyMap<string, number>
  readonly anchors: number
  readonly reformings: number
  readonly cleanReads: number
  /** That began with the empty log. */
  readonly empty: number
}

/** An area whose members are lost again and again, by twos and by all, for a time or for good; then peace. */
export function runReforming({ seed }: { readonly seed: number }): ReformingResult {
  return new Run(seed).run()
}

class Run {
  readonly #random: SimRandom
  readonly #ballots = new Ballots()
  readonly #nodes: readonly SimMember[]
  readonly #judge: Judge
  readonly #around: Around
  readonly #charter: ReturnType<typeof charterOf>
  readonly #outcomes = new Map<string, number>()
  readonly #later: { readonly atMs: number; readonly run: () => void }[] = []
  #heard = new Map<number, Uint8Array>()
  #directory: Directory
  #nowMs = 0
  #tick = 0
  #leaf = 1
  #nonce = 0
  readonly #certificates: Proof[] = []
  /** The liar never goes, and is often the only one who is left; one that is mute answers nothing. */
  readonly #stays: boolean
  readonly #isMute: boolean
  #isPeace = false

  constructor(seed: number) {
    this.#random = new SimRandom(seed)
    const random = this.#random
    const policy = { ...POLICY, replicas: 4 + random.below(2), observers: random.below(3) }
    const base = charterOf()
    const all = Array.from({ length: NODES }, (_, i) => i + 1)
    const members = all.slice(0, 3 + random.below(3))
    this.#charter = {
      ...base,
      policy,
      nodes: all.map(number => ({ number, ...factsOf(number) })),
      authorities: base.authorities.map(each => ({
        ...each,
        members: each.group === GROUP ? members : all.slice(3),
      })),
    }
    this.#directory = createDirectory(host, this.#charter)
    this.#stays = random.chance(0.6)
    this.#isMute = random.chance(0.3)
    const liar = random.chance(0.7) ? 1 + random.below(4) : 0
    this.#judge = new Judge(this.#ballots, GROUP, new Set([liar]))
    const voters = members.map(node => ({ node, key: factsOf(node).vote }))
    this.#around = {
      ...{
        ballots: this.#ballots,
        authority: sha256(Buffer.from(`${NETWORK}/area/0000/0`)),
        changes: new Map(),
      },
      ...{ certificates: this.#certificates, nowMs: () => this.#nowMs, others: () => this.#nodes },
      sees: (from: number, to: number) => this.#node(from).side === this.#node(to).side,
      voted: (member: SimMember, kind: 1 | 2, spot: Parameters<Judge['voted']>[2]) => {
        this.#ballots.cast(member.number, kind, spot)
        this.#judge.voted(member, kind, spot)
      },
      began: (member: SimMember) => {
        if (!member.lies) this.#judge.began(member)
      },
    }
    this.#nodes = all.map(
      number => new SimMember(number, number === liar, voters, random.fork(`${number}`), this.#around),
    )
  }

  run(): ReformingResult {
    this.#passTime()
    for (const node of this.#nodes) this.#send(node, { kind: 'open' })
    for (const node of this.#nodes) this.#send(node, { kind: 'report', facts: { capacity: MUCH } })
    this.#command({ kind: 'adopt-rules', version: REFORMING_RULES, contentHash: new Uint8Array(32) })
    while (this.#nowMs < FAULTS_MS) this.#step()
    this.#bePeaceful()
    while (this.#nowMs < FAULTS_MS + PEACE_MS - LAST_MS) this.#step()
    const before = this.#judge.anchors
    while (this.#nowMs < FAULTS_MS + PEACE_MS) this.#step()
    this.#atRest(this.#judge.anchors - before)
    const { anchors, reformings, cleanReads, empty } = this.#judge
    return { outcomes: this.#outcomes, anchors, reformings, cleanReads, empty }
  }

  #node(number: number): SimMember {
    return this.#nodes[number - 1]!
  }

  #step(): void {
    this.#nowMs += STEP_MS
    const due = this.#later.filter(({ atMs }) => atMs <= this.#nowMs)
    for (const each of due) {
      this.#later.splice(this.#later.indexOf(each), 1)
      each.run()
    }
    if (!this.#isPeace && this.#nowMs % 12_000 === 0) this.#disaster()
    if (this.#nowMs % 1_000 === 0) {
      this.#passTime()
      this.#judge.waits(
        this.#directory,
        this.#nodes.filter(({ isDown, side }) => !isDown && side === 0),
      )
    }
    for (const node of this.#nodes) if (!node.isDown) this.#live(node)
    if (this.#random.chance(0.005)) this.#restore()
  }

  #live(node: SimMember): void {
    const nonce = node.ask(this.#nowMs)
    if (node.side === 0 && nonce !== undefined)
      this.#after(this.#random.below(200), () => this.#heard.set(node.number, nonce))
    // In its order; one that is away has it when it is back.
    while (node.side === 0 && (node.coming[0]?.atMs ?? Infinity) <= this.#nowMs)
      node.follow(node.coming.shift()!.shown)
    if (this.#random.chance(0.6)) node.act()
    if (node.side === 0 && this.#random.chance(0.06)) this.#speak(node)
  }

  #after(delayMs: number, run: () => void): void {
    this.#later.push({ atMs: this.#nowMs + delayMs, run })
  }

  /** Some of those who hold the area go: without a word, or cut off with those beside them, for a while. */
  #disaster(): void {
    const { members, learners } = this.#directory.state.authorities.get(GROUP)!
    const holders = [...members.map(({ node }) => node), ...learners]
    const share = this.#random.chance(0.4) ? 1 : this.#random.between(0.4, 1)
    const isCut = this.#random.chance(0.5)
    // Where others come back in their place, these may know less of what was final meanwhile.
    if (this.#random.chance(0.5))
      for (const node of this.#nodes) this.#after(this.#random.below(9_000), () => this.#return(node))
    for (const number of holders) {
      const node = this.#node(number)
      node.lagMs = this.#random.chance(0.3) ? 5_000 : 900
      if (node.isDown || node.side > 0 || !this.#random.chance(share)) continue
      const forMs = 6_000 + this.#random.below(35_000)
      const atMs = this.#random.below(4_000)
      this.#after(atMs, () => this.#lose(node, isCut && this.#random.chance(0.8)))
      this.#after(atMs + forMs, () => this.#return(node))
    }
  }

  #lose(node: SimMember, isCut: boolean): void {
    if (this.#isPeace || (node.isLiar && this.#stays)) return
    if (isCut) node.side = 1 + this.#random.below(2)
    else node.isDown = true
  }

  #return(node: SimMember): void {
    node.side = 0
    node.isDown = false
  }

  /** Everybody is back, or some never come again, as long as somebody is left who has what is final. */
  #bePeaceful(): void {
    this.#isPeace = true
    for (const node of this.#nodes) this.#return(node)
    for (const node of this.#nodes) node.lagMs = 900
    const anchor = this.#directory.state.anchors.get(GROUP)?.anchor
    const floor = anchor === undefined ? '' : hex(anchor.hash)
    const { members } = this.#directory.state.authorities.get(GROUP)!
    const keeper = members
      .map(({ node }) => this.#node(node))
      .find(({ has, isLiar }) => has.has(floor) && !isLiar)
    if (keeper === undefined || this.#random.chance(0.5)) return
    for (const { node } of members)
      this.#node(node).isDown = node !== keeper.number && this.#random.chance(0.7)
    if (this.#nodes.filter(({ isDown }) => !isDown).length < 4)
      for (const node of this.#nodes) this.#return(node)
  }

  #passTime(): void {
    this.#tick = Math.max(Math.floor(this.#nowMs / TICK_MS), this.#tick + 1)
    const renewals: Renewal[] = [...this.#heard].map(([node, nonce]) => ({ node, nonce }))
    renewals.sort((a, b) => a.node - b.node)
    this.#heard.clear()
    const body = encodeDirectoryTick({ tick: this.#tick, timeMs: BEGIN_MS + this.#nowMs, renewals })
    this.#apply(TICK_RECORD, body)
    const { state } = this.#directory
    const given = renewals.filter(({ node }) => state.presence(node).renewedMs === state.header.passedMs)
    this.#show(new Map(given.map(({ node, nonce }) => [node, nonce])))
  }

  /** What the directory's members have certified comes to the nodes a while later, in its order. */
  #show(renewals: Shown['renewals']): void {
    const { state } = this.#directory
    const authority = state.authorities.get(GROUP)!
    const row = state.reformings.get(GROUP)
    const pending = pendingOf(authority)?.voters.map(node => ({ node, key: factsOf(node).vote }))
    const shown: Shown = {
      ...{ renewals, epoch: authority.epoch, members: authority.members, learners: authority.learners },
      anchor: state.anchors.get(GROUP)?.anchor,
      row: row && { phase: row.phase, epoch: row.epoch, asked: row.asked, base: row.base },
      pending: pending?.sort((a, b) => a.node - b.node),
    }
    for (const node of this.#nodes)
      node.coming.push({ atMs: this.#nowMs + 50 + this.#random.below(node.lagMs), shown })
  }

  /** Brings certificates, and answers what it was asked. */
  #speak(node: SimMember): void {
    const { told } = node
    const certificates = toAnchor(this.#ballots, node)
    if (certificates.length > 0 && this.#random.chance(this.#isPeace ? 0.5 : 0.1))
      this.#send(node, { kind: 'anchor', certificates })
    const late = this.#certificates[this.#random.below(this.#certificates.length + 1)]
    if (node.isLiar && late !== undefined) this.#send(node, { kind: 'anchor', certificates: [late.bytes] })
    const row = told?.row
    if (row?.phase !== 'asking' || (node.isLiar && this.#isMute)) return
    if (node.isLiar) return this.#lie(node, row.epoch)
    if (node.frozenBelow < row.epoch && row.asked.includes(node.number)) return
    this.#send(node, { kind: 'holds', group: GROUP, epoch: row.epoch, proof: node.best?.bytes })
  }

  /** Nothing, an old thing, somebody else's, or votes that nobody cast. */
  #lie(node: SimMember, epoch: number): void {
    const all = this.#nodes.flatMap(({ known }) => [...known.values()])
    const old = all[this.#random.below(Math.max(1, all.length))]?.bytes
    const kind = this.#random.below(3)
    const proof = kind === 0 ? undefined : kind === 1 ? old : this.#madeUp()
    this.#send(node, { kind: 'holds', group: GROUP, epoch, proof })
  }

  #madeUp(): Uint8Array {
    const { epoch, members } = this.#directory.state.authorities.get(GROUP)!
    const { authority } = this.#around
    const height = 1 + this.#random.below(60)
    const seal = {
      ...{
        authority,
        epoch,
        height,
        previous: this.#random.bytes(32),
        size: height * 10,
        tick: 1,
        timeMs: 1,
      },
      ...{ root: this.#random.bytes(32), stateRoot: new Uint8Array(32), nextEpoch: epoch, nextMembers: [] },
    }
    const key = this.#random.bytes(32)
    return this.#ballots.forged(
      seal,
      epoch,
      9,
      members.map(({ node }) => ({ node, key })),
    )
  }

  #command(command: Command): void {
    const action = signedCommand(command, { number: ++this.#nonce, expiresS: 3_600 }, [1, 2])
    this.#send(this.#nodes[0]!, action)
  }

  #send(node: SimMember, action: DirectoryAction): void {
    const session = Buffer.alloc(16)
    session.writeBigUInt64BE(BigInt(BEGIN_MS))
    const { logTag } = this.#directory.state
    const input = { identity: node.identity, session, seq: ++node.seq, log: logTag, action }
    const signature = sign(node.identity, directorySignatureMessage(ORIGIN, input))
    this.#apply(INPUT_RECORD, encodeDirectoryInput({ ...input, signature }))
  }

  #apply(kind: number, body: Uint8Array): void {
    const { outcome } = this.#directory.apply(kind, body, this.#leaf++)
    if (outcome !== undefined) this.#outcomes.set(outcome.code, (this.#outcomes.get(outcome.code) ?? 0) + 1)
    this.#judge.look(this.#directory)
  }

  #restore(): void {
    const before = [...this.#directory.entries()].map(({ key, value }) => hex(key) + hex(value)).join()
    this.#directory = restoreDirectory(host, this.#charter, this.#directory.entries())
    const after = [...this.#directory.entries()].map(({ key, value }) => hex(key) + hex(value)).join()
    if (before !== after) throw new Violation('a directory that was restored holds another state')
  }

  /** Whoever is left goes on. */
  #atRest(anchored: number): void {
    const { state } = this.#directory
    const row = state.reformings.get(GROUP)
    if (row !== undefined)
      throw new Violation(`the area is not re-formed: epoch ${row.epoch} is ${row.phase}`)
    if (anchored === 0) throw new Violation('the area does not go on')
    for (const node of this.#nodes)
      if (!node.isLiar && state.presence(node.number).invalidProposals > 0)
        throw new Violation(`node ${node.number} is blamed for what it did not do`)
  }
}
