import { InvalidArgumentError } from 'commander'

/** An argument that is a whole number from `from` to `to`. */
export function wholeNumber(from: number, to = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= from && value <= to) return value
    throw new InvalidArgumentError(
      `It must be a whole number from ${from}${to === Number.MAX_SAFE_INTEGER ? ' up' : ` to ${to}`}.`,
    )
  }
}

/** An option that can be given again. */
export function several(value: string, before: readonly string[]): string[] {
  return [...before, value]
}
