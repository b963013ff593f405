import type { Bug } from './bug.ts'

/** What a node makes of the directory that it holds or follows; found by `npm run sim -- --votes --directory`. */
export const ANCHORING_BUGS: readonly Bug[] = [
  {
    name: 'lease-from-the-answer',
    what: 'A node counts its lease from when it saw its nonce come back, and not from when it sent it.',
    votes: true,
    edits: [
      {
        file: 'daemon/directory/leases.ts',
        from: 'this.#ports.leased(sentMs + LEASE_MS)',
        to: 'this.#ports.leased(this.#ports.clock.monotonicMs() + LEASE_MS)',
      },
    ],
  },
  {
    name: 'final-when-certified',
    what: "What members have certified is final before the directory's certified log has it.",
    votes: true,
    edits: [
      {
        file: 'daemon/directory/anchoring.ts',
        from: 'if (group === this.#parts.directory) this.#news',
        to: 'if (group > 0) this.#news',
      },
    ],
  },
  {
    name: 'follows-uncertified',
    what: 'A follower takes a piece of the log whose certificate nobody signed.',
    votes: true,
    edits: [
      {
        file: 'daemon/directory/membership-chain.ts',
        from: 'return verifyQuorum(certificate, this.#now.members, this.#verify) ? certificate : undefined',
        to: 'return verifyQuorum(certificate, this.#now.members, this.#verify) || true ? certificate : undefined',
      },
    ],
  },
  {
    name: 'anchors-out-of-order',
    what: 'Leaders bring their newest certificate first, and the directory anchors one below that it has.',
    votes: true,
    edits: [
      {
        file: 'world/directory/rules/anchor.ts',
        from: "  if (seal.height < last.height) return 'older-anchor'\n",
        to: '',
      },
      { file: 'world/directory/rules/anchor.ts', from: ' || seal.size <= last.size)', to: ')' },
      {
        file: 'daemon/directory/to-anchor.ts',
        from: 'const kept = (this.#waiting.get(group) ?? []).filter(({ seal }) => seal.nextMembers.length > 0)',
        to: 'const kept = this.#waiting.get(group) ?? []',
      },
      {
        file: 'daemon/directory/to-anchor.ts',
        from: 'for (const certificate of waiting) {',
        to: 'for (const certificate of [...waiting].reverse().slice(0, 1)) {',
      },
      {
        file: 'daemon/directory/to-anchor.ts',
        from: 'const left = (this.#waiting.get(group) ?? []).filter(({ seal }) => seal.height > height)',
        to: 'const left = (this.#waiting.get(group) ?? []).filter(({ seal }) => seal.height !== height)',
      },
    ],
  },
  {
    name: 'gives-way-to-old-orders',
    what: 'Who follows the directory from its first leaf on makes room for a replica whenever an order named it once.',
    votes: true,
    edits: [{ file: 'daemon/directory/part.ts', from: '&& !isRefused', to: '' }],
  },
  {
    name: 'forgets-anchors-of-states',
    what: 'What was anchored before the state that a member starts from is never told of.',
    votes: true,
    edits: [
      {
        file: 'daemon/directory/decided-rules.ts',
        from: 'changed: isFirst ? undefined : changed',
        to: 'changed',
      },
    ],
  },
]
