import type { Bug } from './bug.ts'

/** The ways between players, gateways and authorities. */
export const WAY_BUGS: readonly Bug[] = [
  {
    name: 'router-never-retries',
    what: 'What a gateway has sent to a leader that is lost it never sends to another.',
    edits: [
      {
        file: 'daemon/routing/lane.ts',
        from: 'returned.push(...batch.waiting.filter(pending => pending !== undefined))',
        to: '',
      },
    ],
  },
  {
    name: 'reads-before-applied',
    what: 'A replica answers a read before its state has all that the read must show.',
    edits: [
      {
        file: 'daemon/hosting/state-reads.ts',
        from: 'if (done.index <= applied) this.#serve(done.context, read)',
        to: 'if (done.index <= applied + 1_000_000) this.#serve(done.context, read)',
      },
    ],
  },
  {
    name: 'feed-state-is-old',
    what: 'Who comes to a feed anew may be told an old state.',
    edits: [
      {
        file: 'daemon/feed/publisher.ts',
        from: 'if (this.#state?.leaf !== leaf) this.#state = undefined',
        to: '',
      },
      {
        file: 'daemon/feed/publisher.ts',
        from: 'if (this.#state?.leaf === leaf) return this.#state.frames',
        to: 'if (this.#state !== undefined) return this.#state.frames',
      },
    ],
  },
  {
    name: 'router-waits-for-good',
    what: 'A gateway waits for a silent leader as long as its connection stands.',
    edits: [
      {
        file: 'daemon/routing/lane.ts',
        from: 'if (nowMs - batch.sentAtMs < silenceMs) continue',
        to: 'continue',
      },
    ],
  },
  {
    name: 'silent-feed-is-followed',
    what: 'A feed that fell silent is followed as long as its connection stands.',
    edits: [
      {
        file: 'daemon/feed/follower.ts',
        from: 'if (this.#channel !== undefined && nowMs - this.#heardAtMs > silenceMs)',
        to: 'if (this.#stopped)',
      },
    ],
  },
]
