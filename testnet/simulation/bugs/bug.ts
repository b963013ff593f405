/** A piece of source that stands exactly once in its file, and what a bug makes of it. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/** A mistake that somebody could make in the real source. The simulator must find it. */
export interface Bug {
  readonly name: string
  /** One sentence: what the program does wrong. */
  readonly what: string
  /** Only where the members vote has it an effect. */
  readonly votes?: true
  /** Mostly one; more where two parts of the program each keep the mistake from having an effect. */
  readonly edits: readonly Edit[]
}

/** The source with the bug's piece in place. @throws when the piece isn't there exactly once */
export function mutated(source: string, bug: string, { file, from, to }: Edit): string {
  const found = source.split(from).length - 1
  if (found === 1) return source.replace(from, () => to)
  const times = found === 0 ? 'does not stand' : `stands ${found} times`
  throw new Error(
    `The planted bug ${bug} replaces a piece of ${file} that ${times} there any more. ` +
      `Plant it anew (testnet/simulation/bugs): ${JSON.stringify(from)}`,
  )
}
