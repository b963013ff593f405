import {
  type Action,
  decodeInput,
  encodeInput,
  inputSignatureMessage,
  isPermanent,
} from '../../world/codec.ts'
import { sessionIdOf } from '../protocol/session.ts'
import { ClientError } from './errors.ts'
import { randomSeed, type Signer, sha256, signerOf } from './keys.ts'
import { type Item, Outbox } from './outbox.ts'

/** A session as it can be put aside and taken up again, at any gateway. Keep it secret: it holds the session's key. */
export interface ExportedSession {
  readonly sessionSeed: Uint8Array
  readonly nextSeq: number
  readonly area: string
  /** Input bodies that were sent and not answered yet. */
  readonly unanswered: readonly Uint8Array[]
}

/** A session's key and what it has asked for. */
export interface PlayerSession {
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly id: Uint8Array
  readonly outbox: Outbox
}

export async function newSession(): Promise<PlayerSession> {
  return sessionOf(randomSeed(), new Outbox(1))
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
  return sessionOf(exported.sessionSeed, outbox)
}

export function exportSession(session: PlayerSession, area: string): ExportedSession {
  const unanswered = [...session.outbox.pending()].flatMap(({ body }) => (body === undefined ? [] : [body]))
  return { sessionSeed: session.seed, nextSeq: session.outbox.nextSeq, area, unanswered }
}

async function sessionOf(seed: Uint8Array, outbox: Outbox): Promise<PlayerSession> {
  const signer = await signerOf(seed)
  return { seed, signer, id: sessionIdOf(signer.publicKey, sha256), outbox }
}

/**
 * The item's body. What is permanent needs the player's own signature over it and the log's origin, and comes later;
 * everything else is ready at once. Throws a `WorldError` for an action that can't be encoded.
 */
export function bodyOf(
  item: Item,
  session: PlayerSession,
  player: Signer,
  origin: string,
): Uint8Array | Promise<Uint8Array> {
  const input = { player: player.publicKey, session: session.id, seq: item.seq, action: item.action }
  if (!isPermanent(item.action)) return encodeInput(input)
  const message = inputSignatureMessage(origin, input)
  return player.sign(message).then(signature => encodeInput({ ...input, signature }))
}

/** Throws when the action can't be encoded, before it has taken a seq. */
export function checkAction(action: Action): void {
  const blank = new Uint8Array(64)
  encodeInput({ player: blank.subarray(32), session: blank.subarray(48), seq: 1, action, signature: blank })
}
