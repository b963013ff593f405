/**
 * The whole mocha suite: `npm test`, or a part of it: `npm test -- storage`, `npm test -- --grep snapshot`.
 * Files run two at a time, those that take longest first: at the end both cores are busy with short ones.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bin, root } from './tools.ts'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const EXIT_GRACE_MS = 15_000
/** Real networks, whole networks under virtual time, and processes. */
const LONGEST = ['test/e2e/', 'test/simulation/', 'test/cli/', 'test/browser/']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grep: { type: 'string', short: 'g' },
    bail: { type: 'boolean', short: 'b' },
    coverage: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
  },
})

if (values.coverage) process.exit(await withCoverage())
process.exit(await main())

async function main(): Promise<number> {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => positionals.length === 0 || positionals.some(part => file.includes(part)))
    .sort()
  if (files.length === 0) {
    console.error(`No test file's path contains ${positionals.map(part => `"${part}"`).join(' or ')}.`)
    return 2
  }
  const rank = (file: string): number => {
    const at = LONGEST.findIndex(folder => file.startsWith(folder))
    return at === -1 ? LONGEST.length : at
  }
  const ordered = files.toSorted((a, b) => rank(a) - rank(b))
  const total = judge(await runMocha(ordered, files.length > 1 && values.jobs !== '1'))
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
  return total.failed === 0 ? 0 : 1
}

function runMocha(files: string[], parallel: boolean): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'freehold-test-'))
  const countsFile = join(folder, 'counts.json')
  const args = [
    ...[bin('mocha/bin/mocha.js'), '--ui', 'bdd', '--timeout', '20000', '--forbid-only'],
    ...['--reporter', join(root, 'scripts/test-reporter.mjs'), '--reporter-option', `counts=${countsFile}`],
    ...(parallel ? ['--parallel', '--jobs', values.jobs] : []),
    ...(values.grep === undefined ? [] : ['--grep', values.grep]),
    ...(values.bail ? ['--bail'] : []),
    ...files,
  ]
  return new Promise(resolve => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    // Mocha ends by itself once the tests left nothing open. A test that did is a failure, not a hang.
    let leaked = false
    const watch = setInterval(() => {
      if (readCounts(countsFile) === undefined) return
      clearInterval(watch)
      setTimeout(() => {
        leaked = true
        child.kill('SIGKILL')
      }, EXIT_GRACE_MS).unref()
    }, 500)
    child.on('close', code => {
      clearInterval(watch)
      const counts = readCounts(countsFile)
      rmSync(folder, { recursive: true, force: true })
      if (leaked) console.log('The tests ended but their process did not: something was left open.')
      if (counts === undefined) console.log(`mocha ended with code ${code} before its report.`)
      resolve(withProcess(counts, code, leaked))
    })
  })
}

function readCounts(file: string): Counts | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** In CI nothing may be skipped, and a run of nothing has failed anywhere. */
function judge(counts: Counts): Counts {
  const { passed, failed, skipped } = counts
  if (passed + failed + skipped === 0) {
    console.log('No test matched.')
    return { ...counts, failed: 1 }
  }
  if (process.env['CI'] !== 'true' || skipped === 0) return counts
  console.log('CI=true: a skipped test counts as a failed one.')
  return { passed, failed: failed + skipped, skipped: 0 }
}

/** A run whose process failed is never counted as passed, even when every test in it was. */
function withProcess(counts: Counts | undefined, code: number | null, leaked: boolean): Counts {
  if (counts === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const failedOtherwise = counts.failed === 0 && (leaked || code !== 0)
  return failedOtherwise ? { ...counts, failed: 1 } : counts
}

function withCoverage(): Promise<number> {
  const rest = process.argv.slice(2).filter(argument => argument !== '--coverage')
  const rooms = ['audit', 'cli', 'client', 'consensus', 'daemon', 'storage', 'testnet', 'world']
  const args = [
    ...[bin('c8/bin/c8.js'), '--reporter', 'text', '--reporter', 'html', '--all'],
    ...rooms.flatMap(room => ['--include', `${room}/**/*.ts`]),
    ...['--exclude', '**/*.d.ts', process.execPath, join(root, 'scripts/test.ts'), ...rest],
  ]
  return new Promise(resolve => {
    spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }).on('close', code => resolve(code ?? 1))
  })
}
