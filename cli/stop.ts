import { Command } from 'commander'
import { EXIT, SetupError } from '../daemon/config/setup-error.ts'
import { dataDirFiles, isProcessRunning } from '../daemon/identity/data-dir.ts'
import { readRunFile } from '../daemon/identity/run-file.ts'
import { print } from './output.ts'
import { addSettings, configOf } from './settings-options.ts'

const WAIT_MS = 10_000

export function stopCommand(): Command {
  const command = new Command('stop')
    .description('end the node that runs on the data directory, in good order')
    .option('--json', 'print one line of JSON')
  return addSettings(command, ['network', 'dataDir']).action(stop)
}

async function stop(options: Record<string, unknown> & { readonly json?: boolean }): Promise<void> {
  const { dataDir } = configOf(options)
  const running = readRunFile(dataDirFiles(dataDir).run)
  if (running === undefined) {
    throw new SetupError('unreachable', `No node runs on ${dataDir}.`, EXIT.unreachable)
  }
  process.kill(running.pid, 'SIGTERM')
  const deadlineMs = performance.now() + WAIT_MS
  while (isProcessRunning(running.pid)) {
    if (performance.now() > deadlineMs) {
      throw new SetupError(
        'still-running',
        `Process ${running.pid} still runs after ${WAIT_MS} ms: kill -9 ${running.pid}`,
      )
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  print({ stopped: running.pid }, options, () => `Node ${running.number} has stopped.`)
}
