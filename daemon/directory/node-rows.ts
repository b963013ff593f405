import type { Directory } from '../../world/directory/directory.ts'
import type { NodeRecord as NodeRow } from '../../world/directory/types.ts'
import { peerIdOfPublicKey } from '../network/peer-id.ts'
import type { NodeBook } from '../nodes/book.ts'
import type { NodeRecord } from '../nodes/record.ts'

/** Brings the book to what the directory says of these nodes; of all where none are named. */
export function enterNodes(
  book: NodeBook,
  state: Directory['state'],
  changed: ReadonlySet<string> | undefined,
): void {
  const numbers = numbersIn(changed, 'node') ?? state.nodes.ids()
  // Forgotten after it left, or because it comes back under another number: what it signed is still judged.
  for (const number of changed === undefined ? goneFrom(book, state) : numbers)
    if (state.nodes.get(number) === undefined) book.update(number, { status: 'retired' })
  for (const number of numbers) {
    const row = state.nodes.get(number)
    if (row !== undefined) enter(book, recordOf(row))
  }
}

/** Numbers that the directory has given, but may have no row of any more. */
function goneFrom(book: NodeBook, { header }: Directory['state']): number[] {
  const numbers = book.all().map(({ number }) => number)
  return numbers.filter(number => number < header.nextNode)
}

/** Of the rows of this kind; undefined: all. */
export function numbersIn(changed: ReadonlySet<string> | undefined, kind: string): number[] | undefined {
  if (changed === undefined) return undefined
  const names = [...changed].filter(name => name.startsWith(`${kind}/`))
  return names.map(name => Number(name.slice(kind.length + 1)))
}

function enter(book: NodeBook, node: NodeRecord): void {
  const { number, peerId: _, ...facts } = node
  if (book.get(number) === undefined) book.admit(node)
  else book.update(number, facts)
}

function recordOf(row: NodeRow): NodeRecord {
  const { number, operator, addresses, status, identity, vote, cosign, log } = row
  return {
    ...{ number, operator, addresses: [...addresses], status },
    peerId: peerIdOfPublicKey(identity),
    keys: { identity, vote, cosign, log },
  }
}
