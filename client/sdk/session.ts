import {
  type Action,
  decodeInput,
  encodeInput,
  inputSignatureMessage,
  isPermanent,
  LOG_TAG_BYTES,
} from '../../world/codec.ts'
import { sessionIdOf } from '../protocol/session.ts'
import { ClientError } from './errors.ts'
import { randomSeed, type Signer, sha256, signerOf } from './keys.ts'
import { type Item, Outbox } from './outbox.ts'
import type { AreaTrust } from './trust.ts'

/** A session as it can be put aside and taken up again, at any gateway. Keep it secret: it holds the session's key. */
export interface ExportedSession {
  readonly sessionSeed: Uint8Array
  readonly number: number
  readonly nextSeq: number
  /** Where its character is. */
  readonly area: string
  /** The area that it was opened in: what it asks for names that one's log. */
  readonly home: string
  /** Input bodies that were sent and not answered yet. */
  readonly unanswered: readonly Uint8Array[]
}

/** A session's key and what it has asked for. */
export interface PlayerSession {
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly outbox: Outbox
  number: number
  id: Uint8Array
}

/** `number` must be higher than the player's last session's in the area: the time, by the player's clock. */
export async function newSession(number: number): Promise<PlayerSession> {
  return sessionOf(randomSeed(), number, new Outbox(1))
}

/** Takes a higher number, as long as nothing but the opening was sent under the old one. */
export function renumber(session: PlayerSession, number: number): void {
  session.number = number
  session.id = sessionIdOf(session.signer.publicKey, number, sha256)
}

/** Takes up an exported session; what was unanswered is sent again, and applied once. */
export async function resumeSession(exported: ExportedSession, nowMs: number): Promise<PlayerSession> {
  const outbox = new Outbox(exported.nextSeq)
  for (const body of exported.unanswered) {
    const input = decodeInput(body)
    if ('code' in input)
      throw new ClientError('bad-session', 'The exported session holds an input that is none.')
    outbox.restore(input.seq, input.action, body, nowMs)
  }
  return sessionOf(exported.sessionSeed, exported.number, outbox)
}

export function exportSession(session: PlayerSession, area: string, home: string): ExportedSession {
  const { seed, number, outbox } = session
  const unanswered: Uint8Array[] = []
  for (const { seq, body } of outbox.pending()) {
    // Neither this one nor any after it was sent: their seqs are free.
    if (body === undefined) return { sessionSeed: seed, number, nextSeq: seq, area, home, unanswered }
    unanswered.push(body)
  }
  return { sessionSeed: seed, number, nextSeq: outbox.nextSeq, area, home, unanswered }
}

async function sessionOf(seed: Uint8Array, number: number, outbox: Outbox): Promise<PlayerSession> {
  const signer = await signerOf(seed)
  return { seed, signer, outbox, number, id: sessionIdOf(signer.publicKey, number, sha256) }
}

/**
 * The action's body. What is permanent needs the player's own signature over it and the log's origin, and comes later;
 * everything else is ready at once. Throws a `WorldError` for an action that can't be encoded.
 */
export function bodyOf(
  { seq, action }: Pick<Item, 'seq' | 'action'>,
  session: PlayerSession,
  player: Signer,
  { origin, logTag }: AreaTrust,
): Uint8Array | Promise<Uint8Array> {
  const input = { player: player.publicKey, session: session.id, seq, log: logTag, action }
  if (!isPermanent(action)) return encodeInput(input)
  const message = inputSignatureMessage(origin, input)
  return player.sign(message).then(signature => encodeInput({ ...input, signature }))
}

/** Throws when the action can't be encoded, before it has taken a seq. */
export function checkAction(action: Action): void {
  const signature = new Uint8Array(64)
  const [player, session, log] = [32, 16, LOG_TAG_BYTES].map(length => signature.subarray(0, length))
  encodeInput({ player: player!, session: session!, seq: 1, log: log!, action, signature })
}
