import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Belongings } from '../belongings.ts'
import { quantile, round } from '../commit/measure.ts'
import { numberFlags } from '../flags.ts'
import { machine } from '../machine.ts'
import { type MadeLog, makeLog } from './make-log.ts'

const run = promisify(execFile)
const rounds = 5
/** The small log, for the growth of memory. */
const smallerBy = 10

interface Hashed {
  readonly records: number
  readonly root: string
  readonly ms: number
}

interface Audited {
  readonly records: number
  readonly sealedRoots: number
  readonly ms: number
  /** Of all its threads. */
  readonly processorMs: number
  readonly peakMiB: number
}

/** How fast a log is hashed, beside Go's tlog where Go is installed, and audited whole; and what memory that takes. */
export async function benchAudit(belongings: Belongings, flags: readonly string[]): Promise<object> {
  const { records } = numberFlags(flags, { records: 1_000_000 })
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  say(`making a log of ${records} records`)
  const log = makeLog(belongings.folder(), records)
  const small = makeLog(belongings.folder(), Math.ceil(records / smallerBy))
  const go = buildGo(belongings.folder())
  const [ours, gos]: [number[], number[]] = [[], []]
  // By turns, so that a machine that is slow for a while is slow for both.
  for (let i = 0; i < rounds; i++) {
    const own = await hashed(process.execPath, [script('hash-entries.ts'), logDir(log), String(log.records)])
    ours.push(own.ms)
    if (go === undefined) continue
    const theirs = await hashed(go, [logDir(log)])
    if (theirs.root !== own.root || theirs.records !== own.records) throw new Error('Go finds another root.')
    gos.push(theirs.ms)
    say(`hashing, round ${i + 1} of ${rounds}: ${round(own.ms, 0)} ms, Go ${round(theirs.ms, 0)} ms`)
  }
  say('auditing')
  const [whole, tenth] = [await audited(log), await audited(small)]
  const perSecond = (ms: number): number => Math.round((1000 * log.records) / ms)
  const [median, goMedian] = [ours, gos].map(ms =>
    ms.length === 0
      ? 0
      : quantile(
          ms.sort((a, b) => a - b),
          0.5,
        ),
  )
  return {
    benchmark: 'audit',
    ...machine(),
    records: log.records,
    bodyMiB: round(log.bodyBytes / 2 ** 20, 1),
    hashing: {
      recordsPerSecond: perSecond(median!),
      goRecordsPerSecond: goMedian === 0 ? null : perSecond(goMedian!),
      vsGo: goMedian === 0 ? null : round(goMedian! / median!, 2),
    },
    audit: {
      recordsPerSecond: perSecond(whole.ms),
      seconds: round(whole.ms / 1000, 1),
      sealedRoots: whole.sealedRoots,
      recordsPerProcessorSecond: perSecond(whole.processorMs),
      peakMiB: round(whole.peakMiB, 0),
      peakMiBOfATenth: round(tenth.peakMiB, 0),
    },
  }
}

const script = (name: string): string => join(import.meta.dirname, name)
const logDir = ({ folder, origin }: MadeLog): string => join(folder, 'log', origin)

function buildGo(folder: string): string | undefined {
  const program = join(folder, 'tlog')
  const built = spawnSync('go', ['build', '-o', program, '.'], { cwd: script('tlog'), encoding: 'utf8' })
  if (built.status === 0) return program
  process.stderr.write(`without Go's tlog: ${built.error?.message ?? built.stderr}\n`)
  return undefined
}

async function hashed(program: string, args: readonly string[]): Promise<Hashed> {
  return JSON.parse((await run(program, args)).stdout)
}

async function audited(log: MadeLog): Promise<Audited> {
  const { stdout } = await run(process.execPath, [script('audit-process.ts'), log.folder, log.genesisPath])
  return JSON.parse(stdout)
}
