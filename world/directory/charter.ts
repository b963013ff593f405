import { asciiBytes, ByteReader, writer } from '../codec/bytes.ts'
import { WorldError } from '../errors.ts'
import { ORIGIN_MAX_CHARS } from '../limits.ts'
import { compareBytes, isPolicy } from './codec/command.ts'
import { KEY_BYTES, readNodeFacts, writeNodeFacts } from './codec/fields.ts'
import { operatorsRow } from './codec/rows.ts'
import { MAX_AUTHORITIES, MAX_NODES } from './limits.ts'
import type { AreaFacts, AuthorityKind, NodeFacts, Operators, Policy } from './types.ts'

export interface CharterNode extends NodeFacts {
  readonly number: number
}

export interface CharterAuthority {
  readonly group: number
  readonly kind: AuthorityKind
  /** Unique; `directory` for the directory itself. */
  readonly name: string
  readonly birth: number
  readonly epoch: number
  /** Node numbers, ascending. */
  readonly members: readonly number[]
  /** Of what has one: areas, and orgs so far. */
  readonly area: AreaFacts | undefined
}

/** What the directory is from its birth on: the genesis file's facts that its rules need, with bytes in place of base64. */
export interface DirectoryCharter {
  /** The network's name: nodes endorse their keys in it. */
  readonly network: string
  /** How long a tick is. Tick records are a second apart or more. */
  readonly tickMs: number
  /** By number, ascending. */
  readonly nodes: readonly CharterNode[]
  /** All authorities, the directory among them. By group, ascending. */
  readonly authorities: readonly CharterAuthority[]
  /** Keys in order, as `compareBytes` has it. */
  readonly operators: Operators['operators']
  readonly recovery: Operators['recovery']
  readonly policy: Policy
}

/** The keys in the only order that the rules take. */
export function sortedByKey<T extends { readonly key: Uint8Array }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => compareBytes(a.key, b.key))
}

/** Throws a `WorldError` `bad-charter` that says what is wrong. */
export function checkDirectoryCharter(charter: DirectoryCharter, origin: string): void {
  const problem = problemOf(charter, origin)
  if (problem !== undefined)
    throw new WorldError('bad-charter', `The directory's charter is refused: ${problem}.`)
}

function problemOf(
  { network, tickMs, nodes, authorities, ...rest }: DirectoryCharter,
  origin: string,
): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(origin) || origin.length > ORIGIN_MAX_CHARS)
    return `the log's origin must be 1 to ${ORIGIN_MAX_CHARS} visible ASCII characters`
  if (!/^[\x21-\x7e]{1,63}$/.test(network)) return 'the network has no plain name'
  if (!Number.isSafeInteger(tickMs) || tickMs < 10 || tickMs > 10_000) return 'tickMs is not from 10 to 10000'
  if (nodes.length === 0 || nodes.length > MAX_NODES) return `it has not 1 to ${MAX_NODES} nodes`
  if (authorities.length > MAX_AUTHORITIES) return `it has more than ${MAX_AUTHORITIES} authorities`
  if (!areAscending(nodes.map(({ number }) => number))) return 'its nodes are not in order'
  if (!areAscending(authorities.map(({ group }) => group))) return 'its authorities are not in order'
  if (new Set(authorities.map(({ name }) => name)).size !== authorities.length)
    return 'a name stands in it twice'
  if (authorities.filter(({ kind }) => kind === 'directory').length !== 1) return 'it has not one directory'
  const stranger = nodes.find(node => !canBeWritten(node))
  if (stranger !== undefined) return `node ${stranger.number} can't be written`
  const numbers = new Set(nodes.map(({ number }) => number))
  const odd = authorities.find(each => !isFounded(each, numbers))
  if (odd !== undefined) return `the members of ${odd.name} are not in order, or no nodes`
  if (!isPolicy(rest.policy)) return 'its policy is out of bounds'
  return areOperators(rest) ? undefined : "its operators' or recovery keys are not in order, or none"
}

function canBeWritten(node: CharterNode): boolean {
  try {
    writer.start()
    writeNodeFacts(writer, node)
    const reader = new ByteReader(writer.finish())
    readNodeFacts(reader)
    return reader.done()
  } catch {
    return false
  }
}

function isFounded(
  { name, members, epoch, kind, area }: CharterAuthority,
  nodes: ReadonlySet<number>,
): boolean {
  const areNodes = members.length > 0 && members.every(member => nodes.has(member)) && areAscending(members)
  return (
    areNodes &&
    epoch > 0 &&
    /^[\x21-\x7e]{1,64}$/.test(name) &&
    (kind === 'directory') === (area === undefined)
  )
}

function areOperators(operators: Operators): boolean {
  const keys = [...operators.operators.map(({ key }) => key), ...operators.recovery.keys]
  if (!keys.every(({ length }) => length === KEY_BYTES)) return false
  try {
    return operatorsRow.decode(operatorsRow.encode(operators)) !== undefined
  } catch {
    return false
  }
}

function areAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => number > (i === 0 ? 0 : numbers[i - 1]!) && number <= 0xffffffff)
}

/** What a node signs over its keys: "freehold/keys/1\n" ‖ u8 length of the network's name ‖ name ‖ vote ‖ cosign ‖ log. */
export function endorsementMessage(network: string, { vote, cosign, log }: NodeFacts): Uint8Array {
  writer.start().raw(asciiBytes('freehold/keys/1\n')).text(network)
  return writer.raw(vote).raw(cosign).raw(log).finish()
}
