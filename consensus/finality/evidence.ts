import { equalBytes } from '../../storage/bytes.ts'
import { type ByteReader, ByteWriter, parse } from './bytes.ts'
import {
  readSigned,
  type Signed,
  signatureBytes,
  type Verify,
  verifyStatement,
  writeSigned,
} from './signed.ts'
import { compareBallots, type Statement, statementKind, type Vote } from './statement.ts'

export type Contradiction =
  /** Two votes of one kind at one (epoch, view, height), for two seals. */
  | 'rival-votes'
  /** A view change that passes over a second vote of the same signer in a view below, whichever was signed first. */
  | 'hidden-vote'
  /** Two contents for one (epoch, view, term, leaf). */
  | 'rival-contents'

/** Two statements of one signer that no honest node can both have signed. */
export interface Evidence {
  readonly first: Signed
  readonly second: Signed
}

/** Why nobody honest has signed both; undefined when somebody may have. */
export function contradictionOf(first: Statement, second: Statement): Contradiction | undefined {
  if (!equalBytes(first.authority, second.authority) || first.epoch !== second.epoch) return undefined
  if (first.kind === statementKind.vote2 && second.kind === statementKind.viewChange) {
    const isBelow = first.ballot.view < second.view && compareBallots(second.ballot, first.ballot) < 0
    return isBelow ? 'hidden-vote' : undefined
  }
  if (first.kind !== second.kind) return undefined
  if (first.kind === statementKind.content && second.kind === statementKind.content) {
    const samePlace = first.view === second.view && first.term === second.term && first.leaf === second.leaf
    return samePlace && !equalBytes(first.hash, second.hash) ? 'rival-contents' : undefined
  }
  return isVote(first) && isVote(second) && areRivals(first, second) ? 'rival-votes' : undefined
}

function isVote(statement: Statement): statement is Vote {
  return statement.kind === statementKind.vote1 || statement.kind === statementKind.vote2
}

function areRivals(first: Vote, second: Vote): boolean {
  return (
    compareBallots(first.ballot, second.ballot) === 0 && !equalBytes(first.ballot.hash, second.ballot.hash)
  )
}

/** The key with which this node voted in this epoch. */
export type KeyOf = (node: number, epoch: number) => Uint8Array | undefined

/** What the evidence shows of its signer, from the two messages and the members' keys alone; undefined: nothing. */
export function verifyEvidence(
  { first, second }: Evidence,
  keyOf: KeyOf,
  verify: Verify,
): Contradiction | undefined {
  if (first.by.signer !== second.by.signer) return undefined
  const key = keyOf(first.by.signer, first.statement.epoch)
  if (key === undefined) return undefined
  const isSigned = ({ statement, by }: Signed): boolean => verifyStatement(statement, by, key, verify)
  return isSigned(first) && isSigned(second) ? contradictionOf(first.statement, second.statement) : undefined
}

const version = 1
/** A path has at most 16 hashes. */
export const maxEvidenceBytes = 2 * (100 + 13 + 16 * 32 + signatureBytes)

export function encodeEvidence({ first, second }: Evidence): Uint8Array {
  const writer = new ByteWriter().u8(version)
  writeSigned(writer, first)
  writeSigned(writer, second)
  return writer.finish()
}

function readEvidence(reader: ByteReader): Evidence {
  reader.require(reader.u8() === version)
  return { first: readSigned(reader), second: readSigned(reader) }
}

/** Undefined unless the bytes are exactly what `encodeEvidence` makes. */
export function decodeEvidence(bytes: Uint8Array): Evidence | undefined {
  return bytes.length > maxEvidenceBytes ? undefined : parse(bytes, readEvidence)
}
