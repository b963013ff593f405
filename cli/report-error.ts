import { explain } from '../daemon/config/explain.ts'
import { EXIT, type ExitCode } from '../daemon/config/setup-error.ts'

/** Says on stderr what went wrong: in one line when it can be put right, whole when nobody foresaw it. */
export function reportError(error: unknown): ExitCode {
  const known = explain(error)
  if (known !== undefined) {
    process.stderr.write(`freehold: ${known.message}\n`)
    return known.exitCode
  }
  process.stderr.write(
    `freehold: this should not have happened: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  return EXIT.failed
}
