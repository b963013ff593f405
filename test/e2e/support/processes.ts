import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bareEnvironment } from '../../environment.ts'

export const root = join(import.meta.dirname, '../../..')
export const freeholdMain = join(root, 'cli/main.ts')

/** Ids of the processes whose command line names the folder: a testnet, its nodes and its bots. */
export function processesOn(folder: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && commandLine(name).includes(folder))
    .map(Number)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1') // a zombie's is empty
  } catch {
    return ''
  }
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`)
    await sleep(25)
  }
}

export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** What stderr holds for a person, line by line: all that is no log record. */
  readonly said: () => string[]
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>
}

export interface HowToRun {
  readonly env?: Readonly<Record<string, string>>
  /** Options of node itself, such as `--import`. */
  readonly node?: readonly string[]
  /** A process group of its own, as a terminal makes for each command. */
  readonly ownGroup?: boolean
}

/** Starts the real command in a process of its own, with nothing of this machine's environment. */
export function startFreehold(args: readonly string[], how: HowToRun = {}): Running {
  return startProgram(process.execPath, [...(how.node ?? []), freeholdMain, ...args], how)
}

export function startProgram(program: string, args: readonly string[], how: HowToRun = {}): Running {
  const child = spawn(program, args, {
    env: { ...bareEnvironment(), ...how.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: how.ownGroup === true,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    said: () => stderr.split('\n').filter(line => line !== '' && !line.startsWith('{')),
    ended: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string),
  }
}
