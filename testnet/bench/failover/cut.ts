import { execFileSync } from 'node:child_process'
import { env } from 'node:process'

/** Says that this process has a network of its own, in which it may do as it likes. */
const insideVariable = 'BENCH_OWN_NETWORK'
/** Ahead of what decides about local addresses, which is moved to `localPreference`. */
const cutPreference = '10'
const localPreference = '100'

export function hasOwnNetwork(): boolean {
  return env[insideVariable] === '1'
}

/** Whether a network namespace can be had here: Linux, and root. */
export function canHaveOwnNetwork(): boolean {
  try {
    execFileSync(
      'unshare',
      ['-n', 'ip', 'rule', 'add', 'ipproto', 'tcp', 'sport', '1', 'dport', '2', 'blackhole'],
      {
        stdio: 'ignore',
      },
    )
    return true
  } catch {
    return false
  }
}

/** Runs the same benchmark in a network of its own, and gives what it printed. */
export function runInOwnNetwork(args: readonly string[]): object {
  const command = [...process.execArgv, process.argv[1]!, ...args]
  const text = execFileSync('unshare', ['-n', process.execPath, ...command], {
    env: { ...env, [insideVariable]: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 20,
  })
  return JSON.parse(text.toString('utf8')) as object
}

/** A new namespace has its loopback down, and looks local addresses up before any rule. */
export function prepareOwnNetwork(): void {
  ip('link', 'set', 'lo', 'up')
  ip('rule', 'add', 'pref', localPreference, 'lookup', 'local')
  ip('rule', 'del', 'pref', '0')
}

export interface Cut {
  begin(): void
  mend(): void
}

/**
 * A cut of the connections that this process has opened to the given ports, and that others have opened to its own:
 * nothing passes in either direction, and nobody is told; packets vanish.
 */
export function prepareCut(pid: number, ownPort: number, otherPorts: readonly number[]): Cut {
  const pairs = [[ownPort, undefined] as const, ...outgoing(pid, otherPorts)]
  const rules = pairs.flatMap(([a, b]) => [rule(a, b), rule(b, a)])
  return {
    begin: () => batch(rules.map(each => `rule add ${each}`)),
    mend: () => batch(rules.map(each => `rule del ${each}`)),
  }
}

function rule(from: number | undefined, to: number | undefined): string {
  const ports = `${from === undefined ? '' : ` sport ${from}`}${to === undefined ? '' : ` dport ${to}`}`
  return `pref ${cutPreference} ipproto tcp${ports} blackhole`
}

/** In one process, so that all of it happens at one moment. */
function batch(lines: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
}

/** Connections that the process has opened to these ports, as [its port, the other's]. */
function outgoing(pid: number, ports: readonly number[]): (readonly [number, number])[] {
  const lines = execFileSync('ss', ['-Htnp', 'state', 'established'], { encoding: 'utf8' }).split('\n')
  return lines.flatMap(line => {
    const [, , local, peer] = line.trim().split(/\s+/)
    if (!line.includes(`pid=${pid},`) || local === undefined || peer === undefined) return []
    const pair = [portOf(local), portOf(peer)] as const
    return ports.includes(pair[1]) ? [pair] : []
  })
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
