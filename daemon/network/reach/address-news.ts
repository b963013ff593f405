import type { Clock, GossipVerdict, PeerId } from '../../ports.ts'
import { isDialable } from '../addresses.ts'

export const addressTopic = 'addresses'
export const addressNewsMaxBytes = 2048
export const maxAddressesTold = 8
const headerBytes = 9
const tellAgainMs = 60_000
/** After a change, or when somebody new is there; not more often. */
const tellSoonestMs = 2_000
const maxAuthors = 10_000
const futureMs = 5 * 60_000

export interface AddressNewsPorts {
  readonly clock: Clock
  publish(message: Uint8Array): void
  heard(peer: PeerId, addresses: readonly string[]): void
  refused(code: string): void
}

/**
 * Nodes that can't be reached at what the genesis file says tell the others where they can: by way of which relays, or at the
 * address that a router maps to them. `version u8 = 1 ‖ wall clock ms u64 ‖ addresses, one a line`; of an author the newest counts.
 */
export class AddressNews {
  readonly #ports: AddressNewsPorts
  readonly #newestMs = new Map<PeerId, number>()
  #told = ''
  #toldMs = Number.NEGATIVE_INFINITY
  #isNews = false

  constructor(ports: AddressNewsPorts) {
    this.#ports = ports
  }

  /** Somebody came who may not know. */
  peerCame(): void {
    this.#isNews = true
  }

  /** Now and then; `addresses` is empty when there is nothing to tell. */
  upkeep(addresses: readonly string[]): void {
    const { clock } = this.#ports
    const nowMs = clock.monotonicMs()
    const text = addresses.slice(0, maxAddressesTold).join('\n')
    const isDue = this.#isNews || text !== this.#told || nowMs - this.#toldMs >= tellAgainMs
    if (!isDue || nowMs - this.#toldMs < tellSoonestMs || (text === '' && this.#told === '')) return
    this.#isNews = false
    this.#told = text
    this.#toldMs = nowMs
    const message = Buffer.alloc(headerBytes + text.length)
    message[0] = 1
    message.writeBigUInt64BE(BigInt(clock.wallMs()), 1)
    message.write(text, headerBytes, 'latin1')
    this.#ports.publish(message)
  }

  onMessage(author: PeerId, data: Uint8Array): GossipVerdict {
    const news = read(data)
    if (news === undefined) {
      this.#ports.refused('malformed')
      return 'refuse'
    }
    const newestMs = this.#newestMs.get(author) ?? 0
    const isStale = news.atMs < newestMs + tellSoonestMs / 2
    if (isStale || news.atMs > this.#ports.clock.wallMs() + futureMs) return 'drop'
    if (this.#newestMs.size >= maxAuthors) this.#newestMs.clear()
    this.#newestMs.set(author, news.atMs)
    this.#ports.heard(author, news.addresses)
    return 'pass-on'
  }
}

function read(data: Uint8Array): { atMs: number; addresses: string[] } | undefined {
  if (data.length < headerBytes || data[0] !== 1) return undefined
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  const atMs = Number(bytes.readBigUInt64BE(1))
  const text = bytes.toString('latin1', headerBytes)
  const addresses = text === '' ? [] : text.split('\n')
  const isSane =
    Number.isSafeInteger(atMs) && addresses.length <= maxAddressesTold && addresses.every(isDialable)
  return isSane ? { atMs, addresses } : undefined
}
