import type { Bug } from './bug.ts'

/** One authority: its rules, its state, its receipts, and how a replica comes back. */
export const AUTHORITY_BUGS: readonly Bug[] = [
  {
    name: 'answers-before-commit',
    what: 'A leader applies and answers what it has only proposed.',
    edits: [
      {
        file: 'daemon/hosting/opening.ts',
        from: 'if (proposed.ok) return { ok: true }',
        to: `if (proposed.ok) {
          queueMicrotask(() => host.committed([{ index: proposed.index, term: proposed.term, data }]))
          return { ok: true }
        }`,
      },
    ],
  },
  {
    name: 'snapshot-loses-sessions',
    what: 'A state that is read back lacks the table of sessions.',
    edits: [
      {
        file: 'world/restore.ts',
        from: 'area.linkPlayer(binaryString(key, 1, PLAYER_BYTES), record, slot as Slot<Character>)',
        to: `area.linkPlayer(
    binaryString(key, 1, PLAYER_BYTES),
    { ...record, session: new Uint8Array(16), lastSeq: 0, outcomes: [] },
    slot as Slot<Character>,
  )`,
      },
    ],
  },
  {
    name: 'restart-forgets-outcomes',
    what: 'A state that is read back lacks the outcomes that retries ask for.',
    edits: [
      {
        file: 'world/restore.ts',
        from: 'area.linkPlayer(binaryString(key, 1, PLAYER_BYTES), record, slot as Slot<Character>)',
        to: `area.linkPlayer(
    binaryString(key, 1, PLAYER_BYTES),
    { ...record, outcomes: [] },
    slot as Slot<Character>,
  )`,
      },
    ],
  },
  {
    name: 'applies-copies',
    what: 'A seq that was applied is applied again, by the filter and by the rules.',
    edits: [
      {
        file: 'daemon/authority/answers.ts',
        from: 'if (head.seq <= applied) {',
        to: 'if (head.seq < applied) {',
      },
      {
        file: 'daemon/authority/answers.ts',
        from: 'if (head.seq !== expectedSeq) {',
        to: 'if (head.seq !== expectedSeq && head.seq !== applied) {',
      },
      {
        file: 'world/world.ts',
        from: 'return input.seq <= lastSeq ?',
        to: 'return input.seq < lastSeq ?',
      },
      {
        file: 'world/world.ts',
        from: 'if (seq <= record.lastSeq) return',
        to: 'if (seq < record.lastSeq) return',
      },
    ],
  },
  {
    name: 'never-resigns',
    what: 'Who waits at a leader that was deposed is never told.',
    edits: [
      {
        file: 'daemon/authority/authority.ts',
        from: 'if (wasLeading && !goesOn) this.#resign()',
        to: '',
      },
    ],
  },
  {
    name: 'own-dice',
    what: 'A rule draws with a number of the replica instead of one of the log.',
    edits: [
      {
        file: 'world/draw.ts',
        from: 'this.counter = seed[3]! | 1',
        to: 'this.counter = Math.floor(Math.random() * 2 ** 32) | 1',
      },
    ],
  },
  {
    name: 'cuts-one-entry-more',
    what: "Raft's log is cut off one entry behind the snapshot, so that a catch-up lacks one.",
    edits: [
      {
        file: 'daemon/hosting/snapshots.ts',
        from: '    compact(before.index, meta)',
        to: '    compact(before.index + 1, meta)',
      },
    ],
  },
  {
    name: 'snapshot-a-record-early',
    what: 'A snapshot says that it has one record less than it has.',
    edits: [
      {
        file: 'daemon/hosting/catch-ups.ts',
        from: 'const to = readU64(meta, 0)',
        to: 'const to = readU64(meta, 0) - 1',
      },
    ],
  },
  {
    name: 'outcomes-without-bound',
    what: 'The outcomes that are kept for retries are never dropped.',
    edits: [
      {
        file: 'world/world.ts',
        from: 'if (record.outcomes.length > OUTCOMES_KEPT) record.outcomes.shift()',
        to: '',
      },
    ],
  },
]
