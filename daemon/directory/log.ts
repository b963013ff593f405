import { equalBytes } from '../../storage/bytes.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import type { Store } from '../../storage/store.ts'
import type { Directory } from '../../world/directory/directory.ts'
import type { Engine } from '../hosting/engine.ts'
import type { Finality } from '../hosting/finality/finality.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import { Orders } from '../hosting/orders.ts'
import { logUpTo, recoverAuthority } from '../hosting/recover.ts'
import { rulesHost } from '../hosting/rules-host.ts'
import type { NodeBook } from '../nodes/book.ts'
import type { Cancel, Clock, Network, PeerId } from '../ports.ts'
import { DecidedRules } from './decided-rules.ts'
import { dropFollowed, isWhole, readFollowed } from './followed.ts'
import { Follower } from './follower.ts'
import { Following } from './following.ts'
import { MembershipChain } from './membership-chain.ts'
import { enterNodes } from './node-rows.ts'
import { type CertifiedLog, DirectoryServing } from './serving.ts'
import type { DirectoryNews, DirectoryView } from './view.ts'

const lookMs = 1_000

export type NewsListener = (news: DirectoryNews | undefined, view: DirectoryView) => void

export interface DirectoryLogPorts {
  readonly hosted: HostedAuthority
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly book: NodeBook
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** Undefined until they have started. */
  readonly engine: () => Engine | undefined
  readonly finality: () => Finality | undefined
  readonly count: (name: string, labels: Record<string, string>) => void
  readonly failed: (error: Error, what: string) => void
}

/**
 * The directory's certified log on this node: its own replica's where it founded the directory, the members' that it follows
 * elsewhere. It keeps the book of nodes, and gives the log to others.
 */
export class DirectoryLog implements DirectoryView {
  readonly #ports: DirectoryLogPorts
  readonly #hosted: HostedAuthority
  readonly #store: Store
  readonly #reader: LogReader
  readonly #decided: DecidedRules
  readonly #listeners: NewsListener[] = []
  readonly #serving: DirectoryServing
  #follower: Follower | undefined
  #following: Following | undefined
  #certificate: Uint8Array | undefined
  #isEntered = false
  #isChanging = false
  #cancelLook: Cancel = () => {}

  constructor(ports: DirectoryLogPorts) {
    this.#ports = ports
    const { hosted, store, network, clock, count } = ports
    this.#hosted = hosted
    this.#store = store
    this.#reader = new LogReader(store, hosted.identity.group)
    this.#decided = new DecidedRules({ store, hosted, host: this.#host(), told: news => this.#told(news) })
    this.#serving = new DirectoryServing({ network, clock, log: () => this.#certified(), count })
  }

  get state(): Directory['state'] | undefined {
    // Where one begins anew the other still has what was known.
    const [decided, followed] = [this.#decided.state, this.#follower?.state]
    return this.follows ? (followed ?? decided) : (decided ?? followed)
  }

  get size(): number {
    return (this.follows ? this.#follower?.size : this.#published?.size) ?? 0
  }

  /** It has no replica of its own. */
  get follows(): boolean {
    return this.#following !== undefined
  }

  /** Told of each piece as it comes. A listener that came late is told at once that there is a state. */
  onNews(listener: NewsListener): void {
    this.#listeners.push(listener)
    if (this.state !== undefined) listener(undefined, this)
  }

  /** Begins to follow, unless a replica is to be here. @throws what recovery throws */
  async begin(): Promise<void> {
    const { self } = this.#ports.book
    const orders = await Orders.load(this.#store, [this.#hosted])
    if (self === undefined || !orders.hosts(this.#hosted, self.number)) await this.#follow()
    this.#look()
  }

  /** Where the replica was ended, because the directory has other members: this node follows them from the first leaf on. */
  #look(): void {
    this.#cancelLook = this.#ports.clock.after(lookMs, () => this.#look())
    const engine = this.#ports.engine()
    if (this.follows || this.#isChanging || engine === undefined) return
    if (engine.holds(this.#hosted.identity.group)) return void this.#observe()
    this.#isChanging = true
    dropFollowed(this.#store, this.#hosted.identity.group)
      .then(() => this.#follow())
      .catch((error: Error) => this.#ports.failed(error, 'the directory is not followed'))
      .finally(() => {
        this.#isChanging = false
      })
  }

  /** A replica that does not vote shows nothing to strangers; but what its members decided, and it holds, is known here. */
  async #observe(): Promise<void> {
    const { group } = this.#hosted.identity
    const point = this.#ports.finality()?.final(group)
    const log = this.#ports.engine()?.authority(group)?.authority.replica.log
    if (point === undefined || log === undefined || point.size > log.size) return
    const own = await log.rootAt(point.size).catch(() => undefined)
    if (own !== undefined && equalBytes(own, point.root)) this.#read(point.size)
  }

  /** A replica is to be here: it begins from nothing, and what was followed makes room for it. Until then this is what is known. */
  async giveWay(): Promise<void> {
    const following = this.#following
    this.#following = undefined
    this.#isChanging = true
    await following?.stop()
    await dropFollowed(this.#store, this.#hosted.identity.group)
    this.#isChanging = false
  }

  async #follow(): Promise<void> {
    const { book, network, clock, count, sha256, verify, failed } = this.#ports
    const { identity, charter } = this.#hosted
    const { group, origin, epoch } = identity
    if (!(await isWhole(this.#store, group))) await dropFollowed(this.#store, group)
    const { certificate, activations } = await readFollowed(this.#store, group)
    const founders = identity.members.map(node => ({ node, key: book.get(node)!.keys.vote }))
    const chain = new MembershipChain(sha256(Buffer.from(origin)), { epoch, members: founders }, verify)
    for (const activation of activations) chain.activate(activation)
    // All that a follower has on its disk was decided.
    const known = { wallMs: clock.wallMs(), decidedSize: Number.POSITIVE_INFINITY }
    const { replica } = await recoverAuthority(this.#store, identity, charter, this.#host(), known)
    this.#certificate = certificate
    const follower = new Follower({
      ...{ group, store: this.#store, clock, replica, chain },
      logUpTo: size => logUpTo(this.#store, group, size),
      told: (news, tip) => {
        this.#certificate = tip
        this.#told(news)
      },
    })
    this.#follower = follower
    if (follower.state !== undefined) enterNodes(book, follower.state, undefined)
    this.#following = new Following({
      ...{ follower, network, clock, count },
      sources: () => this.#sources(),
      halted: error => failed(error, 'the directory is followed no more: run freehold doctor'),
    })
    this.#following.begin()
  }

  /** A replica here shows more of the directory's log. */
  shown(): void {
    if (this.follows) return
    this.#serving.advanced()
    this.#read(this.#published?.size ?? 0)
  }

  #read(size: number): void {
    this.#decided
      .decided(size)
      .catch((error: Error) => this.#ports.failed(error, 'the directory could not be read back'))
  }

  stop(): void {
    this.#cancelLook()
    void this.#following?.stop()
  }

  get #published() {
    return this.#ports.engine()?.authority(this.#hosted.identity.group)?.published
  }

  #host() {
    const { sha256, verify } = this.#ports
    return rulesHost(this.#hosted.identity.origin, sha256, verify)
  }

  /** Members first: what they have is the newest. */
  #sources(): PeerId[] {
    const { book, network } = this.#ports
    const members = this.#follower!.chain.now.members.flatMap(({ node }) => book.get(node)?.peerId ?? [])
    return [...new Set([...members, ...network.peers()])]
  }

  #told(news: DirectoryNews): void {
    const { state } = this
    if (state === undefined) return
    enterNodes(this.#ports.book, state, this.#isEntered ? news.changed : undefined)
    this.#isEntered = true
    for (const listener of this.#listeners) listener(news, this)
    if (this.follows) this.#serving.advanced()
  }

  #certified(): CertifiedLog | undefined {
    const follower = this.#follower
    if (follower !== undefined && this.follows) {
      return {
        ...{ size: follower.size, reader: this.#reader },
        certificateOver: () => Promise.resolve(this.#certificate),
        activationsAfter: epoch => follower.chain.activationsAfter(epoch),
      }
    }
    const published = this.#published
    if (published === undefined || published.size === 0) return undefined
    const { group } = this.#hosted.identity
    return {
      ...{ size: published.size, reader: this.#reader },
      certificateOver: leaf => published.certificateOver(leaf),
      activationsAfter: epoch => this.#ports.finality()?.activationsAfter(group, epoch) ?? [],
    }
  }
}
