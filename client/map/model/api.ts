/**
 * What a node's HTTP API answers, as this page reads it. The answers may come from any node, also one of another
 * version, so every field is read with a fallback and a wrong shape never throws while drawing.
 */

export interface NodeView {
  readonly number: number
  readonly peerId: string
  readonly operator: string
  readonly alive: boolean
  /** Milliseconds since the answering node last heard it; undefined: never. */
  readonly lastSeenMs: number | undefined
  /** Roots of its HTTP API (`http://…`) and its gateway (`ws://…`), where it tells them. */
  readonly httpUrl: string | undefined
  readonly gatewayUrl: string | undefined
}

export interface MemberView {
  readonly number: number
  readonly role: string
}

export interface AuthorityView {
  readonly name: string
  readonly origin: string
  readonly group: number
  readonly kind: string
  readonly epoch: number
  readonly view: number
  readonly term: number
  /** Node number of the leader, 0 while there is none. */
  readonly leader: number
  readonly members: readonly MemberView[]
  /** Whether the answering node has a replica: where it has none, the counts and sizes that follow are zero. */
  readonly hosted: boolean
  /** Leaves in the log, and how many of them the last seal covers. */
  readonly size: number
  readonly sealedSize: number
  readonly sealHeight: number
  /** Leaves that the members have decided: what is above is committed only. */
  readonly finalSize: number
  /** Hex; empty until there is one. */
  readonly checkpointRoot: string
  readonly stateRoot: string
  readonly entities: number
  readonly players: number
  /** Inputs applied since the log began, taken and refused. */
  readonly actions: number
  readonly awake: boolean
  readonly tick: number
  readonly quadkey: string
  readonly xMm: number
  readonly yMm: number
  readonly sideMm: number
}

export interface StatusView {
  readonly network: string
  readonly number: number
  readonly version: string
  readonly genesisHash: string
  readonly tickMs: number
}

type Json = Record<string, unknown>

const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const url = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length > 0 ? value.replace(/\/+$/, '') : undefined
const optionalNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
const number = (value: unknown): number => optionalNumber(value) ?? 0

function list(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value
  const inner = object(value)[name]
  return Array.isArray(inner) ? inner : []
}

function readMember(value: unknown): MemberView {
  const { number: nodeNumber, role } = object(value)
  return { number: number(nodeNumber), role: text(role) }
}

export function readNodes(answer: unknown): NodeView[] {
  return list(answer, 'nodes').map(value => {
    const node = object(value)
    return {
      number: number(node['number']),
      peerId: text(node['peerId']),
      operator: text(node['operator']),
      alive: node['alive'] === true,
      lastSeenMs: optionalNumber(node['lastSeenMs']),
      httpUrl: url(node['httpUrl']),
      gatewayUrl: url(node['gatewayUrl']),
    }
  })
}

export function readAuthorities(answer: unknown): AuthorityView[] {
  return list(answer, 'authorities').map(value => {
    const it = object(value)
    return {
      name: text(it['name']),
      origin: text(it['origin']),
      group: number(it['group']),
      kind: text(it['kind']),
      epoch: number(it['epoch']),
      view: number(it['view']),
      term: number(it['term']),
      leader: number(it['leader']),
      members: list(it['members'], 'members').map(readMember),
      hosted: it['hosted'] === true,
      size: number(it['size']),
      sealedSize: number(it['sealedSize']),
      sealHeight: number(it['sealHeight']),
      finalSize: number(it['finalSize']),
      checkpointRoot: text(it['checkpointRoot']),
      stateRoot: text(it['stateRoot']),
      entities: number(it['entities']),
      players: number(it['players']),
      actions: number(it['actions']),
      awake: it['awake'] === true,
      tick: number(it['tick']),
      quadkey: text(it['quadkey']),
      xMm: number(it['xMm']),
      yMm: number(it['yMm']),
      sideMm: number(it['sideMm']),
    }
  })
}

export function readStatus(answer: unknown): StatusView {
  const status = object(answer)
  return {
    network: text(status['network']),
    number: number(status['number']),
    version: text(status['version']),
    genesisHash: text(status['genesisHash']),
    tickMs: number(status['tickMs']) || 100,
  }
}

/** An area is an authority with a place on the map. */
export const isArea = (authority: AuthorityView): boolean => authority.sideMm > 0
