import { FinalityHost } from '../../consensus/finality/host.ts'
import { type Seal, sealHash, type Voter } from '../../consensus/finality/seal.ts'
import { signingKeyOf, verifySignature } from '../../daemon/identity/signing-key.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { Belongings } from './belongings.ts'
import { machine } from './machine.ts'

const MEMBERS = 5
const GROUPS = 1000
const SECONDS = 5
/** A node's cycle: what comes within it goes into one write and under one signature. */
const CYCLE_MS = 10
const CYCLES = 1000 / CYCLE_MS

interface Bench {
  readonly hosts: readonly FinalityHost[]
  /** Frames on their way, by the host that they are for. */
  inbox: { readonly from: number; readonly frame: Uint8Array }[][]
  nowMs: number
  certified: number
  sent: number
  bytes: number
  writes: number
}

/**
 * Five nodes share a thousand authorities, and each of them is sealed once a second. Real signatures; the network and
 * the disk cost nothing here. All five do the same: a fifth of the processor time is that of one.
 */
export async function benchFinality(_belongings: Belongings): Promise<object> {
  const bench = start()
  const heads = Array.from({ length: GROUPS }, (): Uint8Array => new Uint8Array(32))
  await runSeconds(bench, heads, 1, 0)
  const warm = bench.certified
  const before = { sent: bench.sent, bytes: bench.bytes, writes: bench.writes }
  const cpuMs = await runSeconds(bench, heads, SECONDS, 1)
  const decided = bench.certified - warm
  if (decided !== GROUPS * SECONDS)
    throw new Error(`Only ${decided} of ${GROUPS * SECONDS} seals were decided.`)
  return {
    benchmark: 'finality',
    ...{ members: MEMBERS, groups: GROUPS, sealsPerSecond: GROUPS, seconds: SECONDS },
    coresPerNode: Number((cpuMs / (1000 * SECONDS)).toFixed(3)),
    framesPerSecond: Math.round((bench.sent - before.sent) / SECONDS),
    sentBytesPerSecond: Math.round((bench.bytes - before.bytes) / SECONDS),
    writesPerSecond: Math.round((bench.writes - before.writes) / SECONDS),
    machine: machine(),
  }
}

function start(): Bench {
  const keys = Array.from({ length: MEMBERS }, (_, i) => signingKeyOf(sha256(Buffer.from(`bench ${i}`))))
  const founders: Voter[] = keys.map(({ publicKey }, i) => ({ node: i + 1, key: publicKey }))
  const bench: Bench = {
    ...{ hosts: [], inbox: keys.map(() => []), nowMs: 0, certified: 0, sent: 0, bytes: 0, writes: 0 },
  }
  const hosts = keys.map(
    (key, i) =>
      new FinalityHost({
        ...{
          self: i + 1,
          sign: message => key.sign(message),
          verify: verifySignature,
          nowMs: () => bench.nowMs,
        },
        ...{ random: () => 0, progressMs: () => 10_000, resendMs: 5000 },
      }),
  )
  for (const host of hosts) {
    host.lease(Number.MAX_SAFE_INTEGER)
    for (let group = 1; group <= GROUPS; group++) {
      host.open({
        group,
        authority: authorityOf(group),
        epoch: 0,
        founders,
        stored: undefined,
        forgetful: false,
      })
    }
  }
  return { ...bench, hosts }
}

function authorityOf(group: number): Uint8Array {
  return sha256(Buffer.from(`bench/area/${group}`))
}

/** Processor milliseconds of one node. */
async function runSeconds(bench: Bench, heads: Uint8Array[], seconds: number, from: number): Promise<number> {
  const before = process.cpuUsage()
  for (let cycle = 0; cycle < seconds * CYCLES; cycle++) {
    const height = from + Math.floor(cycle / CYCLES) + 1
    const due = cycle % CYCLES
    const seals = heads.flatMap((head, i) => (i % CYCLES === due ? [sealOf(i + 1, height, head)] : []))
    for (const host of bench.hosts) {
      for (const [group, seal] of seals) host.executed(group, 0, 0, seal)
    }
    // Both votes and the decision are through within three turns.
    for (let turn = 0; turn < 4; turn++) exchange(bench)
    for (const [group, seal] of seals) heads[group - 1] = sealHash(seal)
    bench.nowMs += CYCLE_MS
    if (due === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / MEMBERS
}

function sealOf(group: number, height: number, previous: Uint8Array): readonly [number, Seal] {
  const root = sha256(Buffer.from(`${group} ${height}`))
  const seal = {
    ...{ authority: authorityOf(group), epoch: 0, height, previous, size: height, root, stateRoot: root },
    ...{ tick: height, timeMs: height, nextEpoch: 0, nextMembers: [] },
  }
  return [group, seal]
}

/** Everybody reads what was sent to them, and says what they have to say. */
function exchange(bench: Bench): void {
  const inbox = bench.inbox
  bench.inbox = inbox.map(() => [])
  bench.hosts.forEach((host, i) => {
    for (const { from, frame } of inbox[i]!) host.receive(from, frame)
    while (!host.isQuiet) carryOut(bench, host, i)
  })
}

function carryOut(bench: Bench, host: FinalityHost, i: number): void {
  const { write, send, certified } = host.takeEffects()
  for (const { peer, frame } of send) {
    bench.inbox[peer - 1]!.push({ from: i + 1, frame })
    if (i === 0) bench.bytes += frame.length
  }
  if (i === 0) {
    bench.certified += certified.length
    bench.sent += send.length
    if (write !== undefined) bench.writes++
  }
  if (write !== undefined) host.persisted(write.cycle)
}
