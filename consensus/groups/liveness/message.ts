/** Liveness of frame.proto. */
export interface LivenessMessage {
  readonly incarnation: number
  readonly sentUs: number
  readonly supportMs: number
  readonly forIncarnation: number
  readonly echoUs: number
  readonly heldUs: number
  readonly grantedMs: number
  readonly epoch: number
  readonly supports: readonly number[]
}

/** What a peer says of itself may be wrong in any way; numbers that are none are not even looked at. */
export function isSane(message: LivenessMessage): boolean {
  const { incarnation, sentUs, supportMs, forIncarnation, echoUs, heldUs, grantedMs, epoch, supports } =
    message
  const numbers = [incarnation, sentUs, supportMs, forIncarnation, echoUs, heldUs, grantedMs, epoch]
  return incarnation > 0 && numbers.every(isCount) && supports.every(isCount)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
