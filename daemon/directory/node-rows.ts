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
  for (const number of numbersIn(changed, 'node') ?? [...state.nodes.rows()].map(row => row.number)) {
    const row = state.nodes.get(number)
    // Forgotten long after it left: what it signed is still judged.
    if (row === undefined) book.update(number, { status: 'retired' })
    else enter(book, recordOf(row))
  }
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
