/** Looks at JSON that others, or nobody knows who, have written. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function objectOf(value: unknown): Record<string, unknown> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** Undefined unless it is a list of nothing else. */
export function listOf<T>(value: unknown, isOne: (item: unknown) => item is T): T[] | undefined {
  return Array.isArray(value) && value.every(isOne) ? value : undefined
}
