import { asciiBytes, binaryString, startsWith } from '../codec/bytes.ts'
import { logTagOf } from '../codec/input.ts'
import type { DirtyEntry, StateEntry } from '../interface.ts'
import type { DirectoryCharter } from './charter.ts'
import { anchorRow, authorityRow, blockRow, loadRow, reformingRow, tileRow } from './codec/authority-rows.ts'
import type { AdminNonce } from './codec/command.ts'
import { KEY_BYTES } from './codec/fields.ts'
import {
  headerRow,
  nodeRow,
  nonceRow,
  operatorsRow,
  policyRow,
  presenceRow,
  reportRow,
  rulesRow,
  type SessionRow,
  sessionRow,
} from './codec/rows.ts'
import type { DirectoryHost } from './host.ts'
import { LEASE_OVER_MS } from './limits.ts'
import { PlacementFacts } from './placement/facts.ts'
import { Table } from './table.ts'
import type {
  AdoptedRules,
  AnchorRow,
  AuthorityLoad,
  AuthorityRecord,
  Header,
  NodeFacts,
  NodeRecord,
  NodeReport,
  Operators,
  Policy,
  Presence,
  Reforming,
  WorldBlock,
} from './types.ts'

/** All state of the directory, and what follows from it. Holds no rule. */
export class DirectoryState {
  readonly host: DirectoryHost
  readonly charter: DirectoryCharter
  readonly logTag: Uint8Array
  readonly headers = new Table<0, Header>(headerRow)
  readonly policies = new Table<0, Policy>(policyRow)
  readonly operators = new Table<0, Operators>(operatorsRow)
  readonly rules = new Table<0, AdoptedRules>(rulesRow)
  readonly blocks = new Table<0, WorldBlock>(blockRow)
  readonly nodes = new Table<number, NodeRecord>(nodeRow)
  readonly presences = new Table<number, Presence>(presenceRow)
  readonly reports = new Table<number, NodeReport>(reportRow)
  readonly sessions = new Table<number, SessionRow>(sessionRow)
  readonly authorities = new Table<number, AuthorityRecord>(authorityRow)
  readonly anchors = new Table<number, AnchorRow>(anchorRow)
  readonly loads = new Table<number, AuthorityLoad>(loadRow)
  readonly reformings = new Table<number, Reforming>(reformingRow)
  readonly tiles = new Table<string, number>(tileRow)
  readonly nonces = new Table<string, AdminNonce>(nonceRow)

  /** All, in the order of their keys. */
  readonly tables = [
    ...[this.blocks, this.nonces, this.headers, this.authorities, this.anchors, this.presences, this.nodes],
    ...[this.operators, this.tiles, this.reports, this.sessions, this.rules, this.loads, this.policies],
    this.reformings,
  ].sort((a, b) => (a.prefix < b.prefix ? -1 : 1))

  /** Follow from the rows. Keys are binary strings. */
  readonly #nodeOfKey = new Map<string, number>()
  readonly #groupOfOrigin = new Map<string, number>()
  readonly #groupOfName = new Map<string, number>()
  /** Groups with a certificate that no world block has covered yet. */
  readonly #anchoredSince = new Set<number>()
  #lastRenewedMs = Number.NEGATIVE_INFINITY
  /** What placement reads (`rules/placing.ts`), and whose facts there are of before. */
  readonly placement = new PlacementFacts()
  readonly movedNodes = new Set<number>()
  readonly movedGroups = new Set<number>()

  /** Of the record that is being applied. */
  leaf = 0
  changed = new Set<string>()

  constructor(host: DirectoryHost, charter: DirectoryCharter) {
    this.host = host
    this.charter = charter
    this.logTag = logTagOf(host.origin, bytes => host.sha256(bytes))
  }

  get header(): Header {
    return this.headers.get(0)!
  }

  get policy(): Policy {
    return this.policies.get(0)!
  }

  /** Certificates wait for a world block, or a lease is running that could end. */
  get isBusy(): boolean {
    return this.#anchoredSince.size > 0 || this.header.passedMs <= this.#lastRenewedMs + LEASE_OVER_MS
  }

  get anchoredSince(): number[] {
    return [...this.#anchoredSince].sort((a, b) => a - b)
  }

  /** The node whose identity these bytes begin with. */
  nodeOf(bytes: Uint8Array): NodeRecord | undefined {
    const node = this.ownerOf(bytes)
    return node !== undefined && startsWith(bytes, 0, node.identity) ? node : undefined
  }

  /** The node that has this key, whatever for. */
  ownerOf(key: Uint8Array): NodeRecord | undefined {
    const number = this.#nodeOfKey.get(binaryString(key, 0, KEY_BYTES))
    return number === undefined ? undefined : this.nodes.get(number)
  }

  /** The authority with this log: SHA-256 of its origin. */
  authorityOf(origin: Uint8Array): AuthorityRecord | undefined {
    const group = this.#groupOfOrigin.get(binaryString(origin, 0, origin.length))
    return group === undefined ? undefined : this.authorities.get(group)
  }

  authorityNamed(name: string): AuthorityRecord | undefined {
    const group = this.#groupOfName.get(name)
    return group === undefined ? undefined : this.authorities.get(group)
  }

  presence(node: number): Presence {
    return this.presences.get(node) ?? unheard()
  }

  /** Call after every change of a row, with what it is in words. */
  tell(what: string): void {
    this.changed.add(what)
  }

  touchHeader(): void {
    this.headers.set(0, this.header)
  }

  setNode(node: NodeRecord): void {
    this.nodes.set(node.number, node)
    this.linkNode(node)
    this.tell(`node/${node.number}`)
  }

  forgetNode(node: NodeRecord): void {
    const { number } = node
    for (const key of keysOf(node)) this.#nodeOfKey.delete(binaryString(key, 0, KEY_BYTES))
    for (const table of [this.nodes, this.presences, this.reports, this.sessions]) table.delete(number)
    this.movedNodes.add(number)
    this.tell(`node/${number}`)
  }

  setPresence(node: number, presence: Presence): void {
    this.presences.set(node, presence)
    this.movedNodes.add(node)
    this.linkPresence(presence)
  }

  setReport(node: number, report: NodeReport): void {
    this.reports.set(node, report)
    this.movedNodes.add(node)
    this.tell(`report/${node}`)
  }

  setLoad(group: number, load: AuthorityLoad): void {
    this.loads.set(group, load)
    this.movedGroups.add(group)
    this.tell(`load/${group}`)
  }

  /** The directory goes on after an outage. */
  resume(): void {
    this.header.resumedMs = this.header.passedMs
    for (const { number } of this.nodes.rows()) this.movedNodes.add(number)
  }

  setPolicy(policy: Policy): void {
    this.policies.set(0, policy)
    for (const { number } of this.nodes.rows()) this.movedNodes.add(number)
    this.tell('policy')
  }

  setAuthority(authority: AuthorityRecord): void {
    this.authorities.set(authority.group, authority)
    this.linkAuthority(authority)
    this.tell(`authority/${authority.group}`)
  }

  setAnchor(group: number, row: AnchorRow): void {
    this.anchors.set(group, row)
    this.linkAnchor(group, row)
    this.tell(`anchor/${group}`)
  }

  setReforming(row: Reforming): void {
    this.reformings.set(row.group, row)
    this.movedGroups.add(row.group)
    this.tell(`reforming/${row.group}`)
  }

  endReforming(group: number): void {
    this.reformings.delete(group)
    this.movedGroups.add(group)
    this.tell(`reforming/${group}`)
  }

  linkNode(node: NodeRecord): void {
    this.movedNodes.add(node.number)
    for (const key of keysOf(node)) this.#nodeOfKey.set(binaryString(key, 0, KEY_BYTES), node.number)
  }

  linkPresence({ isHeard, renewedMs }: Presence): void {
    if (isHeard && renewedMs > this.#lastRenewedMs) this.#lastRenewedMs = renewedMs
  }

  linkAuthority({ group, name, birth }: AuthorityRecord): void {
    this.movedGroups.add(group)
    const origin = this.host.sha256(asciiBytes(`${this.charter.network}/${name}/${birth}`))
    this.#groupOfOrigin.set(binaryString(origin, 0, origin.length), group)
    this.#groupOfName.set(name, group)
  }

  linkAnchor(group: number, { anchor, blockSize }: AnchorRow): void {
    if (anchor.size > blockSize) this.#anchoredSince.add(group)
    else this.#anchoredSince.delete(group)
  }

  takeDirty(): DirtyEntry[] {
    return this.tables.flatMap(table => table.takeDirty())
  }

  *entries(): Iterable<StateEntry> {
    for (const table of this.tables) yield* table.entries()
  }
}

export const keysOf = ({ identity, vote, cosign, log }: NodeFacts): Uint8Array[] => [
  identity,
  vote,
  cosign,
  log,
]

const unheard = (): Presence => ({
  ...{
    isHeard: false,
    renewedMs: 0,
    nonce: new Uint8Array(8),
    sinceMs: 0,
    movedMs: 0,
    knownMs: 0,
    leasedMs: 0,
  },
  ...{
    expectedBlocks: 0,
    signedBlocks: 0,
    invalidProposals: 0,
    idleInputs: 0,
    isExpected: false,
    hasSigned: false,
  },
})
