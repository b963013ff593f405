/**
 * Two statements that one member signed about an authority's seals and that contradict each other (docs/finality.md, "What
 * is held against whom"), read and checked from their bytes alone.
 */
import { concat, equalBytes, u32, utf8 } from './bytes.ts'
import { Cursor, readVote, type VoteSignature } from './certificate.ts'
import { leafHash, rootOfInclusion } from './merkle.ts'
import type { VerifySignature } from './signatures.ts'

export type Contradiction = 'rival-votes' | 'hidden-vote' | 'rival-contents'

/** A place in the order of an epoch, and what stands there. */
interface Ballot {
  readonly view: number
  readonly height: number
  readonly hash: Uint8Array
}

interface Common {
  /** SHA-256 of the log's origin. */
  readonly authority: Uint8Array
  readonly epoch: number
  /** What the member's batch has as a leaf. */
  readonly bytes: Uint8Array
}

type Vote = Common & { readonly kind: 1 | 2; readonly ballot: Ballot }
/** 3: the signer takes no more part below `view`, and knows no higher ballot. 4: that of the view's leader. */
type Change = Common & { readonly kind: 3 | 4; readonly view: number; readonly ballot: Ballot }
type Content = Common & {
  readonly kind: 5
  readonly view: number
  readonly term: number
  readonly leaf: number
  readonly hash: Uint8Array
}

export type SignedStatement = (Vote | Change | Content) & { readonly by: VoteSignature }

export interface VoteEvidence {
  readonly first: SignedStatement
  readonly second: SignedStatement
}

const headBytes = 1 + 32 + 4
const ballotBytes = 4 + 8 + 32
const statementBytes = new Map([
  [1, headBytes + ballotBytes],
  [2, headBytes + ballotBytes],
  [3, headBytes + 4 + ballotBytes],
  [4, headBytes + 4 + ballotBytes],
  [5, headBytes + 4 + 8 + 8 + 32],
])
const MAX_VOTE_EVIDENCE_BYTES = 2_048

/** Undefined unless the bytes are exactly two signed statements. Whether they contradict each other is another question. */
export function parseVoteEvidence(bytes: Uint8Array): VoteEvidence | undefined {
  if (bytes.length > MAX_VOTE_EVIDENCE_BYTES || bytes[0] !== 1) return undefined
  const cursor = new Cursor(bytes.subarray(1))
  const [first, second] = [readSigned(cursor), readSigned(cursor)]
  return first !== undefined && second !== undefined && cursor.isDone ? { first, second } : undefined
}

function readSigned(cursor: Cursor): SignedStatement | undefined {
  const kind = cursor.peek(1)[0] ?? 0
  const length = statementBytes.get(kind)
  if (length === undefined) return undefined
  const bytes = cursor.peek(length).slice()
  cursor.u8()
  const common = { authority: cursor.take(32), epoch: cursor.u32(), bytes }
  if (kind === 1 || kind === 2) return { ...common, kind, ballot: readBallot(cursor), by: readVote(cursor) }
  const view = cursor.u32()
  if (kind === 3 || kind === 4) {
    const ballot = readBallot(cursor)
    cursor.require(ballot.view < view)
    return { ...common, kind, view, ballot, by: readVote(cursor) }
  }
  const content = { term: cursor.u64(), leaf: cursor.u64(), hash: cursor.take(32) }
  return { ...common, kind: 5, view, ...content, by: readVote(cursor) }
}

function readBallot(cursor: Cursor): Ballot {
  return { view: cursor.u32(), height: cursor.u64(), hash: cursor.take(32) }
}

/** Why nobody honest has signed both; undefined when somebody may have. Signatures are not looked at. */
export function contradictionIn({ first, second }: VoteEvidence): Contradiction | undefined {
  if (!equalBytes(first.authority, second.authority) || first.epoch !== second.epoch) return undefined
  if (first.by.signer !== second.by.signer) return undefined
  if (first.kind === 2 && second.kind === 3) {
    const [vote, report] = [first.ballot, second.ballot]
    const isAbove = report.view > vote.view || (report.view === vote.view && report.height >= vote.height)
    return vote.view < second.view && !isAbove ? 'hidden-vote' : undefined
  }
  if (first.kind === 5 && second.kind === 5) {
    const isSamePlace = first.view === second.view && first.term === second.term && first.leaf === second.leaf
    return isSamePlace && !equalBytes(first.hash, second.hash) ? 'rival-contents' : undefined
  }
  const areVotes = first.kind === second.kind && (first.kind === 1 || first.kind === 2)
  if (!areVotes || !('ballot' in second)) return undefined
  const [a, b] = [first.ballot, second.ballot]
  const isSamePlace = a.view === b.view && a.height === b.height
  return isSamePlace && !equalBytes(a.hash, b.hash) ? 'rival-votes' : undefined
}

/** Whether the owner of this key for votes signed the statement, as one of a batch. */
export function isSignedBy(
  { bytes, by }: SignedStatement,
  voteKey: Uint8Array,
  verify: VerifySignature,
): boolean {
  const root = rootOfInclusion(by.index, by.count, leafHash(bytes), by.path)
  if (root === undefined) return false
  return verify(voteKey, concat(utf8('freehold/votes/1\n'), u32(by.count), root), by.signature)
}
