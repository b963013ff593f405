import type { Connection } from '@libp2p/interface'
import type { AddressManager, ConnectionManager } from '@libp2p/interface-internal'
import { multiaddr } from '@multiformats/multiaddr'
import type { Channel, Network, PeerId } from '../../ports.ts'
import { isLoopback, isPublic, isPublicIp, placeOf, withoutPeer } from '../addresses.ts'
import { counted } from '../counters.ts'
import { messageOf } from '../errors.ts'
import type { Admit } from '../gated-registrar.ts'
import type { Link, Links } from '../links.ts'
import type { NetworkOptions, ReachStats } from '../options.ts'
import { AddressNews, addressNewsMaxBytes, addressTopic } from './address-news.ts'
import { DialBack, reachOptions, reachProtocol } from './dial-back.ts'
import { Direct } from './direct.ts'
import { type Askable, Reachability } from './reachability.ts'
import { type RelayCandidate, Relays } from './relays.ts'
import { SharingTcp } from './sharing-tcp.ts'

const checkTimeoutMs = 4_000

/** What libp2p gives its services. */
interface Taken {
  readonly connectionManager: ConnectionManager
  readonly addressManager: AddressManager
}

export interface KeeperPorts {
  readonly self: PeerId
  readonly links: Links
  readonly admit: Admit
  /** A peer says at which addresses others can dial it. */
  readonly told: (peer: PeerId, addresses: readonly string[]) => void
}

/** How others reach this node, and how it reaches those that are behind routers: everything of that, for the network. */
export class ReachKeeper {
  readonly tcp: SharingTcp
  readonly relays: Relays
  readonly direct: Direct
  readonly #options: NetworkOptions
  readonly #ports: KeeperPorts
  readonly #reachability = new Reachability()
  readonly #dialBack: DialBack
  readonly #checking = new Set<string>()
  #news: AddressNews | undefined
  #network: Network | undefined
  #taken: Taken | undefined

  constructor(options: NetworkOptions, ports: KeeperPorts) {
    const { clock, logger } = options
    this.#options = options
    this.#ports = ports
    this.tcp = new SharingTcp(options.random)
    this.relays = new Relays({
      logger,
      isGreeted: peer => ports.links.isGreeted(peer),
      mayServe: () => this.#verdict() !== 'private',
    })
    this.direct = new Direct({
      ...{ self: ports.self, tcp: this.tcp, admit: ports.admit },
      punchable: () => this.#reachability.punchable().slice(0, 4),
      addressesOf: peer =>
        ports.links.greetedLinks(peer).flatMap(link => link.greeted?.addresses.filter(isPublic) ?? []),
    })
    this.#dialBack = new DialBack({
      clock,
      ipOf: peer => this.#ipOf(peer),
      tryDial: (peer, address) => this.#tryDial(peer, address),
      refused: code => this.#refused(reachProtocol, code),
    })
  }

  /** A libp2p service that is none: it only takes what libp2p gives them. */
  service(): (components: Taken) => object {
    return ({ connectionManager, addressManager }) => {
      this.#taken = { connectionManager, addressManager }
      return {}
    }
  }

  /** libp2p runs; nobody has been met yet. */
  begin(network: Network): void {
    this.#network = network
    network.handle(reachProtocol, reachOptions, channel => this.#dialBack.accepted(channel))
    const news = new AddressNews({
      clock: this.#options.clock,
      publish: message => network.publish(addressTopic, message),
      heard: this.#ports.told,
      refused: code => this.#refused(addressTopic, code),
    })
    this.#news = news
    network.subscribe(addressTopic, addressNewsMaxBytes, (author, data) => news.onMessage(author, data))
  }

  /**
   * Addresses on which this node listens, and those that a router maps to it. libp2p itself would name those on the public
   * internet only once its own AutoNAT had them confirmed.
   */
  listening(): string[] {
    return this.#addresses(type => type !== 'observed')
  }

  #addresses(isWanted: (type: string) => boolean): string[] {
    const all = this.#taken?.addressManager.getAddressesWithMetadata() ?? []
    const wanted = all.filter(({ type }) => isWanted(type))
    return [...new Set(wanted.map(({ multiaddr: address }) => withoutPeer(address.toString())))]
  }

  /** What to tell others, where they get through first. */
  addresses(): string[] {
    const own = this.#options.reach.announce ?? this.listening()
    const first = [...this.#reachability.confirmed(own), ...this.relays.addresses()]
    const inside = own.filter(address => !isLoopback(address))
    return [...new Set([...first, ...inside, ...own])]
  }

  greeted(link: Link): void {
    const { observed, peer } = link.greeted!
    if (!link.relayed && link.dialler && this.tcp.isShared(link.connection) && observed !== '') {
      this.#reachability.observed(peer, observed, this.#nowMs())
    }
    if (!link.relayed) this.#news?.peerCame()
    if (this.#options.reach.holePunching) this.direct.upgrade(link, this.#nowMs())
  }

  gone(peer: PeerId): void {
    this.#reachability.gone(peer)
  }

  /** A connection that was only made to see whether it can be. */
  isCheck(connection: Connection): boolean {
    return connection.direction === 'outbound' && this.#checking.has(connection.remoteAddr.toString())
  }

  upkeep(): void {
    const nowMs = this.#nowMs()
    const links = this.#ports.links.all().filter(link => link.state === 'greeted')
    if (this.#options.reach.autonat) {
      this.#askSomebody(links, nowMs)
      this.relays.upkeep(this.#verdict() === 'private', relayCandidates(links), nowMs)
    }
    if (this.#options.reach.holePunching) for (const link of links) this.direct.upgrade(link, nowMs)
    const confirmed = this.#reachability.confirmed(this.listening())
    this.#news?.upkeep([...confirmed, ...this.relays.addresses()])
  }

  stats(): ReachStats {
    const own = this.listening()
    return {
      verdict: this.#verdict(),
      observed: this.#reachability.punchable(),
      portsDiffer: this.#reachability.portsDiffer(),
      confirmed: this.#reachability.confirmed(own),
      candidates: this.#reachability.candidates(own),
      mapped: this.#addresses(type => type === 'ip-mapping'),
      relayed: this.relays.addresses(),
      served: this.relays.served,
    }
  }

  #askSomebody(links: readonly Link[], nowMs: number): void {
    const askable = links.flatMap((link): Askable[] => {
      const host = ipOf(link)
      return host === undefined ? [] : [{ peer: link.peer, ip: host }]
    })
    const ask = this.#reachability.next(this.listening(), askable, nowMs)
    if (ask !== undefined) void this.#ask(ask.peer, ask.addresses)
  }

  async #ask(peer: PeerId, addresses: readonly string[]): Promise<void> {
    let channel: Channel
    try {
      channel = await this.#network!.open(peer, reachProtocol)
    } catch (error) {
      this.#options.logger.debug({ peer, error: messageOf(error) }, 'nobody was asked about addresses')
      return
    }
    const answers = await this.#dialBack.ask(channel, addresses)
    const before = this.#verdict()
    for (const [i, ok] of answers?.entries() ?? []) {
      this.#reachability.answered(peer, addresses[i]!, ok, this.#nowMs())
    }
    const verdict = this.#verdict()
    if (verdict !== before)
      this.#options.logger.info({ verdict, addresses }, 'whether others can dial this node')
  }

  async #tryDial(peer: PeerId, address: string): Promise<boolean> {
    const target = multiaddr(`${address}/p2p/${peer}`)
    const text = target.toString()
    if (this.#taken === undefined || this.#checking.has(text)) return false
    this.#checking.add(text)
    try {
      const signal = AbortSignal.timeout(checkTimeoutMs)
      const connection = await this.#taken.connectionManager.openConnection(target, { force: true, signal })
      const isIt = connection.remoteAddr.toString() === text && this.isCheck(connection)
      connection.abort(new Error('it was only to see whether it works'))
      return isIt
    } catch {
      return false
    } finally {
      this.#checking.delete(text)
    }
  }

  #ipOf(peer: PeerId): string | undefined {
    const links = this.#ports.links.greetedLinks(peer)
    return links.map(ipOf).find(ip => ip !== undefined)
  }

  #verdict(): ReachStats['verdict'] {
    return this.#reachability.verdict(this.listening(), this.#nowMs())
  }

  #refused(where: string, code: string): void {
    this.#options.counters.count(counted.reachRefused, { where, code })
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }
}

function ipOf(link: Link): string | undefined {
  const host = placeOf(withoutPeer(link.connection.remoteAddr.toString()))?.host
  return !link.relayed && host !== undefined && isPublicIp(host) ? host : undefined
}

/** Those that this node has dialled on the internet; others can as well. */
function relayCandidates(links: readonly Link[]): RelayCandidate[] {
  const roundTripMs = (link: Link) => link.connection.rtt ?? Number.POSITIVE_INFINITY
  return links
    .filter(link => link.dialler && ipOf(link) !== undefined)
    .sort((a, b) => Math.min(1e6, roundTripMs(a)) - Math.min(1e6, roundTripMs(b)))
    .map(link => ({ peer: link.peer, address: withoutPeer(link.connection.remoteAddr.toString()) }))
}
