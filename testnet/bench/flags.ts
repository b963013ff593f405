import { parseArgs } from 'node:util'

/** Whole numbers given as `--name N`; the others keep their default. @throws what parseArgs throws, and on other values */
export function numberFlags<Name extends string>(
  flags: readonly string[],
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(defaults) as Name[]
  const options = Object.fromEntries(names.map(name => [name, { type: 'string' as const }]))
  const { values } = parseArgs({ args: [...flags], options })
  const result: Record<Name, number> = { ...defaults }
  for (const name of names) {
    const text = values[name]
    if (typeof text !== 'string') continue
    if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} takes a whole number, not "${text}".`)
    result[name] = Number(text)
  }
  return result
}
