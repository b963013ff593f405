import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** `.ts` from the sources, `.js` in a built program. */
const extension = extname(fileURLToPath(import.meta.url))
const logBytesKept = 16 * 1024 * 1024

export interface NodeProcess {
  readonly number: number
  readonly dataDir: string
  readonly httpUrl: string
  readonly gatewayUrl: string
  /** What its command line is put behind: `ip netns exec NAME` runs it in a network namespace. */
  readonly behind?: readonly string[]
  child: ChildProcess | undefined
  /** It was killed on purpose, or is being stopped: its end is no surprise. */
  expectedEnd: boolean
}

/** Starts `freehold start` for the node, as a process of its own that ends when this one does. */
export function startNodeProcess(node: NodeProcess, onExit: (node: NodeProcess, why: string) => void): void {
  const logPath = join(node.dataDir, 'node.log')
  const log = openSync(logPath, sizeOf(logPath) > logBytesKept ? 'w' : 'a')
  const from = sizeOf(logPath)
  node.expectedEnd = false
  // A group of its own, so that a terminal's Ctrl-C reaches the testnet alone, which then ends the nodes in order. The
  // channel is how the node notices that the testnet is gone.
  const own = [process.execPath, join(root, `cli/main${extension}`), 'start', '--data-dir', node.dataDir]
  const [program, ...args] = [...(node.behind ?? []), ...own]
  node.child = spawn(program!, args, {
    stdio: ['ignore', 'ignore', log, 'ipc'],
    detached: true,
    env: { ...process.env, FREEHOLD_DATA_DIR: undefined, FREEHOLD_CONFIG: undefined },
  })
  closeSync(log)
  const { child } = node
  child.on('exit', (code, signal) => {
    if (node.child === child) node.child = undefined
    if (!node.expectedEnd)
      onExit(node, lastLine(logPath, from) ?? `it ended with ${signal ?? `code ${code}`}`)
  })
}

/** Starts the bots; `onLine` gets each line that they print. */
export function startBotsProcess(args: readonly string[], onLine: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, [join(root, `testnet/bots/main${extension}`), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  })
  return child
}

/** Asks it to end, and ends it after `deadlineMs`. */
export async function endProcess(child: ChildProcess | undefined, deadlineMs: number): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  await ended
  clearTimeout(timer)
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}

/** The last line that isn't a log record: what the command said to a person. */
function lastLine(path: string, from: number): string | undefined {
  const text = readFileSync(path).subarray(from).toString('utf8')
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('{'))
    .at(-1)
}
