import { decodeReceipts } from '../../../client/protocol/receipts.ts'
import { inputHead } from '../../../daemon/authority/intake.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import { logBatchRange, type RaftInstance, raftEntryRange } from '../../../storage/keys.ts'
import type { SimDisk } from '../disk.ts'
import type { Simulation } from '../simulation.ts'
import { AppliedTruth } from './applied-truth.ts'
import { Finding } from './finding.ts'
import { LogTruth } from './log-truth.ts'
import type { Realm } from './realm.ts'

/** What an authority has bound itself to by a receipt. */
export interface Promised {
  readonly group: number
  readonly body: Uint8Array
  readonly leaf: number
  /** As world/codec encodes it, in hex. */
  readonly outcome: string
}

/** Of one Raft instance. */
export interface InstanceTruth {
  readonly log: LogTruth
  readonly applied: AppliedTruth
}

/** A promise's entry is looked for among so many of the newest. */
const NEWEST_ENTRIES = 64

/**
 * Sees everything at every node, as no part of a real network can, and fails the run at the first moment at which
 * something is wrong.
 */
export class Judge {
  readonly promises = new Map<string, Promised>()
  readonly counters = new Map<string, number>()
  readonly #simulation: Simulation
  readonly #realm: Realm
  readonly #diskOf: (node: number) => SimDisk
  /** Log roots by group and size, and seals by group and height, as first seen anywhere. */
  readonly #roots = new Map<string, string>()
  readonly #seals = new Map<string, string>()
  readonly #leaders = new Map<string, number>()
  readonly #truths = new Map<string, InstanceTruth>()

  constructor(simulation: Simulation, realm: Realm, diskOf: (node: number) => SimDisk) {
    this.#simulation = simulation
    this.#realm = realm
    this.#diskOf = diskOf
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  fail(problem: string): void {
    this.#simulation.fail(new Finding(problem))
  }

  /** An authority's word leaves `node`: it must stand on the disks of a quorum now, whatever crashes next. */
  promisedBy(node: number, group: number, bodies: readonly Uint8Array[], bytes: Uint8Array): void {
    const run = decodeReceipts(bytes)
    if (run === undefined || run.outcomes.length !== bodies.length)
      return this.fail('receipts are unreadable')
    bodies.forEach((body, i) => {
      const outcome = Buffer.from(run.outcomes[i]!).toString('hex')
      this.#promised(node, { group, body, leaf: run.leaf + i, outcome })
    })
  }

  #promised(node: number, { group, body, leaf, outcome }: Promised): void {
    const head = inputHead(body)
    if (head === undefined) return this.fail('a receipt is for what is no input')
    this.count('receipts')
    const key = promiseKey(head)
    const known = this.promises.get(key)
    if (known === undefined) {
      this.promises.set(key, { group, body: body.slice(), leaf, outcome })
      this.#checkDurable(node, group, body, leaf)
    } else if (known.leaf !== leaf || known.outcome !== outcome || known.group !== group) {
      this.fail(`input ${head.seq} was promised twice: at leaf ${known.leaf} and at ${leaf}`)
    }
  }

  #checkDurable(node: number, group: number, body: Uint8Array, leaf: number): void {
    const { members, epoch, view } = this.#realm.hosted.get(group)!.identity
    const newest = { ...raftEntryRange({ group, epoch, view }), reverse: true, limit: NEWEST_ENTRIES }
    const batch = { ...logBatchRange(group, 0, leaf + 1), reverse: true, limit: 1 }
    const holders = members.filter(member => {
      const { durable } = this.#diskOf(member)
      const holds = (value: Uint8Array): boolean =>
        Buffer.from(value.buffer, value.byteOffset, value.length).includes(Buffer.from(body))
      return [...durable.slice(batch), ...durable.slice(newest)].some(({ value }) => holds(value))
    })
    if (2 * holders.length > members.length) return
    this.fail(
      `n${node} gave a receipt for leaf ${leaf} of group ${group} that only ${holders.length} of ${members.length} disks hold`,
    )
  }

  truthOf({ group, epoch, view }: RaftInstance): InstanceTruth {
    const key = `${group}/${epoch}/${view}`
    let truth = this.#truths.get(key)
    if (truth !== undefined) return truth
    const name = this.#realm.hosted.get(group)?.name ?? `group ${group}`
    const fail = (problem: string): void => this.fail(problem)
    truth = { log: new LogTruth(name, fail), applied: new AppliedTruth(name, fail) }
    this.#truths.set(key, truth)
    return truth
  }

  caughtUp(facts: object): void {
    this.count('error' in facts ? 'catch-ups-failed' : 'catch-ups')
  }

  leads(node: number, { group, epoch, view }: RaftInstance, term: number): void {
    const key = `${group}/${epoch}/${view}/${term}`
    const other = this.#leaders.get(key)
    if (other === undefined) this.count('leaders')
    this.#leaders.set(key, other ?? node)
    if (other !== undefined && other !== node)
      this.fail(`n${other} and n${node} both lead group ${group} in term ${term}`)
  }

  /** What a node holds now agrees with what any node ever held. */
  look(node: number, engine: Engine): void {
    for (const { authority, name } of engine.authorities()) {
      const { log, lastSeal, voidRecords, malformedEntries } = authority.replica
      const group = authority.identity.group
      this.#agree(
        this.#roots,
        `${group}/${log.size}`,
        hex(log.root()),
        `n${node}: the log of ${name} at ${log.size}`,
      )
      if (lastSeal !== undefined) {
        const { seal, size, root, checkpointHash } = lastSeal
        const sealed = [seal.height, size, hex(root), hex(seal.stateRoot), hex(checkpointHash)].join()
        this.#agree(
          this.#seals,
          `${group}/${seal.height}`,
          sealed,
          `n${node}: seal ${seal.height} of ${name}`,
        )
      }
      if (malformedEntries > 0) this.fail(`n${node}: ${name} has a malformed entry`)
      this.counters.set('void-records', Math.max(this.counters.get('void-records') ?? 0, voidRecords))
      for (const queue of [authority.inputs, authority.intents, authority.simulation, authority.outputs]) {
        if (queue.length > queue.limit)
          this.fail(`n${node}: the ${queue.name} queue of ${name} is over its limit`)
      }
    }
  }

  #agree(truths: Map<string, string>, key: string, value: string, what: string): void {
    const truth = truths.get(key)
    if (truth === undefined) truths.set(key, value)
    else if (truth !== value) this.fail(`${what} differs from what another replica has`)
  }
}

export function promiseKey(head: { player: string; session: string; seq: number }): string {
  return `${hex(Buffer.from(head.player, 'latin1'))}/${hex(Buffer.from(head.session, 'latin1'))}/${head.seq}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
