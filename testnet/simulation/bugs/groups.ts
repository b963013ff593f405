import type { Bug } from './bug.ts'

/** Thousands of groups on one node: liveness, leases, sleep, and the way to the disk. */
export const GROUP_BUGS: readonly Bug[] = [
  {
    name: 'forgets-support',
    what: 'A restarted node votes at once, though it may have promised a leader not to.',
    edits: [
      {
        file: 'consensus/groups/liveness/liveness.ts',
        from: 'this.mutedUntilMs = this.#tickedMs + options.promisedMs',
        to: 'this.mutedUntilMs = this.#tickedMs',
      },
    ],
  },
  {
    name: 'wiped-votes-at-once',
    what: 'A replica whose disk was lost takes part as if it were new.',
    edits: [
      {
        file: 'consensus/groups/rejoin.ts',
        from: 'const point = recovered?.rejoin',
        to: 'const point = undefined as RejoinPoint | undefined',
      },
    ],
  },
  {
    name: 'trusts-clocks',
    what: 'A supported leader counts on the clocks of others to run as its own does.',
    edits: [
      {
        file: 'consensus/groups/liveness/liveness.ts',
        from: '* (1 - MAX_DRIFT)',
        to: '',
      },
    ],
  },
  {
    name: 'never-wakes',
    what: "A sleeping follower sleeps on when its leader's node dies.",
    edits: [
      {
        file: 'consensus/groups/losses.ts',
        from: `      this.#lostPeers.delete(peer)
      this.#loseAll(peer, () => true)`,
        to: '      this.#lostPeers.delete(peer)',
      },
    ],
  },
  {
    name: 'stalled-disk-leads',
    what: 'A leader whose disk hangs keeps the lead.',
    edits: [
      {
        file: 'consensus/groups/disk-watch.ts',
        from: 'return this.#beganMs !== undefined && this.#nowMs() - this.#beganMs > this.#stallMs',
        to: 'return false',
      },
      {
        file: 'daemon/hosting/engine.ts',
        from: 'if (stalled || authority.halted) this.#handOver(group)',
        to: 'if (authority.halted) this.#handOver(group)',
      },
    ],
  },
  {
    name: 'reads-without-quorum',
    what: 'A leader answers reads without a lease and without asking a quorum whether it still leads.',
    edits: [
      {
        file: 'consensus/groups/reads.ts',
        from: 'if (settings.leaseReads && holdsLease(hosted, clocks.liveness, settings.self, nowMs())) {',
        to: 'if (settings !== undefined) {',
      },
    ],
  },
  {
    name: 'write-without-sync',
    what: 'What is to be durable is written, but not synced.',
    edits: [
      {
        file: 'consensus/groups/driver.ts',
        from: 'this.#options.store.write(ops, { sync }, error => {',
        to: 'this.#options.store.write(ops, { sync: false }, error => {',
      },
    ],
  },
  {
    name: 'splits-batches',
    what: 'What must be written as one is written as two.',
    edits: [
      {
        file: 'consensus/groups/driver.ts',
        from: 'this.#options.store.write(ops, { sync }, error => {',
        to: `this.#options.store.write(ops.splice(0, ops.length >> 1), { sync: true }, () => {})
    this.#options.store.write(ops, { sync }, error => {`,
      },
    ],
  },
  {
    name: 'keeps-replaced-entries',
    what: "What a new leader's shorter log replaces is left on the disk, behind it.",
    edits: [
      {
        file: 'consensus/groups/write-queue.ts',
        from: `    const last = entries[entries.length - 1]!.index
    // A new`,
        to: `    const last = group.lastStored
    // A new`,
      },
    ],
  },
]
