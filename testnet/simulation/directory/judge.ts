import { decodeCertificate, verifyQuorum } from '../../../consensus/finality/certificate.ts'
import { sealHash } from '../../../consensus/finality/seal.ts'
import { commandMessage, decodeCommand } from '../../../world/directory/codec/command.ts'
import {
  type DirectoryAction,
  decodeDirectoryInput,
  signedPartOf,
} from '../../../world/directory/codec/input.ts'
import type { DirectoryTick } from '../../../world/directory/codec/tick.ts'
import type { Directory } from '../../../world/directory/directory.ts'
import type { Anchor, Voter } from '../../../world/directory/types.ts'
import type { Applied } from '../../../world/interface.ts'
import { isConsumed } from '../../../world/reasons.ts'
import { isSigned, ORIGIN, sha256 } from './keys.ts'

/** The directory's rules did what they must not. */
export class Violation extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Violation'
  }
}

interface Known {
  readonly authority: string
  readonly isDirectory: boolean
  epoch: number
  members: readonly Voter[]
  last: Anchor | undefined
  /** Voters of the orders that may still be carried out, and their numbers. */
  readonly ordered: Map<string, number>
  /** Size as of the last world block. */
  blockSize: number
}

/** What an endorsement is over, before the keys. */
const ENDORSES = Buffer.from('freehold/keys/1\n\x03sim')
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const joined = (nodes: readonly number[]): string => [...nodes].sort((a, b) => a - b).join()
/** Knows by itself what the records of the directory may come to, and holds its state to that. */
export class Judge {
  readonly #directory: () => Directory
  readonly #groups = new Map<number, Known>()
  readonly #taken = new Set<string>()
  readonly #nonces = new Set<string>()
  readonly #banned = new Set<number>()
  readonly #owners = new Map<string, number>()
  readonly #origins = new Set<string>()
  #operators: readonly string[]
  #newestNode = 0
  #newestGroup = 0
  #block: Buffer | undefined
  #blockMs = 0
  #stepped = 0
  #tick = 0
  #timeMs = 0
  /** As all that was told of changes makes it. */
  readonly store = new Map<string, string>()
  readonly outcomes = new Map<string, number>()

  constructor(directory: () => Directory, operators: readonly Uint8Array[]) {
    this.#directory = directory
    this.#operators = operators.map(hex)
    this.#look()
    this.#drain()
  }

  get #state() {
    return this.#directory().state
  }

  input(body: Uint8Array, { outcome, ignored }: Applied): void {
    const what = ignored?.code ?? outcome!.code
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1)
    const changes = this.#drain()
    if (ignored !== undefined || !isConsumed(outcome!.code)) {
      if (changes > 0) throw new Violation(`an input that has no place (${what}) changes ${changes} rows`)
      return
    }
    const input = decodeDirectoryInput(body)
    if ('code' in input) throw new Violation('an input is taken that is none')
    if (!isSigned(input.identity, signedPartOf(ORIGIN, body), input.signature))
      throw new Violation('an input is taken that its node has not signed')
    const number = this.#owners.get(hex(input.identity))
    if (number === undefined) throw new Violation('an input of a node that nobody admitted is taken')
    if (this.#banned.has(number)) throw new Violation(`an input of node ${number} is taken, which is banned`)
    if (this.#taken.has(hex(body))) throw new Violation('an input is taken twice')
    this.#taken.add(hex(body))
    this.#acted(input.action, outcome!.code === 'ok')
    this.#look()
  }

  #acted(action: DirectoryAction, ok: boolean): void {
    if (action.kind === 'anchor') for (const bytes of action.certificates) this.#anchor(bytes)
    if (action.kind === 'command' && ok) this.#commanded(action)
  }

  #commanded({ nonce, command, signatures }: Extract<DirectoryAction, { kind: 'command' }>): void {
    const id = `${nonce.expiresS}/${nonce.number}`
    if (this.#nonces.has(id)) throw new Violation('a command is carried out twice')
    this.#nonces.add(id)
    if (nonce.expiresS < Math.floor(this.#tick / 10))
      throw new Violation('a command is carried out after its time')
    const message = commandMessage(ORIGIN, nonce, command)
    const signers = signatures.filter(
      ({ key, signature }) => this.#operators.includes(hex(key)) && isSigned(key, message, signature),
    )
    if (new Set(signers.map(({ key }) => hex(key))).size * 2 <= this.#operators.length)
      throw new Violation('a command is carried out that too few operators signed')
    const decoded = decodeCommand(command)
    if (decoded?.kind === 'ban') this.#banned.add(decoded.number)
    if (decoded?.kind === 'unban') this.#banned.delete(decoded.number)
    if (decoded?.kind === 'set-operators') this.#operators = decoded.operators.map(({ key }) => hex(key))
  }

  /** Takes the certificate if it may be anchored, by its own judgement. */
  #anchor(bytes: Uint8Array): void {
    const certificate = decodeCertificate(bytes)
    if (certificate === undefined) return
    const { seal, epoch, view } = certificate
    const known = [...this.#groups.values()].find(({ authority }) => authority === hex(seal.authority))
    if (known === undefined || epoch !== known.epoch) return
    if (!verifyQuorum(certificate, known.members, isSigned)) return
    const { last } = known
    const next = seal.nextMembers
    if (known.isDirectory && next.length === 0) return
    if (last !== undefined) {
      const isLater = seal.height > last.height && seal.size > last.size
      if (!isLater || (epoch === last.epoch && view < last.view)) return
      if (seal.height === last.height + 1 && hex(seal.previous) !== hex(last.hash)) return
    }
    if (next.length > 0) {
      if (!known.ordered.has(joined(next.map(({ node }) => node)))) return
      if (next.some(({ node, key }) => this.#owners.get(hex(key)) !== node)) return
    }
    known.last = { epoch, view, height: seal.height, hash: sealHash(seal), size: seal.size, root: seal.root }
    if (next.length === 0) return
    known.epoch++
    known.members = next
    const carriedOut = known.ordered.get(joined(next.map(({ node }) => node)))!
    for (const [voters, number] of known.ordered) if (number < carriedOut) known.ordered.delete(voters)
  }

  tick({ tick, timeMs, renewals }: DirectoryTick, { ignored }: Applied): void {
    this.#drain()
    if (ignored !== undefined) return
    this.#stepped += Math.min(1_000, timeMs < this.#timeMs ? 0 : timeMs - this.#timeMs)
    this.#tick = tick
    this.#timeMs = timeMs
    const { presences, header } = this.#state
    if (header.passedMs !== this.#stepped)
      throw new Violation(
        `directory time is ${header.passedMs}, and ${this.#stepped} ms are sure to have passed`,
      )
    for (const { node } of renewals)
      if (this.#banned.has(node) && presences.get(node)?.renewedMs === header.passedMs)
        throw new Violation(`node ${node} is given a lease, which is banned`)
    this.#look()
    this.#checkBlock()
  }

  /** Whatever a record was, the state is what it may be. */
  #look(): void {
    const { nodes, authorities } = this.#state
    for (const number of nodes.ids()) {
      if (number <= this.#newestNode) continue
      const { identity, vote, cosign, log, endorsement } = nodes.get(number)!
      const keys = Buffer.concat([vote, cosign, log])
      if (!isSigned(identity, Buffer.concat([ENDORSES, keys]), endorsement))
        throw new Violation(`node ${number} did not endorse its keys`)
      for (const key of [identity, vote, cosign, log]) {
        const owner = this.#owners.get(hex(key))
        if (owner !== undefined && nodes.get(owner) !== undefined)
          throw new Violation(`nodes ${owner} and ${number} have one key`)
        this.#owners.set(hex(key), number)
      }
      this.#newestNode = number
    }
    for (const group of authorities.ids()) {
      const { members } = authorities.get(group)!
      const left = members.find(({ node }) => nodes.get(node)?.status === 'retired')
      if (left !== undefined)
        throw new Violation(`node ${left.node} has left, and is a member of group ${group}`)
      this.#lookAt(group)
    }
  }

  #lookAt(group: number): void {
    const { authorities, anchors } = this.#state
    const { name, birth, epoch, members, orders } = authorities.get(group)!
    const known = this.#groups.get(group) ?? this.#meet(group, `${name}/${birth}`, epoch, members)
    if (known.epoch === 0 && epoch === 1) [known.epoch, known.members] = [1, members]
    for (const { number, voters } of orders) {
      const banned = voters.find(voter => this.#banned.has(voter))
      const isNew = !known.ordered.has(joined(voters))
      if (isNew && banned !== undefined && !members.some(({ node }) => node === banned))
        throw new Violation(`node ${banned} is to hold ${name}, which is banned`)
      known.ordered.set(joined(voters), number)
    }
    if (
      epoch !== known.epoch ||
      joined(members.map(({ node }) => node)) !== joined(known.members.map(({ node }) => node))
    )
      throw new Violation(`${name} is in epoch ${epoch} with other members than were decided`)
    const anchor = anchors.get(group)?.anchor
    if (anchor?.height !== known.last?.height || (anchor && hex(anchor.hash) !== hex(known.last!.hash)))
      throw new Violation(
        `anchored of ${name} is height ${anchor?.height}, and should be ${known.last?.height}`,
      )
  }

  #meet(group: number, origin: string, epoch: number, members: readonly Voter[]): Known {
    if (group <= this.#newestGroup) throw new Violation(`group ${group} is used again`)
    if (this.#origins.has(origin)) throw new Violation(`the log ${origin} is begun again`)
    this.#newestGroup = group
    this.#origins.add(origin)
    const authority = hex(sha256(Buffer.from(`sim/${origin}`)))
    const known = {
      authority,
      isDirectory: `sim/${origin}` === ORIGIN,
      epoch,
      members,
      last: undefined,
      ordered: new Map<string, number>(),
      blockSize: 0,
    }
    this.#groups.set(group, known)
    return known
  }

  #checkBlock(): void {
    const bytes = Buffer.from(this.store.get('62') ?? '', 'hex')
    const block = this.#state.blocks.get(0)
    if (block === undefined || (this.#block !== undefined && Buffer.compare(bytes, this.#block) === 0)) return
    const before = this.#block
    const previous = before
      ? sha256(Buffer.concat([Buffer.from('freehold/world-block/1\n'), before]))
      : new Uint8Array(32)
    if (hex(block.previous) !== hex(previous))
      throw new Violation('a world block does not name the one before')
    const number = before === undefined ? 1 : Number(before.readBigUInt64BE()) + 1
    if (block.number !== number)
      throw new Violation(`world block ${block.number} follows block ${number - 1}`)
    if (this.#stepped < this.#blockMs + 10_000) throw new Violation('a world block comes too soon')
    let [count, records] = [0, 0]
    for (const known of this.#groups.values()) {
      const size = known.last?.size ?? 0
      if (size > known.blockSize) count++
      records += size - known.blockSize
      known.blockSize = size
    }
    if (block.certificates.count !== count || block.records !== records)
      throw new Violation(
        `a world block tells of ${block.certificates.count} certificates, and ${count} were anchored`,
      )
    this.#block = bytes
    this.#blockMs = this.#stepped
  }

  #drain(): number {
    const dirty = this.#directory().takeDirty()
    for (const { key, value } of dirty) {
      if (value === undefined) this.store.delete(hex(key))
      else this.store.set(hex(key), hex(value))
    }
    return dirty.length
  }
}
