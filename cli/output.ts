import { plainLine, plainText } from '../client/protocol/plain-text.ts'

/**
 * What commands print: JSON for programs, text of at most 80 columns for people. Much of it is a node's word, which may be a
 * stranger's: a terminal only shows it.
 */

export const WIDTH = 80

export interface ReadOptions {
  readonly json?: boolean
}

/** One JSON value on one line, or the text that `describe` makes. */
export function print(value: unknown, options: ReadOptions, describe: () => string): void {
  process.stdout.write(`${options.json ? json(value) : plainText(describe())}\n`)
}

/** JSON escapes what is below 0x20 only. */
function json(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f]/g,
    found => `\\u00${found.charCodeAt(0).toString(16)}`,
  )
}

/** A progress line for a person, beside the data. */
export function say(text: string): void {
  process.stderr.write(`${plainText(text)}\n`)
}

/** Columns as wide as their longest cell; a line that would be longer than the width is cut with an ellipsis. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [header, ...rows].map(row => row.map(cell => plainLine(String(cell))))
  const widths = header.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines
    .map(line => line.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
    .map(line => clip(line.trimEnd()))
    .join('\n')
}

/** `name   value` lines. */
export function facts(pairs: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => clip(plainLine(`${name.padEnd(width)}  ${value}`))).join('\n')
}

function clip(line: string): string {
  return line.length <= WIDTH ? line : `${line.slice(0, WIDTH - 1)}…`
}

/** Cut at spaces; a word that is longer than the width has a line of its own. */
export function wrapped(text: string, width = WIDTH): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** As `1d 2h`, `3m 4s` or `12 ms`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = Math.floor(ms / 1000)
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** The first digits of a hash or a peer id's last ones are enough to tell one from another. */
export function short(hex: string): string {
  return hex === '' ? '-' : hex.slice(0, 12)
}
