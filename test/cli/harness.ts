import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { run } from '../../cli/program.ts'
import { bareEnvironment } from '../environment.ts'

const root = join(import.meta.dirname, '../..')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real command in a process of its own, with nothing of this machine's environment. */
export function freehold(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runScript(join(root, 'cli/main.ts'), args, env)
}

export function runScript(
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], {
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })
}

/** What a command listens to for as long as its process lives (cli/signals.ts). */
const LISTENED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const

/** The same in this process, for commands that end by themselves: one of its own costs half a second of a processor. */
export async function freeholdHere(args: readonly string[]): Promise<Ended> {
  const said = { stdout: '', stderr: '' }
  const streams = ['stdout', 'stderr'] as const
  const writes = streams.map(name => process[name].write)
  const { exitCode } = process
  const listened = LISTENED.map(name => process.listeners(name as 'SIGINT'))
  try {
    for (const name of streams)
      process[name].write = (text: string | Uint8Array) => {
        said[name] += text
        return true
      }
    process.exitCode = 0
    await run(args)
    return { code: Number(process.exitCode), ...said }
  } finally {
    streams.forEach((name, i) => {
      process[name].write = writes[i]!
    })
    process.exitCode = exitCode
    LISTENED.forEach((name, i) => {
      for (const listener of process.listeners(name as 'SIGINT'))
        if (!listened[i]!.includes(listener)) process.off(name, listener)
    })
    // A command that listens for its parent's end lets go of the channel; mocha's worker would end here, and say nothing.
    process.channel?.ref()
  }
}
