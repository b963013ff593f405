/** `npm run bench -- NAME`: measures, and prints one line of JSON. What it says meanwhile goes to stderr. */
import { Belongings } from './belongings.ts'

type Benchmark = (belongings: Belongings, flags: readonly string[]) => Promise<object>

interface Entry {
  readonly what: string
  /** Flags that it takes, for the usage. */
  readonly flags?: string
  readonly load: () => Promise<Benchmark>
}

const benchmarks: Record<string, Entry> = {
  audit: {
    what: 'how fast a log of a million records is hashed, beside Go, and audited, and the memory that takes',
    flags: '[--records N]',
    load: async () => (await import('./audit/audit.ts')).benchAudit,
  },
  commit: {
    what: 'committed inputs per second and latency through 3 replicas, beside etcd where it is on the PATH',
    load: async () => (await import('./commit/commit.ts')).benchCommit,
  },
  failover: {
    what: 'time from the end of a leader, killed, stopped or cut off, to the next committed input of a client',
    flags: '[--times N] [--nodes N]',
    load: async () => (await import('./failover/failover.ts')).benchFailover,
  },
  final: {
    what: 'how long final comes after committed, at the next seal and when the log is sealed at once',
    flags: '[--nodes N] [--players N]',
    load: async () => (await import('./final.ts')).benchFinal,
  },
  finality: {
    what: 'processor time of a node for the votes of a thousand authorities that are sealed once a second',
    load: async () => (await import('./finality.ts')).benchFinality,
  },
  groups: {
    what: 'what thousands of idle groups cost a node, how they wake, and what happens when a node dies',
    flags: '[--groups N]',
    load: async () => (await import('./groups/groups.ts')).benchGroups,
  },
  handover: {
    what: 'time from the last action that is applied in one area to the first in the next, for characters that cross',
    flags: '[--players N] [--crossings N]',
    load: async () => (await import('./handover.ts')).benchHandover,
  },
  players: {
    what: 'the largest number of players with a p99 below 100 ms, everything on this machine',
    load: async () => (await import('./players.ts')).benchPlayers,
  },
  storage: {
    what: 'bytes on disk of 200,000 records and of a million, by what they are for, with all bodies and without',
    flags: '[--records N]',
    load: async () => (await import('./storage.ts')).benchStorage,
  },
}

const usageExit = 2

async function main(args: readonly string[]): Promise<number> {
  const benchmark = benchmarks[args[0] ?? '']
  if (benchmark === undefined || (args.length > 1 && benchmark.flags === undefined)) {
    const names = Object.entries(benchmarks).map(
      ([name, { what, flags }]) => `  ${name.padEnd(8)} ${what}${flags === undefined ? '' : `: ${flags}`}`,
    )
    const problem = args[0] === undefined ? '' : `There is no benchmark "${args.join(' ')}".\n`
    process.stderr.write(`${problem}usage: npm run bench -- NAME\n${names.join('\n')}\n`)
    return usageExit
  }
  const belongings = new Belongings()
  try {
    const run = await benchmark.load()
    const result = await run(belongings, args.slice(1))
    process.stdout.write(`${JSON.stringify(result)}\n`)
    return 0
  } catch (error) {
    if (!belongings.ended) process.stderr.write(`bench: ${(error as Error).message}\n`)
    return 1
  } finally {
    await belongings.end()
  }
}

process.exit(await main(process.argv.slice(2)))
