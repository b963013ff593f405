import { nonceId } from '../../world/directory/codec/rows.ts'
import type { Directory } from '../../world/directory/directory.ts'
import type { Engine } from '../hosting/engine.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import type { MemberOrder } from '../hosting/orders.ts'
import type { SigningKey } from '../identity/signing-key.ts'
import type { NodeBook } from '../nodes/book.ts'
import type { Clock, Network, Random } from '../ports.ts'
import type { InputRouter } from '../routing/router.ts'
import { DirectoryAnchoring } from './anchoring.ts'
import { DirectoryClient, type Saying } from './client.ts'
import { type CommandAction, type CommandAnswer, Commands } from './commands.ts'
import { Leases } from './leases.ts'
import type { DirectoryLog } from './log.ts'
import { numbersIn } from './node-rows.ts'
import { Renewals } from './renewals.ts'
import { Reporter, type ReporterPorts } from './reporter.ts'
import type { Measured } from './shares.ts'
import { CertificatesToAnchor } from './to-anchor.ts'
import type { DirectoryNews, DirectoryView } from './view.ts'

export interface DirectoryPartPorts {
  /** This node's number. */
  readonly self: number
  readonly hosted: HostedAuthority
  readonly log: DirectoryLog
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly identity: SigningKey
  readonly book: NodeBook
  /** Of this node, for when it leads the directory. */
  readonly renewals?: Renewals
  /** Undefined until it has started. */
  readonly engine: () => Engine | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly failed: (error: Error, what: string) => void
}

export interface DirectoryNeeds extends Omit<ReporterPorts, 'clock' | 'led'> {
  readonly engine: Engine
  readonly router: InputRouter
  /** Who leads the directory, where no replica here knows; 0 for nobody. */
  readonly leaderElsewhere: () => number
  /** What else this node has to say; undefined: nothing. */
  readonly nextOther: () => Saying | undefined
}

/** This node as a client of the directory, and what it knows of that one's certified log. */
export class DirectoryPart {
  readonly renewals: Renewals
  readonly anchoring: DirectoryAnchoring
  readonly #ports: DirectoryPartPorts
  readonly #hosted: HostedAuthority
  readonly #log: DirectoryLog
  readonly #toAnchor = new CertificatesToAnchor()
  readonly #commands: Commands
  #client: DirectoryClient | undefined
  #reporter: Reporter | undefined
  #leases: Leases | undefined

  constructor(ports: DirectoryPartPorts) {
    const { hosted, log, clock, renewals = new Renewals() } = ports
    this.#ports = ports
    this.#hosted = hosted
    this.#log = log
    this.renewals = renewals
    this.#commands = new Commands({
      clock,
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
    const own = news?.renewals.get(this.#ports.self)
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
      const isHere = [...order.voters, ...order.learners].includes(this.#ports.self)
      const engine = this.#ports.engine()
      const isHeld = engine?.holds(group) === true
      // Who follows from the first leaf on is told once more of orders that are long over.
      const isRefused = engine?.orderRefusal(group, order) !== undefined
      const isBegun = group === this.#hosted.identity.group && isHere && !isHeld && !isRefused
      if (!isBegun || !this.#log.follows) this.#ordered(group, order)
      else this.#log.giveWay().then(() => this.#ordered(group, order), this.#failed)
    }
  }

  #ordered(group: number, order: MemberOrder): void {
    const done = this.#ports.engine()?.changeMembers(group, order)
    if (done === undefined || done.ok || done.code === 'older-order') return
    this.#ports.count('directory_order_refused', { code: done.code })
  }

  readonly #failed = (error: Error): void => {
    this.#ports.failed(error, 'a replica of the directory could not be begun')
  }

  #newLeases({ engine, leaderElsewhere }: DirectoryNeeds): Leases {
    const { self, network, clock, random, book, count } = this.#ports
    const { group } = this.#hosted.identity
    return new Leases({
      ...{ self, network, clock, random, renewals: this.renewals, count },
      leader: () => engine.leader(group) || leaderElsewhere(),
      peerOf: node => book.get(node)?.peerId,
      numberOf: peer => book.numberOf(peer),
      leased: untilMs => this.anchoring.leased(untilMs),
    })
  }

  #newReporter({ engine, version, incarnation, addresses, measure, roundTrips }: DirectoryNeeds): Reporter {
    return new Reporter({
      ...{ version, incarnation, addresses, measure, roundTrips, clock: this.#ports.clock },
      led: () => {
        const led = engine.authorities().filter(({ authority }) => authority.serving)
        return led.sort((a, b) => a.authority.identity.group - b.authority.identity.group)
      },
    })
  }

  #newClient({ engine, router, nextOther }: DirectoryNeeds): DirectoryClient {
    const { identity, clock, random, sha256, count } = this.#ports
    const { origin } = this.#hosted.identity
    return new DirectoryClient({
      ...{ origin, identity, clock, random, sha256, count },
      known: () => this.#log.state?.sessions.get(this.#ports.self)?.session,
      next: () => this.#commands.next() ?? this.#nextAnchors(engine) ?? nextOther() ?? this.#reporter?.next(),
      submit: (body, answered) => {
        router.submit(this.#hosted.name, [body], { answered: (_, result) => answered(result) })
      },
    })
  }

  #nextAnchors(engine: Engine): Saying | undefined {
    const { clock, count } = this.#ports
    const leads = (group: number): boolean => engine.authority(group)?.authority.serving === true
    const batch = this.#toAnchor.next(leads, clock.monotonicMs())
    if (batch === undefined) return undefined
    const said: Saying['said'] = outcome => {
      const refused = this.#toAnchor.told(batch, outcome, clock.monotonicMs())
      for (const code of refused) count('directory_anchor_refused', { code })
    }
    return { action: { kind: 'anchor', certificates: batch.certificates }, said }
  }
}
