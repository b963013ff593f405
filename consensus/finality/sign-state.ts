import { crc32 } from 'node:zlib'
import { putU32 } from '../../storage/bytes.ts'
import { type ByteReader, ByteWriter, parse } from './bytes.ts'
import { ballotOf, type Quorum, readQuorum, writeQuorum } from './certificate.ts'
import { type Ballot, compareBallots, readBallot, writeBallot } from './statement.ts'

/**
 * How much of what it has signed a node does not know, because its disk was wiped or put back from a backup.
 * 0: it knows all. 1: it asks the others. 2: it signs only what lies above what they know of. 3 and 4: the same once more
 * in the epoch that follows, which it may have voted in before anybody else knew of it.
 */
export type AmnesiaStage = 0 | 1 | 2 | 3 | 4

export interface Amnesia {
  readonly stage: AmnesiaStage
  /** The highest view that a quorum of others knows of. */
  readonly view: number
  /** The highest ballot that one of them has voted for. */
  readonly ballot: Ballot
}

/**
 * All that a member must not forget, for it decides what it may sign. Written and synced before the signature leaves;
 * it never goes back.
 */
export interface SignState {
  readonly epoch: number
  /** Entered. */
  readonly view: number
  /** The base of `view`. */
  readonly base: Ballot
  /** The highest view that a view change was signed for, at least `view`. All views below are frozen. */
  readonly frozenTo: number
  /** The last votes. In one epoch their ballots only rise, so that there is at most one for a (view, height). */
  readonly vote1: Ballot | undefined
  readonly vote2: Ballot | undefined
  /** The lock: the highest seal, by (view, height), that is known to be prepared or certified in this epoch. Never below `vote2`. */
  readonly highest: Quorum | undefined
  readonly amnesia: Amnesia | undefined
}

const format = 1
const sumBytes = 4

/** CRC-32 of what follows ‖ format ‖ the fields in order. The sum is ours: LevelDB does not check its own when it reads. */
export function encodeSignState(state: SignState): Uint8Array {
  const writer = new ByteWriter().u32(0).u8(format).u32(state.epoch).u32(state.view).u32(state.frozenTo)
  writeBallot(writer, state.base)
  for (const vote of [state.vote1, state.vote2]) {
    writer.u8(vote === undefined ? 0 : 1)
    if (vote !== undefined) writeBallot(writer, vote)
  }
  writer.u8(state.highest === undefined ? 0 : 1)
  if (state.highest !== undefined) writeQuorum(writer, state.highest)
  writer.u8(state.amnesia?.stage ?? 0)
  if (state.amnesia !== undefined) {
    writer.u32(state.amnesia.view)
    writeBallot(writer, state.amnesia.ballot)
  }
  const bytes = writer.finish()
  putU32(bytes, 0, crc32(bytes.subarray(sumBytes)))
  return bytes
}

/** Undefined unless the bytes are exactly what `encodeSignState` makes. */
export function decodeSignState(bytes: Uint8Array): SignState | undefined {
  return parse(bytes, reader => {
    reader.require(reader.u32() === crc32(bytes.subarray(sumBytes)))
    return readState(reader)
  })
}

function readState(reader: ByteReader): SignState {
  reader.require(reader.u8() === format)
  const state = {
    ...{ epoch: reader.u32(), view: reader.u32(), frozenTo: reader.u32(), base: readBallot(reader) },
    ...{ vote1: readOptional(reader, readBallot), vote2: readOptional(reader, readBallot) },
    ...{ highest: readOptional(reader, readQuorum), amnesia: readAmnesia(reader) },
  }
  reader.require(state.frozenTo >= state.view && coversVote(state))
  return state
}

function readOptional<T>(reader: ByteReader, read: (reader: ByteReader) => T): T | undefined {
  return reader.count(reader.u8(), 1) === 0 ? undefined : read(reader)
}

function readAmnesia(reader: ByteReader): Amnesia | undefined {
  const stage = reader.count(reader.u8(), 4) as AmnesiaStage
  return stage === 0 ? undefined : { stage, view: reader.u32(), ballot: readBallot(reader) }
}

function coversVote({ vote2, highest }: SignState): boolean {
  if (vote2 === undefined) return true
  return highest !== undefined && compareBallots(highest && ballotOf(highest), vote2) >= 0
}

/** Whether `next` forgets nothing that `state` knows. */
export function follows(next: SignState, state: SignState): boolean {
  if (next.epoch !== state.epoch) return next.epoch > state.epoch
  if (next.view < state.view || next.frozenTo < state.frozenTo || !coversVote(next)) return false
  const rises = (a: Ballot | undefined, b: Ballot | undefined): boolean =>
    b === undefined || (a !== undefined && compareBallots(a, b) >= 0)
  const locks = rises(next.highest && ballotOf(next.highest), state.highest && ballotOf(state.highest))
  return locks && rises(next.vote1, state.vote1) && rises(next.vote2, state.vote2)
}
