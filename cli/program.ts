import { Command, CommanderError } from 'commander'
import { EXIT } from '../daemon/config/setup-error.ts'
import { version } from '../daemon/version.ts'
import { auditCommand } from './audit.ts'
import { authoritiesCommand } from './authorities.ts'
import { doctorCommand } from './doctor.ts'
import { evidenceCommand } from './evidence.ts'
import { exportCommand } from './export.ts'
import { grantCommand } from './grant.ts'
import { importCommand } from './import.ts'
import { initCommand } from './init.ts'
import { linkCommand } from './link.ts'
import { logCommand } from './log.ts'
import { monitorCommand } from './monitor.ts'
import { networkCommand } from './network.ts'
import { peersCommand } from './peers.ts'
import { reportError } from './report-error.ts'
import { startCommand } from './start.ts'
import { stateCommand } from './state.ts'
import { statusCommand } from './status.ts'
import { stopCommand } from './stop.ts'
import { testnetCommand } from './testnet.ts'
import { verifyCommand } from './verify.ts'
import { witnessCommand } from './witness.ts'

const EPILOGUE = `
Data goes to stdout, everything else to stderr.
Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 verification failed,
            69 node unreachable, 78 bad configuration.`

export function buildProgram(): Command {
  const program = new Command('freehold')
    .description('A world held by its players: run a node, look into it, audit anybody.')
    .version(version)
    .configureHelp({ helpWidth: 80, showGlobalOptions: false })
    .addHelpText('after', EPILOGUE)
    .showSuggestionAfterError()
    .showHelpAfterError('(freehold --help tells more)')
    .exitOverride()
  const commands = [
    ...[
      initCommand(),
      startCommand(),
      stopCommand(),
      statusCommand(),
      peersCommand(),
      linkCommand(),
      doctorCommand(),
      authoritiesCommand(),
      networkCommand(),
    ],
    ...[
      logCommand(),
      stateCommand(),
      verifyCommand(),
      auditCommand(),
      exportCommand(),
      importCommand(),
      monitorCommand(),
      evidenceCommand(),
      witnessCommand(),
      grantCommand(),
      testnetCommand(),
    ],
  ]
  for (const command of commands) program.addCommand(inherit(command, program, program.name()))
  return program
}

/** Commands that are built in their own files do not take over how the program speaks and ends. */
function inherit(command: Command, parent: Command, path: string): Command {
  const name = `${path} ${command.name()}`
  command.copyInheritedSettings(parent).showHelpAfterError(`(${name} --help tells more)`)
  for (const inner of command.commands) inherit(inner, command, name)
  return command
}

export async function main(args: readonly string[]): Promise<void> {
  endQuietlyWithReader()
  await run(args)
}

/** Never rejects: what went wrong is on stderr, and in the exit code. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
    else process.exitCode = reportError(error)
  }
}

/** `freehold log show … | head`: nobody reads on, which is not an error. */
function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
  })
}
