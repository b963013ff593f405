/** One case of a datadriven file: a command with its arguments, input lines, and the output that it must print. */
export interface Case {
  readonly command: string
  readonly args: readonly Arg[]
  readonly input: string
  readonly expected: string
  readonly line: number
}

/** `key`, `key=value` or `key=(value, value)`. */
export interface Arg {
  readonly key: string
  readonly values: readonly string[]
}

const SEPARATOR = '----'

export function parseCases(text: string): Case[] {
  const lines = text.split('\n')
  const cases: Case[] = []
  let at = 0
  while (at < lines.length) {
    const first = lines[at]!.trim()
    if (first === '' || first.startsWith('#')) {
      at++
      continue
    }
    const line = at + 1
    let directive = first
    at++
    while (directive.endsWith('\\')) directive = `${directive.slice(0, -1)} ${lines[at++]!.trim()}`
    const input: string[] = []
    while (at < lines.length && lines[at] !== SEPARATOR) input.push(lines[at++]!)
    at++
    const isFenced = lines[at] === SEPARATOR
    if (isFenced) at++
    const expected: string[] = []
    const ends = (): boolean =>
      isFenced ? lines[at] === SEPARATOR && lines[at + 1] === SEPARATOR : lines[at] === ''
    while (at < lines.length && !ends()) expected.push(lines[at++]!)
    at += isFenced ? 2 : 1
    const [command, ...args] = splitDirective(directive)
    cases.push({
      command: command!.key,
      args,
      input: input.join('\n').trim(),
      expected: expected.join('\n'),
      line,
    })
  }
  return cases
}

function splitDirective(directive: string): Arg[] {
  const args: Arg[] = []
  for (const [, key, group, value] of directive.matchAll(/([^\s=]+)(?:\s*=\s*(?:\(([^)]*)\)|(\S*)))?/g)) {
    if (group !== undefined)
      args.push({ key: key!, values: group.trim() === '' ? [''] : group.split(',').map(part => part.trim()) })
    else args.push({ key: key!, values: value === undefined ? [] : [value] })
  }
  return args
}

/** What Go's ParseBool takes. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)
}
