import { sha256 } from '../../storage/sha256.ts'
import { nonceId } from '../../world/directory/codec/rows.ts'
import type { Directory } from '../../world/directory/directory.ts'
import { MAX_ROUND_TRIPS } from '../../world/directory/limits.ts'
import { DirectoryAnchoring } from '../directory/anchoring.ts'
import { DirectoryClient, type Saying } from '../directory/client.ts'
import { type CommandAction, type CommandAnswer, Commands } from '../directory/commands.ts'
import { Leases } from '../directory/leases.ts'
import { Measures } from '../directory/measures.ts'
import { numbersIn } from '../directory/node-rows.ts'
import { Renewals } from '../directory/renewals.ts'
import { Reporter } from '../directory/reporter.ts'
import { capsOf, type Measured } from '../directory/shares.ts'
import { CertificatesToAnchor } from '../directory/to-anchor.ts'
import type { DirectoryNews, DirectoryView } from '../directory/view.ts'
import type { Engine } from '../hosting/engine.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import type { MemberOrder } from '../hosting/orders.ts'
import type { RunningNetwork } from '../network/options.ts'
import { realRandom } from '../real-ports.ts'
import type { InputRouter } from '../routing/router.ts'
import { version } from '../version.ts'
import type { DirectoryLog } from './directory-log.ts'
import type { Basis, Parts } from './parts.ts'

export interface DirectoryNeeds {
  readonly network: RunningNetwork
  readonly engine: Engine
  readonly router: InputRouter
  readonly incarnation: number
}

/** This node as a client of the directory, and what it knows of that one's certified log. */
export class DirectoryPart {
  readonly renewals = new Renewals()
  readonly anchoring: DirectoryAnchoring
  readonly #basis: Basis
  readonly #parts: Parts
  readonly #hosted: HostedAuthority
  readonly #log: DirectoryLog
  readonly #toAnchor = new CertificatesToAnchor()
  readonly #commands: Commands
  #client: DirectoryClient | undefined
  #reporter: Reporter | undefined
  #leases: Leases | undefined

  constructor(basis: Basis, parts: Parts, hosted: HostedAuthority, log: DirectoryLog) {
    this.#basis = basis
    this.#parts = parts
    this.#hosted = hosted
    this.#log = log
    this.#commands = new Commands({
      clock: this.#basis.clock,
      isDone: nonce => this.#log.state && this.#log.state.nonces.get(nonceId(nonce)) !== undefined,
    })
    const { group } = this.#hosted.identity
    this.anchoring = new DirectoryAnchoring({
      directory: group,
      bring: (of, certificate) => {
        // Its own need no anchor, but who its members are stands in its state.
        if (of === group && certificate.seal.nextMembers.length === 0) return
        this.#toAnchor.add(of, certificate)
        this.#client?.wake()
      },
    })
  }

  begin(needs: DirectoryNeeds): void {
    this.#leases = this.#newLeases(needs)
    this.#reporter = this.#newReporter(needs)
    this.#client = this.#newClient(needs)
    this.#leases.begin()
    this.#reporter.begin()
    this.#client.begin()
    this.#log.onNews((news, view) => this.#told(news, view))
    this.shown()
  }

  /** More of the directory's log is final and on this node's disk. */
  shown(group = this.#hosted.identity.group): void {
    if (group !== this.#hosted.identity.group) return
    this.#log.shown()
  }

  /** What this node uses and may use; undefined in the first moment. */
  get measured(): Measured | undefined {
    return this.#reporter?.measured
  }

  /** There is something new to say to the directory. */
  wake(): void {
    this.#client?.wake()
  }

  /** Brings what operators have signed to the directory of this log. */
  bring(origin: string, action: CommandAction): Promise<CommandAnswer | { readonly kind: 'other-network' }> {
    if (origin !== this.#hosted.identity.origin) return Promise.resolve({ kind: 'other-network' })
    return new Promise(resolve => {
      this.#commands.bring(action, resolve)
      this.#client?.wake()
    })
  }

  stop(): void {
    this.#commands.stop()
    this.#client?.stop()
    this.#reporter?.stop()
    this.#leases?.stop()
  }

  /** @param news undefined: all that there is */
  #told(news: DirectoryNews | undefined, { state }: DirectoryView): void {
    const own = news?.renewals.get(this.#basis.self.number)
    if (own !== undefined) this.#leases?.renewed(own.nonce)
    if (state === undefined) return
    this.#commands.shown()
    this.#follow(state, news?.changed)
    for (const group of numbersIn(news?.changed, 'anchor') ??
      [...state.authorities.rows()].map(it => it.group)) {
      const anchor = state.anchors.get(group)?.anchor
      if (anchor === undefined) continue
      this.#toAnchor.anchored(group, anchor.height)
      this.anchoring.anchored(group, anchor)
    }
  }

  /** Authorities come to have the members that the directory orders. */
  #follow(state: Directory['state'], changed: ReadonlySet<string> | undefined): void {
    const groups = numbersIn(changed, 'authority') ?? [...state.authorities.rows()].map(it => it.group)
    for (const group of groups) {
      const order = state.authorities.get(group)?.orders.at(-1)
      if (order === undefined) continue
      const isHere = [...order.voters, ...order.learners].includes(this.#basis.self.number)
      const isHeld = this.#parts.engine?.holds(group) === true
      const isRefused = this.#parts.engine?.orderRefusal(group, order) !== undefined
      const isBegun = group === this.#hosted.identity.group && isHere && !isHeld && !isRefused
      if (!isBegun || !this.#log.follows) this.#ordered(group, order)
      else this.#log.giveWay().then(() => this.#ordered(group, order), this.#failed)
    }
  }

  #ordered(group: number, order: MemberOrder): void {
    const done = this.#parts.engine?.changeMembers(group, order)
    if (done === undefined || done.ok || done.code === 'older-order') return
    this.#basis.count('directory_order_refused', { code: done.code })
  }

  readonly #failed = (error: Error): void => {
    this.#basis.log.error({ error: error.message }, 'a replica of the directory could not be begun')
  }

  #newLeases({ network, engine }: DirectoryNeeds): Leases {
    const { book, self, count } = this.#basis
    const { group } = this.#hosted.identity
    return new Leases({
      ...{
        self: self.number,
        network,
        clock: this.#basis.clock,
        random: realRandom,
        renewals: this.renewals,
        count,
      },
      leader: () => engine.leader(group) || (this.#parts.board?.leaderOf(group)?.node ?? 0),
      peerOf: node => book.get(node)?.peerId,
      numberOf: peer => book.numberOf(peer),
      leased: untilMs => this.anchoring.leased(untilMs),
    })
  }

  #newReporter({ network, engine, incarnation }: DirectoryNeeds): Reporter {
    const { book, self, config } = this.#basis
    const { dataDir } = config
    const measures = new Measures(
      { dataDir, traffic: () => network.stats().traffic, caps: capsOf(config) },
      this.#basis.clock.monotonicMs(),
    )
    return new Reporter({
      ...{ version, incarnation, clock: this.#basis.clock, addresses: () => self.addresses },
      measure: () => measures.take(this.#basis.clock.monotonicMs()),
      roundTrips: () => {
        const measured = network.stats().peers.flatMap(({ peer, roundTripMs }) => {
          const node = book.numberOf(peer)
          return node === undefined || roundTripMs === undefined
            ? []
            : [{ node, ms: Math.round(roundTripMs) }]
        })
        const nearest = measured.sort((a, b) => a.ms - b.ms || a.node - b.node).slice(0, MAX_ROUND_TRIPS)
        return nearest.sort((a, b) => a.node - b.node)
      },
      led: () => {
        const led = engine.authorities().filter(({ authority }) => authority.serving)
        return led.sort((a, b) => a.authority.identity.group - b.authority.identity.group)
      },
    })
  }

  #newClient({ engine, router }: DirectoryNeeds): DirectoryClient {
    const { keys, count } = this.#basis
    const { origin } = this.#hosted.identity
    return new DirectoryClient({
      ...{ origin, identity: keys.identity, clock: this.#basis.clock, random: realRandom, sha256, count },
      next: () =>
        this.#commands.next() ??
        this.#nextAnchors(engine) ??
        this.#parts.sponsor?.next() ??
        this.#reporter?.next(),
      submit: (body, answered) => {
        router.submit(this.#hosted.name, [body], { answered: (_, result) => answered(result) })
      },
    })
  }

  #nextAnchors(engine: Engine): Saying | undefined {
    const leads = (group: number): boolean => engine.authority(group)?.authority.serving === true
    const batch = this.#toAnchor.next(leads, this.#basis.clock.monotonicMs())
    if (batch === undefined) return undefined
    const said: Saying['said'] = outcome => {
      const refused = this.#toAnchor.told(batch, outcome, this.#basis.clock.monotonicMs())
      for (const code of refused) this.#basis.count('directory_anchor_refused', { code })
    }
    return { action: { kind: 'anchor', certificates: batch.certificates }, said }
  }
}
