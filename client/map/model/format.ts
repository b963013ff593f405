const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 })

export const count = (value: number): string => whole.format(value)
export const rate = (value: number): string => (value < 10 ? tenths : whole).format(value)
export const short = (hex: string): string => (hex.length > 8 ? hex.slice(0, 8) : hex || '–')

export function distance(mm: number): string {
  const metres = mm / 1000
  if (metres >= 1000) return `${tenths.format(metres / 1000)} km`
  return metres >= 10 ? `${whole.format(metres)} m` : `${tenths.format(metres)} m`
}

export function ago(ms: number): string {
  if (ms < 1500) return 'now'
  if (ms < 60_000) return `${Math.round(ms / 1000)} s ago`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min ago`
  return `${Math.round(ms / 3_600_000)} h ago`
}

export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`
