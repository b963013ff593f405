/**
 * The handshake of one connection, without I/O: three frames that tell each side whether the other belongs to the same
 * world and speaks a protocol version in common. Who the other side *is* has been settled by noise before.
 */
import { PbfReader, PbfWriter } from 'pbf'
import { isDialable, isRelayed } from './addresses.ts'
import { type Greeting, type Hello, readGreeting, type Verdict, writeGreeting } from './hello.pb.js'
import type { Greeted, ProtocolRange } from './options.ts'

export const greetingMaxBytes = 4096
const textMaxLength = 64
const reasonMaxLength = 300
const addressesMax = 8

export interface HandshakeRules {
  readonly genesisHash: Uint8Array
  readonly protocol: ProtocolRange
  readonly role: string
  readonly softwareVersion: string
  /** Asked at each handshake, since a node learns its addresses while it runs. */
  addresses(): readonly string[]
  allow(peer: Greeted): boolean
  hasRoomFor(peer: string): boolean
}

export interface Refusal {
  readonly by: 'us' | 'them'
  readonly code: string
  readonly reason: string
}

export interface HandshakeStep {
  readonly send?: Uint8Array
  /** Set once, at the end. */
  readonly outcome?: { readonly greeted: Greeted } | { readonly refusal: Refusal }
}

export class Handshake {
  readonly #rules: HandshakeRules
  readonly #peer: string
  readonly #dialler: boolean
  readonly #theirAddress: string
  #greeted: Greeted | undefined
  #ended = false

  /** @param theirAddress where the other side comes from, as this node sees it, without its peer id */
  constructor(rules: HandshakeRules, peer: string, dialler: boolean, theirAddress = '') {
    this.#rules = rules
    this.#peer = peer
    this.#dialler = dialler
    this.#theirAddress = isDialable(theirAddress) && !isRelayed(theirAddress) ? theirAddress : ''
  }

  start(): HandshakeStep {
    return this.#dialler ? { send: encode({ hello: this.#ownHello(), verdict: undefined }) } : {}
  }

  receive(frame: Uint8Array): HandshakeStep {
    if (this.#ended) return {}
    const greeting = decode(frame)
    if (greeting === undefined) return this.#malformed()
    if (this.#greeted !== undefined) return this.#receiveLastVerdict(greeting)
    if (greeting.hello === undefined) return this.#malformed()
    const judged = this.#judge(greeting.hello)
    return this.#dialler ? this.#receiveAnswer(greeting, judged) : this.#receiveHello(judged)
  }

  #receiveHello(judged: Greeted | Refusal): HandshakeStep {
    const send = encode({ hello: this.#ownHello(), verdict: verdictOf(judged) })
    if ('by' in judged) return { send, ...this.#refused(judged) }
    this.#greeted = judged
    return { send }
  }

  #receiveAnswer(greeting: Greeting, judged: Greeted | Refusal): HandshakeStep {
    if (greeting.verdict === undefined) return this.#malformed()
    const send = encode({ hello: undefined, verdict: verdictOf(judged) })
    // Their reason is told only when we would have taken them: where both refuse, our own is the better explained.
    if ('by' in judged) return { send, ...this.#refused(judged) }
    if (greeting.verdict.code !== '') return { send, ...this.#refused(refusalByThem(greeting.verdict)) }
    this.#ended = true
    return { send, outcome: { greeted: judged } }
  }

  #receiveLastVerdict(greeting: Greeting): HandshakeStep {
    if (greeting.verdict === undefined || this.#greeted === undefined) return this.#malformed()
    if (greeting.verdict.code !== '') return this.#refused(refusalByThem(greeting.verdict))
    this.#ended = true
    return { outcome: { greeted: this.#greeted } }
  }

  #judge(hello: Hello): Greeted | Refusal {
    const { genesisHash, protocol } = this.#rules
    if (!isSane(hello)) return refusalByUs('malformed', 'Its greeting is not well formed.')
    const theirs = hex(hello.genesisHash as Uint8Array)
    const ours = hex(genesisHash)
    if (theirs !== ours) {
      const reason = `It belongs to another world: its genesis file has hash ${theirs.slice(0, 16)}…, ours ${ours.slice(0, 16)}….`
      return refusalByUs('other-genesis', reason)
    }
    const common = Math.min(protocol.max, hello.maxProtocol)
    if (common < protocol.min || common < hello.minProtocol) {
      const reason = `No protocol version in common: it speaks ${range(hello.minProtocol, hello.maxProtocol)}, this node ${range(protocol.min, protocol.max)}; the older of the two needs an update.`
      return refusalByUs('no-common-protocol', reason)
    }
    const greeted = {
      peer: this.#peer,
      role: printable(hello.role, textMaxLength),
      softwareVersion: printable(hello.softwareVersion, textMaxLength),
      protocol: common,
      addresses: hello.addresses.filter(isDialable).slice(0, addressesMax),
      observed: isDialable(hello.observed) && !isRelayed(hello.observed) ? hello.observed : '',
    }
    if (!this.#rules.allow(greeted)) return refusalByUs('not-allowed', 'This node does not admit it.')
    return this.#rules.hasRoomFor(this.#peer) ? greeted : fullRefusal
  }

  #ownHello(): Hello {
    const { genesisHash, protocol, role, softwareVersion } = this.#rules
    const addresses = this.#rules.addresses().filter(isDialable).slice(0, addressesMax)
    return {
      genesisHash,
      minProtocol: protocol.min,
      maxProtocol: protocol.max,
      role,
      softwareVersion,
      addresses,
      observed: this.#theirAddress,
    }
  }

  #malformed(): HandshakeStep {
    const refusal = refusalByUs('malformed', 'Its greeting is not well formed.')
    return { send: encode({ hello: undefined, verdict: verdictOf(refusal) }), ...this.#refused(refusal) }
  }

  #refused(refusal: Refusal): HandshakeStep {
    this.#ended = true
    return { outcome: { refusal } }
  }
}

function encode(greeting: Greeting): Uint8Array {
  const writer = new PbfWriter()
  writeGreeting(greeting, writer)
  return writer.finish()
}

function decode(frame: Uint8Array): Greeting | undefined {
  try {
    return readGreeting(new PbfReader(frame))
  } catch {
    return undefined
  }
}

function isSane(hello: Hello): boolean {
  return (
    hello.genesisHash?.length === 32 &&
    Number.isSafeInteger(hello.minProtocol) &&
    Number.isSafeInteger(hello.maxProtocol) &&
    hello.minProtocol >= 0 &&
    hello.minProtocol <= hello.maxProtocol &&
    typeof hello.role === 'string' &&
    typeof hello.softwareVersion === 'string' &&
    typeof hello.observed === 'string' &&
    Array.isArray(hello.addresses)
  )
}

function verdictOf(judged: Greeted | Refusal): Verdict {
  return 'by' in judged ? { code: judged.code, reason: judged.reason } : { code: '', reason: '' }
}

function refusalByUs(code: string, reason: string): Refusal {
  return { by: 'us', code, reason }
}

export const fullRefusal = refusalByUs('full', 'This node has as many peers as it may have.')

const knownCodes = new Set(['full', 'other-genesis', 'no-common-protocol', 'not-allowed', 'malformed'])

function refusalByThem(verdict: Verdict): Refusal {
  const code = knownCodes.has(verdict.code) ? verdict.code : 'other'
  return { by: 'them', code, reason: printable(verdict.reason, reasonMaxLength) }
}

/** What a stranger sent goes into logs: no control characters, bounded length. */
function printable(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?')
}

function range(min: number, max: number): string {
  return min === max ? `${min}` : `${min} to ${max}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
