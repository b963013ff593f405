import type { AuditErrorCode } from '../audit/errors.ts'
import { EXIT, type ExitCode, SetupError } from '../daemon/config/setup-error.ts'

const exits: Partial<Record<AuditErrorCode, ExitCode>> = {
  unreachable: EXIT.unreachable,
  'bad-genesis': EXIT.badConfiguration,
  'other-rules': EXIT.badConfiguration,
}

/** Ends the command with the exit code that says why nothing could be audited or verified. */
export function asSetupError(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'AuditError') throw error
  const code = (error as Error & { code: AuditErrorCode }).code
  throw new SetupError(code, error.message, exits[code] ?? EXIT.failed)
}
