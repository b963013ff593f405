import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { newConfChangeRunner } from './confchange.ts'
import { type Case, parseCases } from './datadriven.ts'
import { COMMANDS } from './interaction/commands.ts'
import { Environment } from './interaction/environment.ts'
import { runQuorumCase } from './quorum.ts'

export interface FileResult {
  /** `quorum/joint_vote.txt` */
  file: string
  passed: number
  total: number
  firstDifference?: string
}

const RUNNERS: Readonly<Record<string, () => (test: Case) => string>> = {
  quorum: () => runQuorumCase,
  confchange: newConfChangeRunner,
  interaction: newInteractionRunner,
}

const LOG_LINE = /^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /

/** Replays etcd-raft's datadriven files in folder/{quorum,confchange,interaction}, or in one of these, against our core. */
export async function runEtcdRaft(folder: string): Promise<FileResult[]> {
  const results: FileResult[] = []
  for (const [kind, newRunner] of Object.entries(RUNNERS)) {
    const directory = basename(folder) === kind ? folder : join(folder, kind)
    const names = await readdir(directory).catch(() => [])
    for (const name of names.filter(name => name.endsWith('.txt')).sort()) {
      const text = await readFile(join(directory, name), 'utf8')
      results.push(runFile(`${kind}/${name}`, parseCases(text), newRunner()))
    }
  }
  return results
}

function runFile(file: string, cases: readonly Case[], run: (test: Case) => string): FileResult {
  const result: FileResult = { file, passed: 0, total: cases.length }
  for (const test of cases) {
    const expected = withoutLog(test.expected)
    const actual = withoutLog(runSafely(run, test))
    if (actual === expected) result.passed++
    else result.firstDifference ??= describe(file, test, expected, actual)
  }
  return result
}

function runSafely(run: (test: Case) => string, test: Case): string {
  try {
    return run(test)
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : error}`
  }
}

function newInteractionRunner(): (test: Case) => string {
  const env = new Environment()
  return test => {
    env.output.reset()
    const command = COMMANDS[test.command]
    const complaint = command === undefined ? 'unknown command' : command(env, test)
    if (complaint !== undefined && env.output.quiet) return complaint
    env.output.write(complaint ?? '')
    return env.output.text
  }
}

/** A command that printed nothing, or nothing but log lines, says ok. */
function withoutLog(text: string): string {
  const lines = text.replace(/\n$/, '').split('\n')
  const kept = lines.filter(line => !LOG_LINE.test(line)).join('\n')
  return kept === '' ? 'ok' : kept
}

function describe(file: string, test: Case, expected: string, actual: string): string {
  const theirs = expected.split('\n')
  const ours = actual.split('\n')
  const at = theirs.findIndex((line, i) => line !== ours[i])
  const line = at === -1 ? theirs.length : at
  const show = (text: string | undefined): string => (text === undefined ? '(nothing)' : JSON.stringify(text))
  const args = test.args.map(arg => arg.key).join(' ')
  return `${file}:${test.line} ${test.command} ${args}, output line ${line + 1}: expected ${show(theirs[line])}, got ${show(ours[line])}`
}
