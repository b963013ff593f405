import { plainText } from '../client/protocol/plain-text.ts'
import { explain } from '../daemon/config/explain.ts'
import { EXIT, type ExitCode } from '../daemon/config/setup-error.ts'

/** Says on stderr what went wrong: in one line when it can be put right, whole when nobody foresaw it. */
export function reportError(error: unknown): ExitCode {
  const known = explain(error)
  if (known !== undefined) {
    process.stderr.write(plainText(`freehold: ${known.message}\n`))
    return known.exitCode
  }
  const whole = error instanceof Error ? error.stack : String(error)
  process.stderr.write(plainText(`freehold: this should not have happened: ${whole}\n`))
  return EXIT.failed
}
