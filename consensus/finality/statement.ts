import { equalBytes, putU32, putU64 } from '../../storage/bytes.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { hashBytes } from './seal.ts'

/** The first byte of what is signed. */
export const statementKind = { vote1: 1, vote2: 2, viewChange: 3, newView: 4, content: 5 } as const

/** A place in the order of one epoch, and what stands there. Ballots are compared by view, then by height. */
export interface Ballot {
  readonly view: number
  readonly height: number
  /** `sealHash`. */
  readonly hash: Uint8Array
}

interface Common {
  readonly authority: Uint8Array
  readonly epoch: number
}

/** 1: I have executed it, and it may come next. 2: I have seen a quorum of first votes for it, and keep that. */
export interface Vote extends Common {
  readonly kind: 1 | 2
  readonly ballot: Ballot
}

/** I take no more part in any view below `view`; the highest that I know to be prepared is `ballot`. */
export interface ViewChangeStatement extends Common {
  readonly kind: 3
  readonly view: number
  readonly ballot: Ballot
}

/** The leader of `view` has these view changes, and they fix this base. */
export interface NewViewStatement extends Common {
  readonly kind: 4
  readonly view: number
  readonly ballot: Ballot
}

/** The leader of this term proposes this, at this leaf. */
export interface ContentStatement extends Common {
  readonly kind: 5
  readonly view: number
  readonly term: number
  readonly leaf: number
  readonly hash: Uint8Array
}

export type Statement = Vote | ViewChangeStatement | NewViewStatement | ContentStatement

/** Negative when `a` comes before `b`: by view, then by height. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.view - b.view || a.height - b.height
}

export function equalBallots(a: Ballot, b: Ballot): boolean {
  return compareBallots(a, b) === 0 && equalBytes(a.hash, b.hash)
}

export function writeBallot(writer: ByteWriter, ballot: Ballot): void {
  writer.u32(ballot.view).u64(ballot.height).bytes(ballot.hash)
}

export function readBallot(reader: ByteReader): Ballot {
  return { view: reader.u32(), height: reader.u64(), hash: reader.bytes(hashBytes) }
}

const headBytes = 1 + hashBytes + 4
const ballotBytes = 4 + 8 + hashBytes

/** The canonical bytes that a batch has as a leaf. Written in place: a node does it for every vote that it makes or reads. */
export function encodeStatement(statement: Statement): Uint8Array {
  const { kind } = statement
  if (kind === statementKind.content) return encodeContent(statement)
  const isVote = kind === statementKind.vote1 || kind === statementKind.vote2
  const bytes = new Uint8Array(headBytes + (isVote ? 0 : 4) + ballotBytes)
  putHead(bytes, statement)
  if ('view' in statement) putU32(bytes, headBytes, statement.view)
  const at = bytes.length - ballotBytes
  const { ballot } = statement
  putU32(bytes, at, ballot.view)
  putU64(bytes, at + 4, ballot.height)
  bytes.set(ballot.hash, at + 12)
  return bytes
}

function encodeContent(statement: ContentStatement): Uint8Array {
  const bytes = new Uint8Array(headBytes + 4 + 8 + 8 + hashBytes)
  putHead(bytes, statement)
  putU32(bytes, headBytes, statement.view)
  putU64(bytes, headBytes + 4, statement.term)
  putU64(bytes, headBytes + 12, statement.leaf)
  bytes.set(statement.hash, headBytes + 20)
  return bytes
}

function putHead(bytes: Uint8Array, { kind, authority, epoch }: Statement): void {
  bytes[0] = kind
  bytes.set(authority, 1)
  putU32(bytes, 1 + hashBytes, epoch)
}

export function readStatement(reader: ByteReader): Statement {
  const kind = reader.u8()
  const authority = reader.bytes(hashBytes)
  const epoch = reader.u32()
  switch (kind) {
    case statementKind.vote1:
    case statementKind.vote2:
      return { kind, authority, epoch, ballot: readBallot(reader) }
    case statementKind.viewChange:
    case statementKind.newView: {
      const view = reader.u32()
      const ballot = readBallot(reader)
      reader.require(ballot.view < view)
      return { kind, authority, epoch, view, ballot }
    }
    default:
      reader.require(kind === statementKind.content)
      return {
        ...{ kind: statementKind.content, authority, epoch, view: reader.u32(), term: reader.u64() },
        ...{ leaf: reader.u64(), hash: reader.bytes(hashBytes) },
      }
  }
}
