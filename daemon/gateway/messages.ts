import { decoded, encoded } from '../../client/protocol/encode.ts'
import {
  type FinalAsk,
  type Open as OpenMessage,
  type Read,
  readClientMessage,
  type ServerMessage,
  type Watch,
  writeClientMessage,
  writeServerMessage,
} from '../../client/protocol/gateway.pb.js'
import { INPUT_HEAD_BYTES, KEY_BYTES, SIGNATURE_BYTES } from '../../client/protocol/session.ts'
import { isTarget } from '../authority/reading.ts'
import { areLeaves } from '../hosting/final-asks.ts'
import type { GatewayLimits } from './limits.ts'

export interface Open {
  readonly version: number
  readonly playerKey: Uint8Array
  readonly sessionKey: Uint8Array
  readonly expiresAtMs: number
  readonly playerSignature: Uint8Array
  readonly sessionSignature: Uint8Array
  readonly area: string
}

/** A client's message whose shape is right; nothing else about it is known yet. */
export type Request =
  | { readonly kind: 'open'; readonly open: Open }
  | { readonly kind: 'inputs'; readonly bodies: readonly Uint8Array[] }
  | { readonly kind: 'watch'; readonly watch: Watch }
  | { readonly kind: 'read'; readonly read: Read }
  | { readonly kind: 'finalAsk'; readonly finalAsk: FinalAsk }
  | { readonly kind: 'refused'; readonly code: 'malformed' | 'oversized' }

const MALFORMED: Request = { kind: 'refused', code: 'malformed' }
const OVERSIZED: Request = { kind: 'refused', code: 'oversized' }
const MAX_NAME = 128

/** Never throws: whatever the bytes are, the answer is a request or a refusal. There is one form of each message. */
export function parseRequest(bytes: Uint8Array, limits: GatewayLimits): Request {
  if (bytes.length > limits.maxMessageBytes) return OVERSIZED
  const message = decoded(bytes, readClientMessage, writeClientMessage, 1)
  if (message?.kind === 'inputs') return checkedInputs(message.inputs!.bodies, limits)
  if (message?.kind === 'read') return checkedRead(message.read!)
  if (message?.kind === 'finalAsk') return checkedFinalAsk(message.finalAsk!)
  if (message?.kind === 'open') return checkedOpen(message.open!)
  if (message?.kind === 'watch') return checkedWatch(message.watch!)
  return MALFORMED
}

function checkedInputs(bodies: readonly Uint8Array[], limits: GatewayLimits): Request {
  if (bodies.length === 0) return MALFORMED
  if (bodies.length > limits.inputsInFlight) return OVERSIZED
  for (const body of bodies) {
    if (body.length <= INPUT_HEAD_BYTES) return MALFORMED
    if (body.length > limits.maxBodyBytes) return OVERSIZED
  }
  return { kind: 'inputs', bodies }
}

function checkedOpen(message: OpenMessage): Request {
  const { playerKey, sessionKey, playerSignature, sessionSignature } = message
  if (playerKey?.length !== KEY_BYTES || sessionKey?.length !== KEY_BYTES) return MALFORMED
  if (playerSignature?.length !== SIGNATURE_BYTES || sessionSignature?.length !== SIGNATURE_BYTES)
    return MALFORMED
  if (!isCount(message.version) || !isCount(message.expiresAtMs) || message.area.length > MAX_NAME)
    return MALFORMED
  return { kind: 'open', open: { ...message, playerKey, sessionKey, playerSignature, sessionSignature } }
}

function checkedWatch(watch: Watch): Request {
  const right =
    watch.area.length <= MAX_NAME &&
    Number.isSafeInteger(watch.xMm) &&
    Number.isSafeInteger(watch.yMm) &&
    isCount(watch.radiusMm) &&
    isCount(watch.limit)
  return right ? { kind: 'watch', watch } : MALFORMED
}

function checkedRead(read: Read): Request {
  const { number, target } = read
  return isCount(number) && target !== undefined && isTarget(target) ? { kind: 'read', read } : MALFORMED
}

function checkedFinalAsk(finalAsk: FinalAsk): Request {
  const { number, leaves, epoch, area = 0 } = finalAsk
  return isCount(number) && isCount(epoch) && isCount(area) && areLeaves(leaves)
    ? { kind: 'finalAsk', finalAsk }
    : MALFORMED
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

export function encodeServer(message: ServerMessage): Uint8Array {
  return encoded(writeServerMessage, message)
}
