import { signBatch } from '../../../consensus/finality/batcher.ts'
import { ballotOf, type Certificate } from '../../../consensus/finality/certificate.ts'
import { contradictionOf } from '../../../consensus/finality/evidence.ts'
import { decodeFrame, encodeFrame } from '../../../consensus/finality/frame.ts'
import { encodeMessage, type Message } from '../../../consensus/finality/message.ts'
import { leaderOf, type NewView, type ViewChange } from '../../../consensus/finality/new-view.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import type { Signed } from '../../../consensus/finality/signed.ts'
import {
  type Ballot,
  compareBallots,
  type Statement,
  type Vote,
} from '../../../consensus/finality/statement.ts'
import type { Cabal } from './cabal.ts'
import type { Knowledge } from './knowledge.ts'
import { hex, type Instance } from './ordering.ts'
import type { Party, World } from './world.ts'

/** What a liar does beside voting, each drawn once per seed. */
export interface Character {
  /** Signs every rival that it hears of, each to some. */
  readonly equivocates: boolean
  /** Votes reach some only, or nobody. */
  readonly withholds: boolean
  /** Reports less than it has voted for, and leads views on the lowest reports that it can find. */
  readonly hides: boolean
  /** Signs view changes that nobody needs, and numbers that nobody can reach. */
  readonly inflates: boolean
  /** Sends old frames, old certificates, and quorums that are none. */
  readonly forges: boolean
  readonly silent: boolean
  /** Together they show each seal to some of the honest only, and its rival to the others. */
  readonly conspires: boolean
  /** 'rivals': never signs two rival votes; 'all': nothing at all that anybody could hold against it. */
  readonly avoids: 'nothing' | 'rivals' | 'all'
}

/** A member that keeps to no rule. It signs whatever it likes, but only with its own key. */
export class Liar implements Party {
  readonly number: number
  readonly character: Character
  readonly #cabal: Cabal
  readonly #old: Uint8Array[] = []
  readonly #own: Statement[] = []
  /** How often it has voted for it. */
  readonly #said = new WeakMap<Vote, number>()
  isUp = true
  readonly life = 1

  constructor(number: number, character: Character, cabal: Cabal) {
    this.number = number
    this.character = character
    this.#cabal = cabal
    cabal.liars.set(number, this)
  }

  start(): void {
    const { world } = this.#cabal
    const next = (): void =>
      world.after(30 + 150 * world.random.fraction(), () => {
        if (!this.character.silent) for (const [group, known] of this.#cabal.known) this.#act(group, known)
        next()
      })
    next()
  }

  receive(from: number, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, from)
    if (frame === undefined) return
    if (this.#old.length < 60) this.#old.push(bytes)
    for (const { group, signed } of frame.batch?.items ?? []) this.#cabal.known.get(group)?.hear(signed)
    for (const { group, message } of frame.messages) {
      const known = this.#cabal.known.get(group)
      if (known !== undefined) this.#learn(known, message)
    }
  }

  #learn(known: Knowledge, message: Message): void {
    if (message.type === 'statement') known.hear(message.signed)
    if (message.type === 'certificate') known.learn(message.certificate)
    if (message.type === 'view-change') {
      known.addChange(message.viewChange)
      if (message.viewChange.proof !== undefined) known.learn(message.viewChange.proof)
    }
    if (message.type === 'new-view') {
      const { newView } = message
      known.view = Math.max(known.view, Math.min(newView.signed.statement.view, known.view + 8))
      if (newView.proof !== undefined) known.learn(newView.proof)
    }
  }

  #act(group: number, known: Knowledge): void {
    const { random } = this.#cabal.world
    const { character } = this
    this.#vote(group, known)
    this.#propose(known)
    if (random.chance(character.hides ? 0.25 : 0.06)) this.#changeView(group, known)
    if (random.chance(0.5)) this.#lead(group, known)
    if (character.forges && random.chance(0.1)) this.#forge(group, known)
    if (character.inflates && random.chance(0.1)) this.#inflate(group, known)
  }

  #vote(group: number, known: Knowledge): void {
    const { random } = this.#cabal.world
    for (const seen of known.recent.slice(-6)) {
      const { kind, epoch, ballot } = seen
      const said = this.#said.get(seen) ?? 0
      if (said >= 2) continue
      this.#said.set(seen, said + 1)
      const { conspires } = this.character
      if (!conspires && this.character.withholds && random.chance(0.6)) continue
      if (!this.character.equivocates && random.chance(0.3)) continue
      const kinds = this.character.equivocates ? ([1, 2] as const) : ([kind] as const)
      for (const vote of kinds) {
        const statement: Vote = { kind: vote, authority: known.regime.authority, epoch, ballot }
        const signed = this.#sign(group, statement)
        if (signed === undefined) continue
        known.hear(signed)
        const to = this.character.conspires ? this.#cabal.audience(known, ballot) : this.#some(known)
        this.#send(group, { type: 'statement', signed }, to)
      }
    }
    for (const quorum of known.quorums.slice(-2)) {
      if (quorum.kind === 2 && random.chance(this.character.conspires ? 0.01 : 0.1)) {
        this.#send(group, { type: 'certificate', certificate: quorum as Certificate }, this.#some(known))
      }
    }
  }

  /** As Raft's leader it may tell everybody something else. */
  #propose(known: Knowledge): void {
    const { world } = this.#cabal
    const { ordering, regime } = known
    for (const instance of ordering.instances.values()) {
      if (instance.leader !== this.number || instance.epoch !== regime.epoch || instance.view < known.view)
        continue
      if (world.nowMs < instance.lastEntryMs + 300 || world.random.chance(0.5)) continue
      const certified = known.certificates
        .filter(({ epoch }) => epoch === regime.epoch)
        .map(({ seal }) => seal)
      const tip = certified.reduce((a, b) => (b.height > a.height ? b : a), certified[0]!)
      const parent = tip === undefined ? instance.base : { height: tip.height, hash: sealHash(tip) }
      const above = parent.height >= instance.base.height ? parent : instance.base
      if (instance.entries.filter(entry => entry.parent === hex(above.hash)).length >= 2) continue
      const one = ordering.makeSeal(regime.epoch, above)
      if (!this.character.equivocates) {
        ordering.propose(instance, one, () => true, world.random.chance(0.2))
        // Hastily, above what nobody has decided.
        const child = ordering.makeSeal(regime.epoch, { height: one.height, hash: sealHash(one) })
        if (world.random.chance(0.3)) ordering.propose(instance, child, () => true)
        continue
      }
      world.fault('forked proposal')
      const side = sides(world)
      const other = ordering.makeSeal(regime.epoch, above)
      for (const seal of [one, other]) this.#claim(known, instance, seal)
      ordering.propose(instance, one, node => side(node))
      ordering.propose(instance, other, node => !side(node))
    }
  }

  /** Signs what it proposes, as every leader does: to some. */
  #claim(known: Knowledge, { view, term }: Instance, seal: Seal): void {
    const { authority, epoch } = known.regime
    const content = { view, term, leaf: seal.size - 1, hash: sealHash(seal) }
    const signed = this.#sign(known.ordering.group, { kind: 5, authority, epoch, ...content })
    if (signed !== undefined)
      this.#send(known.ordering.group, { type: 'statement', signed }, this.#some(known))
  }

  #changeView(group: number, known: Knowledge): void {
    const { random } = this.#cabal.world
    const view = known.view + 1 + random.below(2)
    const quorums = known.quorums.filter(quorum => quorum.view < view)
    const proof = random.chance(0.5) ? undefined : quorums[random.below(quorums.length)]
    const isAbove = proof !== undefined && compareBallots(ballotOf(proof), known.regime.base) > 0
    const ballot = isAbove ? ballotOf(proof) : known.regime.base
    const { authority, epoch } = known.regime
    const signed = this.#sign(group, { kind: 3, authority, epoch, view, ballot }) as
      | ViewChange['signed']
      | undefined
    if (signed === undefined) return
    const viewChange: ViewChange = { signed, proof: isAbove ? proof : undefined }
    known.addChange(viewChange)
    this.#send(group, { type: 'view-change', viewChange }, this.#some(known))
  }

  /** Bases on any quorum of view changes that will do, and another one for somebody else. */
  #lead(group: number, known: Knowledge): void {
    const { random } = this.#cabal.world
    const { regime } = known
    const size = quorumSize(regime.members.length)
    for (const [view, changes] of known.changes) {
      const mayLead = leaderOf(regime, view) === this.number && view > known.view && changes.size >= size
      if (!mayLead || random.chance(0.5)) continue
      const all = [...changes.values()].map(own => own[random.below(own.length)]!)
      const order = this.character.hides
        ? all.sort((a, b) => compareBallots(a.signed.statement.ballot, b.signed.statement.ballot))
        : all
      const start = this.character.hides ? 0 : random.below(order.length - size + 1)
      const chosen = order.slice(start, start + size)
      const highest = chosen.reduce((a, b) =>
        compareBallots(b.signed.statement.ballot, a.signed.statement.ballot) > 0 ? b : a,
      )
      const ballot: Ballot = highest.signed.statement.ballot
      const { authority, epoch } = regime
      const signed = this.#sign(group, { kind: 4, authority, epoch, view, ballot }) as
        | NewView['signed']
        | undefined
      if (signed === undefined) return
      const reports = chosen.map(change => ({ ballot: change.signed.statement.ballot, by: change.signed.by }))
      reports.sort((a, b) => a.by.signer - b.by.signer)
      this.#send(
        group,
        { type: 'new-view', newView: { signed, reports, proof: highest.proof } },
        this.#some(known),
      )
    }
  }

  #forge(group: number, known: Knowledge): void {
    const { world } = this.#cabal
    const { random } = world
    world.fault('forgery')
    const to = this.#some(known)
    const old = this.#old[random.below(this.#old.length)]
    if (old !== undefined) for (const peer of to) this.#transmit(peer, old)
    const certificate = known.certificates[random.below(known.certificates.length)]
    if (certificate === undefined) return
    this.#send(group, { type: 'certificate', certificate }, to)
    const rival = known.ordering.makeSeal(certificate.epoch, {
      height: certificate.seal.height - 1,
      hash: certificate.seal.previous,
    })
    // Others' signatures of another seal, one's own again and again, and too few.
    this.#send(group, { type: 'certificate', certificate: { ...certificate, seal: rival } }, to)
    const authority = certificate.seal.authority
    const ballot = { view: certificate.view, height: rival.height, hash: sealHash(rival) }
    const own = this.#sign(group, { kind: 2, authority, epoch: certificate.epoch, ballot })?.by
    if (own === undefined) return
    const repeated = certificate.votes.map(({ signer }) => ({ ...own, signer }))
    this.#send(
      group,
      { type: 'certificate', certificate: { ...certificate, seal: rival, votes: repeated } },
      to,
    )
    this.#send(group, { type: 'certificate', certificate: { ...certificate, seal: rival, votes: [own] } }, to)
    this.#send(
      group,
      { type: 'certificate', certificate: { ...certificate, votes: certificate.votes.slice(1) } },
      to,
    )
    const noise = random.bytes(40 + random.below(100))
    for (const peer of to) this.#transmit(peer, noise)
  }

  #inflate(group: number, known: Knowledge): void {
    const { world } = this.#cabal
    world.fault('inflated view')
    const { authority, epoch, base } = known.regime
    const view = [known.view + 40, 1000, 2 ** 31, 2 ** 32 - 1][world.random.below(4)]!
    const signed = this.#sign(group, { kind: 3, authority, epoch, view, ballot: base }) as
      | ViewChange['signed']
      | undefined
    if (signed === undefined) return
    this.#send(group, { type: 'view-change', viewChange: { signed, proof: undefined } }, this.#some(known))
    const ballot = { view, height: 2 ** 40, hash: world.random.bytes(32) }
    const vote = this.#sign(group, { kind: 1, authority, epoch: epoch + 1000, ballot })
    if (vote !== undefined) this.#send(group, { type: 'statement', signed: vote }, this.#some(known))
  }

  /** Undefined when its caution forbids it. */
  #sign(group: number, statement: Statement): Signed | undefined {
    const { keys } = this.#cabal
    if (this.#betrays(statement)) return undefined
    this.#own.push(statement)
    const item = { group, statement, peers: [] }
    const { signatures } = signBatch(this.number, [item], keys.signer(this.number))
    return { statement, by: signatures[0]! }
  }

  #betrays(statement: Statement): boolean {
    const { avoids } = this.character
    if (avoids === 'nothing') return false
    return this.#own.some(own => {
      const found = contradictionOf(own, statement) ?? contradictionOf(statement, own)
      return found !== undefined && (avoids === 'all' || found === 'rival-votes')
    })
  }

  #some({ regime }: Knowledge): number[] {
    const { random } = this.#cabal.world
    const part = this.character.withholds ? 0.4 : 0.7
    return regime.members.map(({ node }) => node).filter(node => node !== this.number && random.chance(part))
  }

  #send(group: number, message: Message, to: readonly number[]): void {
    const bytes = encodeFrame(undefined, [], [{ group, bytes: encodeMessage(message) }])
    for (const peer of to) this.#transmit(peer, bytes)
  }

  #transmit(peer: number, bytes: Uint8Array): void {
    this.#cabal.tap(this.number, bytes)
    this.#cabal.world.send(this.number, peer, bytes)
  }
}

/** Which of two each node is given; another one perhaps when it has started anew. */
function sides(world: World): (node: number) => boolean {
  const given = new Map<string, boolean>()
  return node => {
    const key = `${node}/${world.parties.get(node)?.life}`
    const known = given.get(key) ?? world.random.chance(0.5)
    given.set(key, known)
    return known
  }
}
