import type { GroupDriver } from '../../consensus/groups/driver.ts'
import type { GroupHost } from '../../consensus/groups/host.ts'
import { recoverGroup } from '../../consensus/groups/raft-disk.ts'
import { Handovers } from '../../consensus/handover/handovers.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { Charter } from '../../world/kinds.ts'
import { Authority } from '../authority/authority.ts'
import type { Replica } from '../authority/replica.ts'
import type { AuthorityIdentity } from '../authority/types.ts'
import { anchorsSomething } from '../directory/anchoring.ts'
import { directoryTicks } from '../directory/renewals.ts'
import type { Borders } from '../handover/borders.ts'
import { Crossings } from '../handover/crossings.ts'
import { AuthorityHost } from './authority-host.ts'
import type { EngineOptions } from './engine-options.ts'
import { KeptCertificates } from './kept-certificates.ts'
import { checkpointSigner, PublishedLog } from './log-view.ts'
import type { NotingStore } from './noting-store.ts'
import { appliedInRaft, recoverAuthority } from './recover.ts'
import { rulesHost } from './rules-host.ts'
import { ServedSnapshots } from './served-snapshots.ts'
import { SnapshotKeeper } from './snapshots.ts'
import { readStanding } from './standing.ts'

export interface HostedAuthority {
  readonly name: string
  readonly identity: AuthorityIdentity
  readonly charter: Charter
}

export interface OpeningParts {
  readonly options: EngineOptions
  readonly store: NotingStore
  readonly host: GroupHost
  readonly driver: GroupDriver
  readonly expectProgress: (group: number, knowsLeader: boolean) => void
  readonly borders: Borders
  /** A word for another authority's leader. */
  readonly handOver: (to: string, message: Uint8Array) => void
}

/** An authority's replica as the disk has it, and all that is around it. `join` makes it part of its group. */
export interface OpenedAuthority {
  readonly host: AuthorityHost
  /** @param introduced who may be a member by now */
  join(introduced: readonly number[]): void
}

/** How a replica begins that has come to its Raft instance by a change of views. */
export interface Beginning {
  /** Who stands first when nobody leads the instance, 0 for nobody in particular. */
  readonly firstLeader: number
  /** For how long nobody else is followed, as long as that one leads. */
  readonly holdMs: number
  /** Records that it had beyond where it stands now, in order. */
  readonly fallen: readonly LogRecord[]
}

export const plainBeginning: Beginning = { firstLeader: 0, holdMs: 0, fallen: [] }

/** @throws what recovery throws */
export async function openAuthority(
  parts: OpeningParts,
  hosted: HostedAuthority,
  begin: Beginning,
): Promise<OpenedAuthority> {
  const { store, driver } = parts
  const { clock, schedule, random, self, logKey, count, sha256, verify, handovers, onHalted } = parts.options
  const { charter, name } = hosted
  const { group, origin } = hosted.identity
  const { epoch, view, baseSize } = await readStanding(store, hosted.identity)
  const members = parts.options.views?.membersOf(group) ?? hosted.identity.members
  const identity = { ...hosted.identity, epoch, view, members }
  const { replica, ahead, applied, kept, bytesSince } = await recoverAuthority(
    store,
    hosted.identity,
    charter,
    rulesHost(origin, sha256, verify, handovers),
    {
      wallMs: clock.wallMs(),
      decidedSize: parts.options.views?.decidedSize(group) ?? Number.POSITIVE_INFINITY,
    },
  )
  const recovered = await recoverGroup(store, { group, epoch, view })
  const { views } = parts.options
  // What a lying leader had made up fell off too: an honest one must not propose it again.
  const fallen = (await views?.attested(group, begin.fallen)) ?? []
  const authority = new Authority(identity, replica, {
    propose: data => {
      const proposed = driver.propose(group, data)
      if (proposed.ok) return { ok: true }
      return {
        ok: false,
        code: proposed.code === 'busy' || proposed.code === 'not-leader' ? proposed.code : 'stopped',
      }
    },
    random,
    ticks: charter.kind === 'directory' ? directoryTicks(parts.options.renewals) : undefined,
    isAwaited: charter.kind === 'directory' && views?.waitsForAnchors ? anchorsSomething : undefined,
    isVotedOn: views?.votesOn(group) === true,
    fallen,
    ahead,
    crossings: crossingsOf(parts, replica),
    signer: { number: self, sign: message => logKey.sign(message) },
    certifiedHeight: () => parts.options.certifiedHeight?.(group),
    count,
  })
  const reader = new LogReader(store, group)
  const snapshots = new SnapshotKeeper({
    group,
    // Raft's index of one that an older instance took says nothing in this one.
    kept: kept.map(snapshot => (snapshot.size <= baseSize ? { ...snapshot, index: 0 } : snapshot)),
    bytesSince,
    write: ops => driver.addOps(ops),
    compact: (index, meta) => void parts.host.compact(group, index, meta),
    recordsBetween: parts.options.recordsBetweenSnapshots,
    ...(views?.votesOn(group) && {
      decidedSize: () => parts.options.final?.(group)?.size ?? 0,
    }),
  })
  const signer = checkpointSigner(origin, logKey)
  const certificates = new KeptCertificates(store, group, ops => driver.addOps(ops))
  const host = new AuthorityHost({
    name,
    authority,
    published: new PublishedLog(
      origin,
      replica.log,
      reader,
      signer,
      identity.charterBody,
      parts.options.cosigning?.(group),
      new ServedSnapshots(store, group, () => snapshots.kept),
      certificates,
    ),
    reader,
    appliedIndex: applied.index,
    snapshots,
    certificates,
    clock,
    schedule,
    write: (ops: readonly StoreOp[], written: () => void) => {
      driver.addOps(ops)
      store.onWritten(written)
    },
    sync: done => driver.sync(done),
    applied: entry => views?.applied(group, entry),
    sealed: seal => parts.options.onSeal?.(group, seal) ?? [],
    final: parts.options.final?.(group),
    shown: () => parts.options.onShown?.(group),
    maySign: () => views?.everMembersOf(group).includes(self) !== false,
    activations: after => parts.options.views?.activationsAfter(group, after) ?? [],
    count,
    askRead: context => driver.read(group, context),
    inputWaits: knowsLeader => parts.expectProgress(group, knowsLeader),
    halted: onHalted,
  })
  const join = (introduced: readonly number[]): void => {
    const voters = identity.members
    const upTo = appliedInRaft(recovered, applied)
    const { firstLeader, holdMs } = begin
    // Where the members vote, a seal of theirs ends the instance and names the voters of the next.
    const keepsVoters = views?.votesOn(group) === true
    const options = { group, epoch, view, voters, learners: [], introduced, applied: upTo }
    parts.host.open({ ...options, firstLeader, holdMs, keepsVoters }, recovered)
  }
  return { host, join }
}

function crossingsOf({ options, borders, handOver }: OpeningParts, replica: Replica): Crossings | undefined {
  const { area } = replica
  if (!(area?.handover instanceof Handovers)) return undefined
  return new Crossings(area.handover, area, {
    nowMs: () => options.clock.monotonicMs(),
    areaAt: place => borders.areaAt(place),
    send: handOver,
  })
}
