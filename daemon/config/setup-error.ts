/** How the `freehold` command ends (the higher ones from BSD's sysexits.h). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  verificationFailed: 3,
  unreachable: 69,
  badConfiguration: 78,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Something that a person has to put right before a node can run: one line that says what is wrong and what to do. */
export class SetupError extends Error {
  readonly code: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, exitCode: ExitCode = EXIT.failed, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SetupError'
    this.code = code
    this.exitCode = exitCode
  }
}

/** The same, for what stands in a configuration or does not fit it. */
export function badConfiguration(code: string, message: string): SetupError {
  return new SetupError(code, message, EXIT.badConfiguration)
}

/** The same, for what stands in the command itself. */
export function badUsage(code: string, message: string): SetupError {
  return new SetupError(code, message, EXIT.usage)
}
