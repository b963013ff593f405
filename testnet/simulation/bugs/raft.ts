import type { Bug } from './bug.ts'

/** The core of one group. */
export const RAFT_BUGS: readonly Bug[] = [
  {
    name: 'ack-before-sync',
    what: 'A follower acknowledges entries that are not on disk yet.',
    edits: [
      {
        file: 'consensus/raft/raft.ts',
        from: `        message.term = this.term
        this.messagesAfterAppend.push(message)`,
        to: `        message.term = this.term
        ;(message.isLocal ? this.messagesAfterAppend : this.messages).push(message)`,
      },
    ],
  },
  {
    name: 'heartbeat-commits-unmatched',
    what: 'A heartbeat tells a commit index that the follower is not known to have matched.',
    edits: [
      {
        file: 'consensus/raft/replication.ts',
        from: 'heartbeat.commit = Math.min(member.match, raft.log.committed)',
        to: 'heartbeat.commit = raft.log.committed',
      },
    ],
  },
  {
    name: 'commits-without-majority',
    what: 'The quorum of acknowledgements is one too small.',
    edits: [
      {
        file: 'consensus/raft/quorum/majority.ts',
        from: 'return sorted[count >> 1]!',
        to: 'return sorted[Math.max(0, (count >> 1) - 1)]!',
      },
    ],
  },
  {
    name: 'elected-without-majority',
    what: 'The quorum of votes is one too small.',
    edits: [
      {
        file: 'consensus/raft/quorum/majority.ts',
        from: 'const needed = (voters.length >> 1) + 1',
        to: 'const needed = Math.max(1, voters.length >> 1)',
      },
    ],
  },
  {
    name: 'votes-for-shorter-logs',
    what: "A vote looks at the candidate's last term and not at the length of its log.",
    edits: [
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'term > lastTerm || (term === lastTerm && index >= this.lastIndex())',
        to: 'term >= lastTerm',
      },
    ],
  },
  {
    name: 'votes-twice',
    what: 'A member that has voted in this term votes for another one too.',
    edits: [
      {
        file: 'consensus/raft/election.ts',
        from: '(raft.vote === NONE && raft.lead === NONE) ||',
        to: 'raft.lead === NONE ||',
      },
    ],
  },
  {
    name: 'applies-uncommitted',
    what: 'A replica applies what is on its disk, committed or not.',
    edits: [
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'Math.min(this.committed, this.unstable.offset - 1)',
        to: '(this.committed = this.unstable.offset - 1)',
      },
    ],
  },
  {
    name: 'vote-before-sync',
    what: 'A vote leaves before it is on disk.',
    edits: [
      {
        file: 'consensus/raft/raft.ts',
        from: `      case MessageType.PreVoteResp:
        this.messagesAfterAppend.push(message)`,
        to: `      case MessageType.PreVoteResp:
        (message.isLocal ? this.messagesAfterAppend : this.messages).push(message)`,
      },
    ],
  },
  {
    name: 'vote-forgotten',
    what: 'A restart knows its term, but not whom it voted for in it.',
    edits: [
      {
        file: 'consensus/groups/hosted-group.ts',
        from: 'const hardState = { ...stored,',
        to: 'const hardState = { ...stored, vote: 0,',
      },
    ],
  },
  {
    name: 'commits-older-terms',
    what: "Entries of older terms are committed by counting (figure 8 of Raft's paper).",
    edits: [
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false',
        to: 'if (index <= this.committed || term === 0) return false',
      },
    ],
  },
  {
    name: 'keeps-conflicting-entries',
    what: 'An append takes what stands at its indexes for its own entries, of whatever term they are.',
    edits: [
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'while (from < entries.length && this.matchTerm(entries[from]!.index, entries[from]!.term)) from++',
        to: 'while (from < entries.length && entries[from]!.index <= this.lastIndex()) from++',
      },
    ],
  },
  {
    name: 'truncates-agreeing-entries',
    what: 'An append cuts the log off at its first entry, also where both logs agree.',
    edits: [
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'while (from < entries.length && this.matchTerm(entries[from]!.index, entries[from]!.term)) from++',
        to: '',
      },
      {
        file: 'consensus/raft/log/raft-log.ts',
        from: 'if (first <= this.committed)',
        to: 'if (first <= this.firstIndex() - 1)',
      },
    ],
  },
]
