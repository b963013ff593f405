/** A whole number as the C2SP formats write it: ASCII digits, no leading zero, at most 2^53 - 1 here. */
export function parseDecimal(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}
