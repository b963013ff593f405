import type { Certificate } from '../../../consensus/finality/certificate.ts'
import type { Evidence } from '../../../consensus/finality/evidence.ts'
import { sealHash, type Voter } from '../../../consensus/finality/seal.ts'
import { decodeSignState } from '../../../consensus/finality/sign-state.ts'
import { type Signed, verifyStatement } from '../../../consensus/finality/signed.ts'
import {
  type Ballot,
  type ContentStatement,
  encodeStatement,
  type Statement,
  type ViewChangeStatement,
  type Vote,
} from '../../../consensus/finality/statement.ts'
import type { Keys } from './keys.ts'
import { type Head, hex, type Ordering } from './ordering.ts'
import { type Said, statementsIn } from './statements.ts'

/** Something happened that must not. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

const SLOW_WRITE_MS = 300

/** n → q, by hand: the judge trusts no arithmetic of what it judges. */
const QUORUM: Readonly<Record<number, number>> = { 3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 8: 6 }

export interface Watched {
  readonly number: number
  readonly disk: ReadonlyMap<string, Uint8Array>
  readonly leaseUntilMs: number
  /** Statements that it keeps. */
  evidencePool(group: number): Iterable<Signed>
}

interface Heard {
  readonly votes: Map<string, string>
  readonly secondVotes: Ballot[]
  frozenTo: number
  /** What it knows to be certified, in this epoch, and since when. */
  certified: (Ballot & { readonly atMs: number })[]
}

/**
 * Sees everything: what is said, what is on the disks, what each replica has executed. It holds honest nodes to the rules
 * of docs/finality.md at the moment at which something leaves them, and all certificates to one chain.
 */
export class Judge {
  readonly #nowMs: () => number
  readonly #keys: Keys
  readonly #orderings: ReadonlyMap<number, Ordering>
  readonly honest = new Map<number, Watched>()
  readonly #members = new Map<string, readonly Voter[]>()
  readonly #epochBase = new Map<string, string>()
  readonly #known = new Set<string>()
  readonly #tapped = new WeakSet<Uint8Array>()
  readonly #heard = new Map<string, Heard>()
  readonly #executed = new Set<string>()
  readonly #bases = new Map<string, Head>()
  /** Signers by kind, epoch, view and seal. */
  readonly #tally = new Map<string, Set<number>>()
  readonly #certified = new Set<string>()
  readonly #chain = new Map<string, Certificate>()
  readonly conflicts: (readonly [Certificate, Certificate])[] = []
  readonly named = new Set<number>()
  readonly #anchored = new Set<string>()
  /** Conflicts are expected: more than f members lie. */
  readonly #beyond: boolean
  certificates = 0
  viewsEntered = 0
  activations = 0

  constructor(
    keys: Keys,
    orderings: ReadonlyMap<number, Ordering>,
    founders: readonly Voter[],
    beyond: boolean,
    nowMs: () => number,
  ) {
    this.#nowMs = nowMs
    this.#keys = keys
    this.#orderings = orderings
    this.#beyond = beyond
    for (const group of orderings.keys()) this.#members.set(`${group}/0`, founders)
  }

  /** Whatever anybody sends, at the moment at which it leaves. */
  tap(from: number, bytes: Uint8Array): void {
    if (this.#tapped.has(bytes)) return
    this.#tapped.add(bytes)
    for (const said of statementsIn(bytes, from)) this.#say(said)
  }

  #say({ group, signed }: Said): void {
    const { statement, by } = signed
    const id = `${group} ${by.signer} ${hex(encodeStatement(statement))}`
    if (this.#known.has(id)) return
    const key = this.#keyOf(group, by.signer, statement.epoch)
    if (key === undefined || !verifyStatement(statement, by, key, this.#keys.verify)) return
    this.#known.add(id)
    if (this.honest.has(by.signer)) this.#checkHonest(group, by.signer, statement)
    if (statement.kind === 1 || statement.kind === 2) this.#count(group, by.signer, statement)
  }

  #keyOf(group: number, node: number, epoch: number): Uint8Array | undefined {
    const members = this.#members.get(`${group}/${epoch}`)
    return members?.find(member => member.node === node)?.key
  }

  quorum(group: number, epoch: number): number {
    return QUORUM[this.members(group, epoch).length]!
  }

  members(group: number, epoch: number): readonly Voter[] {
    return this.#members.get(`${group}/${epoch}`)!
  }

  #count(group: number, signer: number, { kind, epoch, ballot }: Vote): void {
    const key = `${group}/${kind}/${epoch}/${ballot.view}/${hex(ballot.hash)}`
    const signers = this.#tally.get(key) ?? new Set()
    this.#tally.set(key, signers.add(signer))
    if (kind === 2 && signers.size >= this.quorum(group, epoch))
      this.#certified.add(`${group}/${hex(ballot.hash)}`)
  }

  #hearing(group: number, node: number, epoch: number): Heard {
    const key = `${group}/${node}/${epoch}`
    const heard = this.#heard.get(key) ?? { votes: new Map(), secondVotes: [], frozenTo: 0, certified: [] }
    this.#heard.set(key, heard)
    return heard
  }

  #checkHonest(group: number, node: number, statement: Statement): void {
    if (statement.kind === 5) return
    const who = `node ${node}, group ${group}`
    const heard = this.#hearing(group, node, statement.epoch)
    this.#checkDisk(who, group, node, statement)
    if (statement.kind === 1 || statement.kind === 2) {
      const { kind, ballot } = statement
      const place = `${kind}/${ballot.view}/${ballot.height}`
      const other = heard.votes.get(place)
      if (other !== undefined && other !== hex(ballot.hash))
        throw new Violation(`${who}: rival votes at ${place}`)
      heard.votes.set(place, hex(ballot.hash))
      if (ballot.view < heard.frozenTo)
        throw new Violation(`${who}: voted in view ${ballot.view}, which it had frozen`)
      if (kind === 1) this.#checkFirst(who, group, node, statement)
      else this.#checkSecond(who, group, node, heard, statement)
    } else if (statement.kind === 3) {
      heard.frozenTo = Math.max(heard.frozenTo, statement.view)
      for (const vote of heard.secondVotes) {
        if (vote.view < statement.view && isBelow(statement.ballot, vote)) {
          throw new Violation(`${who}: a view change hides its second vote`)
        }
      }
      // What it learned while its view change was being written came too late for it.
      const before = heard.certified.filter(({ atMs }) => atMs < this.#nowMs() - SLOW_WRITE_MS)
      if (before.some(known => known.view < statement.view && isBelow(statement.ballot, known))) {
        throw new Violation(`${who}: a view change does not count a certificate as prepared`)
      }
    }
  }

  #checkDisk(
    who: string,
    group: number,
    node: number,
    statement: Exclude<Statement, ContentStatement>,
  ): void {
    const bytes = this.honest.get(node)!.disk.get(`${group}/sign`)
    const sign = bytes && decodeSignState(bytes)
    const covers = (vote: Ballot | undefined, ballot: Ballot): boolean =>
      vote !== undefined && !isBelow(vote, ballot)
    const isNewer = sign !== undefined && sign.epoch > statement.epoch
    if (isNewer) return
    const isOnDisk = (): boolean => {
      if (sign === undefined) return false
      if (statement.kind === 1) return covers(sign.vote1, statement.ballot)
      if (statement.kind === 2) return covers(sign.vote2, statement.ballot)
      return sign.frozenTo >= (statement as ViewChangeStatement).view
    }
    if (!isOnDisk())
      throw new Violation(`${who}: signed what its disk does not know yet (kind ${statement.kind})`)
  }

  #checkFirst(who: string, group: number, node: number, { epoch, ballot }: Vote): void {
    const hash = hex(ballot.hash)
    if (!this.#executed.has(`${group}/${node}/${epoch}/${ballot.view}/${hash}`)) {
      throw new Violation(`${who}: voted for what it has not executed`)
    }
    const base = this.#bases.get(`${group}/${node}/${epoch}/${ballot.view}`)!
    if (hex(base.hash) === hash) return
    if (ballot.height <= base.height) throw new Violation(`${who}: voted for a rival of its view's base`)
    const seal = this.#orderings.get(group)!.seals.get(hash)!
    const parent = hex(seal.previous)
    const isEpochBase = (this.#epochBase.get(`${group}/${epoch}`) ?? hex(new Uint8Array(32))) === parent
    if (!isEpochBase && !this.#certified.has(`${group}/${parent}`)) {
      throw new Violation(`${who}: voted for the child of an uncertified seal`)
    }
    const before = this.#orderings.get(group)!.seals.get(parent)
    if (before !== undefined && before.nextEpoch !== epoch) {
      throw new Violation(`${who}: the old members vote on after the new ones were activated`)
    }
  }

  #checkSecond(who: string, group: number, node: number, heard: Heard, { epoch, ballot }: Vote): void {
    // It may have run out while the vote was being written.
    if (this.honest.get(node)!.leaseUntilMs < this.#nowMs() - SLOW_WRITE_MS) {
      throw new Violation(`${who}: a second vote without a lease`)
    }
    const first = this.#tally.get(`${group}/1/${epoch}/${ballot.view}/${hex(ballot.hash)}`)
    if (first === undefined || first.size < this.quorum(group, epoch)) {
      throw new Violation(`${who}: a second vote without a quorum of first ones`)
    }
    heard.secondVotes.push(ballot)
  }

  executed(group: number, node: number, epoch: number, view: number, hash: string): void {
    this.#executed.add(`${group}/${node}/${epoch}/${view}/${hash}`)
  }

  entered(group: number, node: number, epoch: number, view: number, base: Head): void {
    this.viewsEntered++
    const key = `${group}/${node}/${epoch}/${view}`
    const other = this.#bases.get(key)
    if (other !== undefined && hex(other.hash) !== hex(base.hash))
      throw new Violation(`node ${node}: two bases in view ${view}`)
    this.#bases.set(key, base)
  }

  /** It knows no more than its disk. A certificate there is as good as none: its own votes are what it must not forget. */
  crashed(node: number): void {
    for (const [key, heard] of this.#heard) if (key.split('/')[1] === String(node)) heard.certified = []
  }

  certifiedAt(group: number, node: number, certificate: Certificate): void {
    const { seal, epoch, view, votes } = certificate
    const who = `node ${node}, group ${group}`
    const hash = hex(sealHash(seal))
    const members = this.members(group, epoch)
    const signers = new Set(votes.map(({ signer }) => signer))
    const areMembers = [...signers].every(signer => members.some(member => member.node === signer))
    if (!areMembers || signers.size < QUORUM[members.length]!)
      throw new Violation(`${who}: a certificate without a quorum`)
    this.#hearing(group, node, epoch).certified.push({
      view,
      height: seal.height,
      hash: sealHash(seal),
      atMs: this.#nowMs(),
    })
    this.#certified.add(`${group}/${hash}`)
    const place = `${group}/${seal.height}`
    const other = this.#chain.get(place)
    if (other === undefined) {
      this.#chain.set(place, certificate)
      this.certificates++
    } else if (hex(sealHash(other.seal)) !== hash) this.#conflict(other, certificate)
    const below = this.#chain.get(`${group}/${seal.height - 1}`)
    if (below !== undefined && hex(sealHash(below.seal)) !== hex(seal.previous))
      this.#conflict(below, certificate)
  }

  #conflict(one: Certificate, other: Certificate): void {
    if (!this.#beyond)
      throw new Violation(`two certificates contradict each other at height ${other.seal.height}`)
    this.conflicts.push([one, other])
  }

  activated(group: number, epoch: number, members: readonly Voter[], base: string): void {
    const key = `${group}/${epoch}`
    if (!this.#members.has(key)) this.activations++
    this.#members.set(key, members)
    this.#epochBase.set(key, base)
  }

  anchored(group: number, hash: string): void {
    this.#anchored.add(`${group}/${hash}`)
  }

  finalAt(group: number, node: number, certificate: Certificate): void {
    if (this.#anchored.has(`${group}/${hex(sealHash(certificate.seal))}`)) return
    throw new Violation(`node ${node}, group ${group}: called final, and cosigned, what is not anchored`)
  }

  evidence(node: number, { first, second }: Evidence): void {
    const { signer } = first.by
    if (this.honest.has(signer))
      throw new Violation(`node ${node} holds evidence against node ${signer}, which is honest`)
    if (second.by.signer !== signer) throw new Violation(`node ${node} holds evidence that names nobody`)
    this.named.add(signer)
  }

  /** Whether the honest nodes hold evidence that names enough of those who made two chains. */
  checkAccountability(): void {
    for (const [one, other] of this.conflicts) {
      const group = [...this.#orderings].find(
        ([, { authority }]) => hex(authority) === hex(one.seal.authority),
      )![0]
      const needed = 2 * this.quorum(group, one.epoch) - this.members(group, one.epoch).length
      if (this.named.size >= needed) continue
      throw new Violation(
        `certificates of views ${one.view} and ${other.view} contradict each other at heights ${one.seal.height} and ${other.seal.height}, and only ${this.named.size} of ${needed} signers are named`,
      )
    }
  }
}

function isBelow(a: Ballot, b: Ballot): boolean {
  return a.view !== b.view ? a.view < b.view : a.height < b.height
}
