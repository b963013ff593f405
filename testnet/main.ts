import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { badConfiguration, EXIT } from '../daemon/config/setup-error.ts'
import { placesOf } from '../daemon/genesis/schema.ts'
import { bundledPageDir, pageCacheDir } from '../daemon/http/built-page.ts'
import { startWitnesses, type Witnesses } from './history/witnesses.ts'
import { readNodes } from './local/api.ts'
import { type AuditSummary, auditNetwork } from './local/audits.ts'
import { type Failover, type Kill, killBusiestLeader } from './local/chaos.ts'
import { type LinkKind, LocalNetwork } from './local/network.ts'
import { Players } from './local/players.ts'
import { PromiseBook } from './local/promises.ts'
import { draw, Screen } from './local/screen.ts'

export interface TestnetOptions {
  readonly nodes: number
  readonly areas: number
  readonly replicas: number
  readonly bots: number
  readonly port: number
  /** Seconds of play, then an audit and the end; without it the network runs until `stop`. */
  readonly duration?: number
  readonly dir: string
  readonly chaos?: boolean
  readonly fresh?: boolean
  readonly json?: boolean
  /** Where to write what some clients asked for and were answered, as JSON lines. */
  readonly history?: string
  readonly link?: LinkKind | undefined
  readonly stop: AbortSignal
  readonly stopAtOnce: AbortSignal
}

/** What `--json` prints. */
interface Report {
  readonly nodes: number
  readonly areas: number
  readonly bots: number
  readonly actions: {
    readonly submitted: number
    readonly committed: number
    readonly rejected: number
    readonly lost: number
    readonly duplicated: number
    readonly p50Ms: number
    /** Outside the failovers. */
    readonly p99Ms: number
  }
  /** Characters that went over a border; the times are of the first action on the other side, from asking to its receipt. */
  readonly handovers: {
    readonly count: number
    readonly p50Ms: number
    readonly p99Ms: number
    readonly lost: number
    readonly doubled: number
  }
  readonly kills: readonly Kill[]
  readonly audit: Omit<AuditSummary, 'findings'>
}

const chaosDefaultSeconds = 40
/** After everything a failover delayed has been answered: retries go out within a second. */
const failoverTailMs = 1_000
const joinMs = 4_000
const lastLooksMs = 6_000
/** At the end of a run that was interrupted. */
const hastyLooksMs = 600

/** Runs a whole network with bots on this machine. Returns the exit code. @throws SetupError */
export async function runTestnet(options: TestnetOptions): Promise<number> {
  mkdirSync(options.dir, { recursive: true })
  if (options.history !== undefined) beginHistory(options.history)
  await buildPage()
  // Asked to end before there was anything to end.
  if (options.stop.aborted) return EXIT.ok
  const network = LocalNetwork.prepare({
    ...{ ...options, firstPort: options.port, fresh: options.fresh === true },
    // Clients whose history is judged look at what stands in one area.
    borders: options.areas > 1 && options.history === undefined ? 'open' : undefined,
  })
  const testnet = new Testnet(options, network)
  const killAll = (): void => testnet.killAll()
  options.stopAtOnce.addEventListener('abort', killAll, { once: true })
  process.once('exit', killAll)
  try {
    return await testnet.run()
  } finally {
    await testnet.end()
  }
}

/** Says at the start that the history can't be written, and not at the end. */
function beginHistory(path: string): void {
  try {
    writeFileSync(path, '')
  } catch (error) {
    throw badConfiguration('history', `The history can't be written: ${(error as Error).message}.`)
  }
}

/** The page is built from its sources; an installed program has it already. */
async function buildPage(): Promise<void> {
  if (existsSync(bundledPageDir)) return
  const { buildMap } = await import('../client/map/build.ts')
  await buildMap(pageCacheDir)
}

class Testnet {
  readonly #options: TestnetOptions
  readonly #network: LocalNetwork
  readonly #promisesPath: string
  readonly #startedMs = performance.now()
  readonly #notes: string[] = []
  #players: Players | undefined
  #witnesses: Witnesses | undefined
  #screen: NodeJS.Timeout | undefined

  constructor(options: TestnetOptions, network: LocalNetwork) {
    this.#options = options
    this.#network = network
    this.#promisesPath = join(options.dir, 'promises.jsonl')
  }

  async run(): Promise<number> {
    const { stop, nodes, bots, chaos, dir } = this.#options
    this.#say(
      `${this.#network.continued ? 'Going on with' : 'Founded'} a network of ${nodes} nodes in ${dir} …`,
    )
    stop.addEventListener('abort', () => void this.end(), { once: true })
    await this.#network.start()
    if (stop.aborted) return EXIT.ok
    this.#say(`The nodes are up; ${bots} players join. Map and game: ${this.#network.nodes[0]!.httpUrl}`)
    this.#players = this.#startPlayers()
    this.#witnesses = this.#startWitnesses()
    const duration = this.#options.duration ?? (chaos === true ? chaosDefaultSeconds : undefined)
    this.#showStatus()
    if (duration === undefined) return await this.#untilStopped()
    return await this.#play(duration * 1_000)
  }

  async #untilStopped(): Promise<number> {
    while (!this.#options.stop.aborted && this.#network.failed === undefined) await this.#pause(200)
    if (this.#network.failed === undefined) return EXIT.ok
    this.#say(this.#network.failed)
    return EXIT.failed
  }

  /** Plays for a while, ends the players, audits every replica, and reports. */
  async #play(durationMs: number): Promise<number> {
    const beginMs = performance.now()
    const chaos =
      this.#options.chaos === true
        ? this.#wreak(beginMs, durationMs)
        : Promise.resolve({ kills: [], failovers: [] })
    await this.#pause(durationMs)
    const { kills, failovers } = await chaos
    if (this.#options.stop.aborted) return EXIT.ok
    clearInterval(this.#screen)
    await this.#witnesses?.stop(lastLooksMs)
    await this.#players!.stop()
    const report = await this.#report(kills, failovers, beginMs + Math.min(joinMs, durationMs / 4))
    if (report === undefined || this.#options.stop.aborted) return EXIT.failed
    const good = report.audit.ok && report.actions.lost === 0 && report.actions.duplicated === 0
    return good && this.#network.failed === undefined ? EXIT.ok : EXIT.verificationFailed
  }

  async #wreak(beginMs: number, durationMs: number): Promise<{ kills: Kill[]; failovers: Failover[] }> {
    const kills: Kill[] = []
    const failovers: Failover[] = []
    for (const share of [0.25, 0.6]) {
      await this.#pause(beginMs + share * durationMs - performance.now())
      if (this.#options.stop.aborted) break
      const { kill, failover } = await killBusiestLeader(this.#network)
      kills.push(kill)
      failovers.push({ fromMs: failover.fromMs, toMs: failover.toMs + failoverTailMs })
      this.#note(
        `killed node ${kill.node}, leader of ${kill.leaderOf.join(', ')}: acting again after ${kill.recoveredMs ?? '–'} ms`,
      )
    }
    return { kills, failovers }
  }

  async #report(
    kills: readonly Kill[],
    failovers: readonly Failover[],
    sinceMs: number,
  ): Promise<Report | undefined> {
    const players = this.#players!
    const book = await PromiseBook.read(this.#promisesPath)
    const { findings, ...audit } = await auditNetwork(this.#network, book, line => this.#say(line))
    for (const finding of findings) this.#say(finding)
    if (this.#network.failed !== undefined) this.#say(this.#network.failed)
    const latencies = players.latencies(failovers, sinceMs)
    const { submitted, committed, rejected } = players.stats
    const round = (ms: number): number => Math.round(ms * 10) / 10
    const report: Report = {
      nodes: this.#options.nodes,
      areas: this.#options.areas,
      bots: this.#options.bots,
      actions: {
        submitted,
        committed,
        rejected,
        lost: book.lost,
        duplicated: book.duplicated,
        p50Ms: round(latencies.quantile(0.5)),
        p99Ms: round(latencies.quantile(0.99)),
      },
      handovers: {
        count: players.stats.handovers,
        p50Ms: round(players.stats.handoverP50Ms),
        p99Ms: round(players.stats.handoverP99Ms),
        lost: book.lost,
        doubled: book.duplicated,
      },
      kills,
      audit,
    }
    this.#print(report)
    return report
  }

  #print(report: Report): void {
    if (this.#options.json === true) {
      process.stdout.write(`${JSON.stringify(report)}\n`)
      return
    }
    const { actions, audit, handovers, kills } = report
    const lines = [
      `${actions.committed} of ${actions.submitted} actions committed (${actions.rejected} refused by the rules), ${actions.lost} lost, ${actions.duplicated} doubled`,
      `p50 ${actions.p50Ms} ms, p99 ${actions.p99Ms} ms outside failovers`,
      `${handovers.count} went over a border: their next action took p50 ${handovers.p50Ms} ms, p99 ${handovers.p99Ms} ms`,
      ...kills.map(
        kill => `node ${kill.node} killed: its areas acted again after ${kill.recoveredMs ?? '–'} ms`,
      ),
      `audit of ${audit.replicas} replicas: ${audit.ok ? 'all in order' : 'FAILED'}; ${audit.records} records, ${audit.sealedRoots} sealed roots`,
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  }

  #startPlayers(): Players {
    writeFileSync(this.#promisesPath, '') // the promises of this run alone
    return new Players({
      count: this.#options.bots,
      gateways: this.#network.nodes.map(node => node.gatewayUrl),
      areas: placesOf(this.#network.genesis.file).map(area => area.name),
      ...this.#network.goals,
      genesisPath: this.#network.genesisPath,
      promisesPath: this.#promisesPath,
      actionsPerSecond: 1,
      seed: 1,
      peaceful: this.#options.history !== undefined,
    })
  }

  #startWitnesses(): Witnesses | undefined {
    const { history } = this.#options
    if (history === undefined) return undefined
    return startWitnesses({
      gateways: this.#network.nodes.map(node => node.gatewayUrl),
      areas: placesOf(this.#network.genesis.file).map(area => area.name),
      genesis: readFileSync(this.#network.genesisPath),
      path: history,
    })
  }

  #showStatus(): void {
    if (this.#options.json === true) return
    const screen = process.stdout.isTTY ? new Screen(process.stdout) : undefined
    this.#screen = setInterval(() => void this.#refresh(screen), screen === undefined ? 5_000 : 500)
  }

  async #refresh(screen: Screen | undefined): Promise<void> {
    const lines = await this.#picture()
    if (lines === undefined || this.#options.stop.aborted) return
    if (screen !== undefined) screen.show(lines)
    else process.stdout.write(`${lines.join('\n')}\n\n`)
  }

  async #picture(): Promise<string[] | undefined> {
    const running = this.#network.nodes.filter(node => node.child !== undefined)
    const authorities = await this.#network.authorities()
    const adverts = running[0] === undefined ? undefined : await readNodes(running[0].httpUrl)
    const players = this.#players
    if (authorities === undefined || adverts === undefined || players === undefined) return undefined
    return draw({
      mapUrl: running[0]!.httpUrl,
      uptimeMs: performance.now() - this.#startedMs,
      nodes: adverts.map(advert => ({
        ...advert,
        running: running.some(node => node.number === advert.number),
      })),
      authorities,
      players: players.stats,
      latencies: players.latencies([], performance.now() - 5_000),
      notes: this.#notes.slice(-4),
    })
  }

  #note(line: string): void {
    this.#notes.push(line)
    if (!process.stdout.isTTY || this.#options.json === true) this.#say(line)
  }

  #say(line: string): void {
    process.stderr.write(`${line}\n`)
  }

  async #pause(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#options.stop }).catch(() => {})
  }

  #ending: Promise<void> | undefined
  end(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    clearInterval(this.#screen)
    if (this.#witnesses !== undefined) await this.#witnesses.stop(hastyLooksMs)
    await Promise.all([this.#players?.stop(), this.#network.stop()])
  }

  killAll(): void {
    this.#players?.kill()
    this.#network.killAll()
  }
}
