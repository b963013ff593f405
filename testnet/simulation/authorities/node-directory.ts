import { decodeCertificate, encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { leaseProtocol } from '../../../daemon/directory/lease-codec.ts'
import { DirectoryLog } from '../../../daemon/directory/log.ts'
import { DirectoryPart } from '../../../daemon/directory/part.ts'
import { Renewals } from '../../../daemon/directory/renewals.ts'
import {
  decodeSegment,
  directoryProtocol,
  encodeHead,
  encodeSegmentBatch,
  type SegmentHead,
} from '../../../daemon/directory/segments.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import type { Finality } from '../../../daemon/hosting/finality/finality.ts'
import type { Channel, Network } from '../../../daemon/ports.ts'
import type { InputRouter } from '../../../daemon/routing/router.ts'
import { decodeBatch, encodeBatch } from '../../../storage/log/record.ts'
import type { Store } from '../../../storage/store.ts'
import type { SimContext } from '../node.ts'
import type { DirectoryTruth } from './directory-truth.ts'
import { type Realm, type RealmNode, sha256 } from './realm.ts'
import { bookOf } from './realm-directory.ts'
import { verifySimSignature } from './sim-key.ts'

export interface NodeDirectoryParts {
  readonly realm: Realm
  readonly node: RealmNode
  readonly context: SimContext
  readonly store: Store
  readonly truth: DirectoryTruth
  readonly engine: () => Engine | undefined
  readonly finality: () => Finality | undefined
  readonly count: (name: string) => void
  readonly failed: (error: Error, what: string) => void
}

const RESOURCES = { cpu: 4_000, memory: 4_096, disk: 100_000, bandwidth: 0 }
const LOAD = { cpu: 100, memory: 100, disk: 100, bandwidth: 0 }

/** One node's directory as the daemon composes it: a client, leases, and what is certified; the judge sees what it asks and what it shows. */
export class NodeDirectory {
  readonly log: DirectoryLog
  readonly part: DirectoryPart
  /** It gives others a log with one record more than the members have decided. */
  isLying = false
  readonly #parts: NodeDirectoryParts

  constructor(parts: NodeDirectoryParts) {
    this.#parts = parts
    const { realm, node, context, store, truth, engine, finality, count, failed } = parts
    const { clock, random } = context
    const hosted = realm.directory!
    const book = bookOf(realm.nodes, node.name)
    const network = this.#watched(context.network)
    truth.began(node.number)
    this.log = new DirectoryLog({
      ...{ hosted, store, network, clock, book, sha256, verify: verifySimSignature },
      ...{ engine, finality, count, failed },
    })
    this.part = new DirectoryPart({
      ...{ self: node.number, hosted, log: this.log, network, clock, random, sha256, book },
      ...{ identity: node.identity, engine, count, failed },
      renewals: new WatchedRenewals((of, nonce) => this.#asks(of, nonce)),
    })
    this.log.onNews((_news, { state }) => {
      if (state !== undefined) truth.shows(node.number, state)
    })
  }

  begin(engine: Engine, router: InputRouter): void {
    const { node, context, truth } = this.#parts
    this.part.begin({
      ...{ engine, router, version: 'sim', incarnation: context.incarnation },
      addresses: () => [`/ip4/10.0.0.${node.number}/tcp/7777`],
      measure: () => Promise.resolve({ capacity: RESOURCES, used: LOAD, load: LOAD }),
      roundTrips: () => [],
      // Adverts tell it in a network.
      leaderElsewhere: () => truth.leader(),
      nextOther: () => undefined,
    })
  }

  #asks(node: number, nonce: Uint8Array): void {
    const { truth, node: self, context } = this.#parts
    if (node === self.number) truth.asks(node, nonce, context.clock.monotonicMs())
  }

  /** The same network, but the judge hears who asks for leases, and what is given of the directory's log may be a lie. */
  #watched(network: Network): Network {
    const { handle, open } = network
    network.open = async (peer, name) => {
      const channel = await open.call(network, peer, name)
      if (name === leaseProtocol) this.#watchAsking(channel)
      return channel
    }
    network.handle = (name, options, accept) =>
      handle.call(network, name, options, channel => {
        if (name === directoryProtocol) this.#mayLie(channel)
        accept(channel)
      })
    return network
  }

  #watchAsking(channel: Channel): void {
    const { send } = channel
    channel.send = frame => {
      this.#asks(this.#parts.node.number, frame)
      return send.call(channel, frame)
    }
  }

  #mayLie(channel: Channel): void {
    const { send } = channel
    let size: number | undefined
    channel.send = frame => {
      const decoded = this.isLying || size !== undefined ? decodeSegment(frame) : undefined
      if (decoded?.kind === 'head') {
        const lie = this.#forged(decoded)
        size = lie?.size
        return send.call(channel, lie?.frame ?? frame)
      }
      const sent = send.call(channel, frame)
      if (decoded?.kind !== 'batch' || size === undefined) return sent
      const batch = decodeBatch(decoded.batch)
      if (!batch.ok || decoded.firstLeaf + batch.records.length < size) return sent
      const extra = encodeSegmentBatch(size, encodeBatch([this.#parts.truth.neverDecided()]))
      size = undefined
      return send.call(channel, extra)
    }
  }

  #forged(head: SegmentHead): { readonly size: number; readonly frame: Uint8Array } | undefined {
    const { truth, count } = this.#parts
    const certificate = decodeCertificate(head.certificate)
    const root = certificate && truth.rootBeyond(certificate.seal.size)
    if (certificate === undefined || root === undefined) return undefined
    const { seal } = certificate
    count('directory-lies')
    const bytes = encodeQuorum({ ...certificate, seal: { ...seal, size: seal.size + 1, root } })
    return { size: seal.size, frame: encodeHead({ ...head, certificate: bytes }) }
  }
}

class WatchedRenewals extends Renewals {
  readonly #asked: (node: number, nonce: Uint8Array) => void

  constructor(asked: (node: number, nonce: Uint8Array) => void) {
    super()
    this.#asked = asked
  }

  override ask(node: number, nonce: Uint8Array): boolean {
    this.#asked(node, nonce)
    return super.ask(node, nonce)
  }
}
