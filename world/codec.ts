/** The door for clients, gateways and auditors: bytes in, facts out, and the limits that both sides keep. Runs in browsers. */
export { hexOf, ID_BYTES } from './codec/bytes.ts'
export { type Course, decodeCourse, encodeCourse } from './codec/course.ts'
export { decodeEntity, encodeEntity } from './codec/entity.ts'
export { decodeEvent, encodeEvent, eventPosition, type WorldEvent } from './codec/event.ts'
export {
  type Action,
  decodeInput,
  encodeInput,
  INPUT_MAX_BYTES,
  type Input,
  inputSignatureMessage,
  isPermanent,
  LOG_TAG_BYTES,
  logTagOf,
  PLAYER_BYTES,
  SESSION_BYTES,
  SIGNATURE_BYTES,
  sessionNumber,
} from './codec/input.ts'
export { decodeOutcome, encodeOutcome, OUTCOME_MAX_BYTES, type Outcome } from './codec/outcome.ts'
export { decodeHeader, decodePlayer } from './codec/state.ts'
export { decodeTick, encodeTick, type Tick, tickOf } from './codec/tick.ts'
export type { Entity, EntityId, EntityKind, EntityView, Strike } from './entity.ts'
export * from './limits.ts'
export { isMoving, type Motion, type Position, positionAt } from './motion.ts'
export { isConsumed, type OutcomeCode, type ReasonCode, type Refusal, reasonText } from './reasons.ts'
