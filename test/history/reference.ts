import { apply, initialValue } from './cell.ts'
import type { Operation, Value } from './operation.ts'

/**
 * The definition, word for word, for a few operations on one key: some order of all that was answered, and of any part of
 * what never was, keeps the order of time and is what one cell would have told. Tries them all.
 */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const happened = operations.filter(({ type }) => type !== 'fail')
  return tryOrders(initialValue(operations[0]?.key ?? ''), happened)
}

function tryOrders(value: Value, left: readonly Operation[]): boolean {
  if (left.every(({ type }) => type === 'info')) return true
  return left.some(operation => {
    // Nothing that is left may have been answered before this one was asked for.
    if (left.some(other => other.returnedNs < operation.invokedNs)) return false
    const told = operation.type === 'info' && operation.f !== 'write' ? null : operation.value
    const next =
      operation.type === 'info' && operation.f === 'read'
        ? value
        : apply(value, { ...operation, value: told })
    return (
      next !== undefined &&
      tryOrders(
        next,
        left.filter(other => other !== operation),
      )
    )
  })
}
