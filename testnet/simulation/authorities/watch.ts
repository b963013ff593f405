import { crc32 } from 'node:zlib'
import { readEntry, readHardState, readSnapshot } from '../../../consensus/groups/raft-disk.ts'
import { DEFAULT_LIMITS, type GroupStatus, type RoleChange } from '../../../consensus/groups/types.ts'
import { EntryType } from '../../../consensus/raft/types.ts'
import type { AppliedEntry, Replica } from '../../../daemon/authority/replica.ts'
import type { AuthorityHost } from '../../../daemon/hosting/authority-host.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import { decodeStanding, type Standing, standingKey } from '../../../daemon/hosting/standing.ts'
import { equalBytes, putU64, readU32 } from '../../../storage/bytes.ts'
import { parseRaftKey, type RaftInstance, raftRange } from '../../../storage/keys.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import { encodeOutcome } from '../../../world/codec.ts'
import type { SimDisk } from '../disk.ts'
import { ShownEntries } from './applied-truth.ts'
import type { Judge } from './judge.ts'
import { ReplicaLog } from './replica-log.ts'

/**
 * One life of a node, as the judge sees it: what it hands to its disk, what its authorities are shown and what they
 * make of it. It looks on where the parts meet, and changes nothing.
 */
export class Watch {
  readonly #judge: Judge
  readonly #node: number
  readonly #logs = new Map<string, ReplicaLog>()
  readonly #standing = new Map<number, Standing>()
  readonly #watched = new Set<AuthorityHost>()
  readonly #commits = new Map<string, number>()
  readonly #members = new Map<string, string>()
  #engine: Engine | undefined
  #writing = 0

  constructor(judge: Judge, node: number) {
    this.#judge = judge
    this.#node = node
  }

  store(store: Store): Store {
    return {
      get: key => store.get(key),
      getMany: keys => store.getMany(keys),
      range: range => store.range(range),
      close: () => store.close(),
      write: (ops, options, done) => {
        if (++this.#writing > 1) this.#fail('two batches are being written at a time')
        for (const op of ops) this.#writes(op)
        store.write(ops, options, error => {
          this.#writing--
          done(error)
        })
      },
    }
  }

  /** It has recovered what the disk holds, and has written nothing yet. */
  started(engine: Engine, disk: SimDisk): void {
    this.#engine = engine
    this.#logs.clear()
    const found = disk.visible.slice(raftRange())
    // Where a log begins is known only from its snapshot.
    const isSnapshot = ({ key }: StoreOp): boolean => parseRaftKey(key)?.part === 'snapshot'
    for (const each of found.filter(isSnapshot)) this.#writes(each)
    for (const each of found) if (!isSnapshot(each)) this.#writes(each)
    this.#watchAuthorities(engine)
  }

  heard(change: RoleChange): void {
    const { group, role, term, leader } = change
    const status = this.#engine?.status(group)
    if (status === undefined) return
    this.#judge.tell(this.#who(group), `${standing(role, leader)} in term ${term}`)
    if (role !== 'leader') return this.#logOf(status).leadsNoMore()
    this.#judge.leads(this.#node, status, term)
    this.#logOf(status).leads(term, status.commit)
  }

  /** Of everything that has a limit, what is at hand. */
  look(engine: Engine): void {
    this.#watchAuthorities(engine)
    for (const { authority, name } of engine.authorities()) {
      const status = engine.status(authority.identity.group)
      if (status === undefined) continue
      const { commit, lastIndex, uncommittedBytes, peers } = status
      this.#tellMembers(status)
      const key = keyOf(status)
      if (commit > lastIndex)
        this.#fail(`${name}: its commit index ${commit} is past its log, which ends at ${lastIndex}`)
      if (commit < (this.#commits.get(key) ?? 0))
        this.#fail(`${name}: its commit index goes back to ${commit}`)
      this.#commits.set(key, commit)
      if (uncommittedBytes > DEFAULT_LIMITS.maxUncommittedBytes)
        this.#fail(`${name}: ${uncommittedBytes} bytes are proposed and not committed`)
      for (const { peer, inflightMessages, inflightBytes } of peers) {
        const { maxInflightMessages, maxInflightBytes, maxMessageBytes } = DEFAULT_LIMITS
        // One message may pass the limit in bytes.
        if (inflightMessages > maxInflightMessages || inflightBytes > maxInflightBytes + maxMessageBytes)
          this.#fail(
            `${name}: ${inflightMessages} appends of ${inflightBytes} bytes to n${peer} are in flight`,
          )
      }
    }
  }

  /** Where a replica stands now: of the instances before it no log is kept any more. */
  #stands({ key, value }: StoreOp): void {
    const standing = value && decodeStanding(value)
    if (standing === undefined || key.length < 5) return
    const group = readU32(key, 1)
    if (equalBytes(key, standingKey(group))) this.#standing.set(group, standing)
  }

  #isOver({ group, epoch, view }: RaftInstance): boolean {
    const standing = this.#standing.get(group)
    return standing !== undefined && (epoch - standing.epoch || view - standing.view) < 0
  }

  #writes({ key, value }: StoreOp): void {
    this.#stands({ key, value })
    const parsed = parseRaftKey(key)
    if (parsed === undefined) return
    const { instance, part, index } = parsed
    if (part === 'rejoin' || this.#isOver(instance)) return
    const log = this.#logOf(instance)
    if (value === undefined) return part === 'entry' ? log.remove(index) : undefined
    if (part === 'hardState') return log.hardState(readHardState(instance, value))
    if (part === 'snapshot') {
      const snapshot = readSnapshot(instance, value)
      this.#judge.tell(this.#who(instance.group), `cuts its log at ${snapshot.index}`)
      return log.snapshot(snapshot.index, snapshot.term)
    }
    const { term, type, data } = readEntry(instance, index, value)
    log.put(index, term, readU32(value, 0), type !== EntryType.Normal || data.length === 0)
  }

  #logOf(instance: RaftInstance): ReplicaLog {
    const key = keyOf(instance)
    let log = this.#logs.get(key)
    if (log !== undefined) return log
    log = new ReplicaLog(`n${this.#node}`, this.#judge.truthOf(instance).log, problem =>
      this.#judge.fail(problem),
    )
    this.#logs.set(key, log)
    return log
  }

  #tellMembers(status: GroupStatus): void {
    const { voters, votersOutgoing, learners } = status.members
    const joint = votersOutgoing.length === 0 ? '' : ` and ${votersOutgoing.join(' ')}`
    const text = `voters ${voters.join(' ')}${joint}, learners ${learners.join(' ') || 'none'}`
    const key = keyOf(status)
    const known = this.#members.get(key)
    this.#members.set(key, text)
    if (known !== undefined && known !== text)
      this.#judge.tell(this.#who(status.group), `has members: ${text}`)
  }

  #watchAuthorities(engine: Engine): void {
    for (const host of engine.authorities()) {
      if (this.#watched.has(host)) continue
      this.#watched.add(host)
      this.#watchAuthority(engine, host)
    }
  }

  #watchAuthority(engine: Engine, host: AuthorityHost): void {
    const { group } = host.authority.identity
    const { log, applied } = this.#judge.truthOf(host.authority.identity)
    const who = this.#who(group)
    const fail = (problem: string): void => this.#judge.fail(problem)
    const shown = new ShownEntries(who, log, host.appliedIndex, fail)
    const committed = host.committed.bind(host)
    host.committed = entries => {
      const status = engine.status(group)
      const term = status?.term ?? Number.POSITIVE_INFINITY
      if (status !== undefined) this.#logOf(status).counts(status.commit, term)
      for (const entry of entries) {
        const isRafts = entry.data.length === 0
        shown.show(entry.index, entry.term, isRafts ? undefined : sumOf(entry), term)
      }
      committed(entries)
    }
    const { replica } = host.authority
    const apply = replica.apply.bind(replica)
    replica.apply = (entry, ops) => {
      shown.apply(entry.index)
      this.#judge.tellReached(who, 'applies', entry.index)
      const result = apply(entry, ops)
      applied.result(who, entry.index, resultOf(replica, result))
      return result
    }
  }

  #who(group: number): string {
    return `n${this.#node} ${this.#judge.nameOf(group)}`
  }

  #fail(problem: string): void {
    this.#judge.fail(`n${this.#node}: ${problem}`)
  }
}

function standing(role: string, leader: number): string {
  if (role === 'leader') return 'leads'
  if (role !== 'follower') return `is a ${role}`
  return leader === 0 ? 'knows no leader' : `follows n${leader}`
}

function keyOf({ group, epoch, view }: RaftInstance): string {
  return `${group}/${epoch}/${view}`
}

/** As the disk keeps it: see raft-disk.ts. */
function sumOf({ index, term, data }: { index: number; term: number; data: Uint8Array }): number {
  const header = new Uint8Array(9)
  putU64(header, 0, term)
  header[8] = EntryType.Normal
  return crc32(data, crc32(header, index >>> 0))
}

function resultOf({ log, rules, pendingMark }: Replica, { applied, marked }: AppliedEntry): number {
  let sum = crc32(`${log.size} ${rules.tick}`)
  for (const result of applied) {
    if (result?.outcome !== undefined) sum = crc32(encodeOutcome(result.outcome), sum)
  }
  return marked && pendingMark !== undefined ? crc32(pendingMark.stateRoot, sum) : sum
}
