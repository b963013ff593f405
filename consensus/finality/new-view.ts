import type { ByteReader, ByteWriter } from './bytes.ts'
import { ballotOf, type Quorum, readQuorum, verifyQuorum, writeQuorum } from './certificate.ts'
import { quorumSize } from './quorum.ts'
import { maxMembers, type Voter } from './seal.ts'
import {
  readSignature,
  readSigned,
  type Signature,
  type Signed,
  type Verify,
  verifyStatement,
  writeSignature,
  writeSigned,
} from './signed.ts'
import {
  type Ballot,
  compareBallots,
  equalBallots,
  type NewViewStatement,
  readBallot,
  type Statement,
  statementKind,
  type ViewChangeStatement,
  writeBallot,
} from './statement.ts'

/** A member's view change, and the quorum that stands behind what it reports. */
export interface ViewChange {
  readonly signed: Signed<ViewChangeStatement>
  /** Absent when it reports the base of the epoch, which everybody knows. */
  readonly proof: Quorum | undefined
}

/** What one of the members reports, in a new view. */
export interface Report {
  readonly ballot: Ballot
  readonly by: Signature
}

/** A quorum's view changes, chosen and signed by the leader of the view, and the base that they fix: the highest. */
export interface NewView {
  readonly signed: Signed<NewViewStatement>
  /** Of exactly q members, by signer, ascending. */
  readonly reports: readonly Report[]
  /** Of the base. Absent when that is the base of the epoch. */
  readonly proof: Quorum | undefined
}

/** What a member must know of an epoch to check what is said in it. */
export interface Regime {
  readonly authority: Uint8Array
  readonly epoch: number
  /** By node, ascending. */
  readonly members: readonly Voter[]
  /** The certified seal that the epoch began with, as of view 0. */
  readonly base: Ballot
}

/** Who brings about this view and leads its Raft instance first. */
export function leaderOf({ members, epoch }: Regime, view: number): number {
  return members[(epoch + view) % members.length]!.node
}

function keyOfMember({ members }: Regime, node: number): Uint8Array | undefined {
  return members.find(member => member.node === node)?.key
}

function isProven(regime: Regime, ballot: Ballot, proof: Quorum | undefined, verify: Verify): boolean {
  if (proof === undefined) return equalBallots(ballot, regime.base)
  const fits = proof.epoch === regime.epoch && equalBallots(ballot, ballotOf(proof))
  return fits && compareBallots(ballot, regime.base) > 0 && verifyQuorum(proof, regime.members, verify)
}

/** The signature itself is checked with that of every statement. */
export function isViewChangeProven(regime: Regime, { signed, proof }: ViewChange, verify: Verify): boolean {
  return isProven(regime, signed.statement.ballot, proof, verify)
}

export function viewChangeOf({ signed }: NewView, report: Report): Signed<ViewChangeStatement> {
  const { authority, epoch, view } = signed.statement
  const kind = statementKind.viewChange
  return { statement: { kind, authority, epoch, view, ballot: report.ballot }, by: report.by }
}

/** From the messages and the regime alone; the leader's own signature included. */
export function verifyNewView(regime: Regime, newView: NewView, verify: Verify): boolean {
  const { signed, reports, proof } = newView
  const { statement, by } = signed
  if (statement.epoch !== regime.epoch || by.signer !== leaderOf(regime, statement.view)) return false
  if (reports.length !== quorumSize(regime.members.length)) return false
  const isSigned = (said: Statement, signature: Signature): boolean => {
    const key = keyOfMember(regime, signature.signer)
    return key !== undefined && verifyStatement(said, signature, key, verify)
  }
  const inOrder = reports.every((report, i) => i === 0 || report.by.signer > reports[i - 1]!.by.signer)
  if (!inOrder || !isHighest(statement.ballot, reports)) return false
  if (!isProven(regime, statement.ballot, proof, verify) || !isSigned(statement, by)) return false
  return reports.every(report => isSigned(viewChangeOf(newView, report).statement, report.by))
}

/** Only one of several reports of one place can have a proof, while no more than f members lie. */
function isHighest(base: Ballot, reports: readonly Report[]): boolean {
  const noneAbove = reports.every(({ ballot }) => compareBallots(ballot, base) <= 0)
  return noneAbove && reports.some(({ ballot }) => equalBallots(ballot, base))
}

function writeProof(writer: ByteWriter, proof: Quorum | undefined): void {
  writer.u8(proof === undefined ? 0 : 1)
  if (proof !== undefined) writeQuorum(writer, proof)
}

function readProof(reader: ByteReader): Quorum | undefined {
  return reader.count(reader.u8(), 1) === 0 ? undefined : readQuorum(reader)
}

export function writeViewChange(writer: ByteWriter, { signed, proof }: ViewChange): void {
  writeSigned(writer, signed)
  writeProof(writer, proof)
}

export function readViewChange(reader: ByteReader): ViewChange {
  const { statement, by } = readSigned(reader)
  if (statement.kind !== statementKind.viewChange) return reader.refuse()
  return { signed: { statement, by }, proof: readProof(reader) }
}

export function writeNewView(writer: ByteWriter, { signed, reports, proof }: NewView): void {
  writeSigned(writer, signed)
  writer.u8(reports.length)
  for (const { ballot, by } of reports) {
    writeBallot(writer, ballot)
    writeSignature(writer, by)
  }
  writeProof(writer, proof)
}

export function readNewView(reader: ByteReader): NewView {
  const { statement, by } = readSigned(reader)
  if (statement.kind !== statementKind.newView) return reader.refuse()
  const count = reader.count(reader.u8(), maxMembers)
  const reports = Array.from({ length: count }, () => {
    const ballot = readBallot(reader)
    reader.require(ballot.view < statement.view)
    return { ballot, by: readSignature(reader) }
  })
  return { signed: { statement, by }, reports, proof: readProof(reader) }
}
