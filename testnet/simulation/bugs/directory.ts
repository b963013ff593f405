import type { Bug } from './bug.ts'

const ROOM = 'world/directory'
const ADMIT = `${ROOM}/rules/admit.ts`
const ANCHOR = `${ROOM}/rules/anchor.ts`
const BLOCK = `${ROOM}/rules/block.ts`
const COMMAND = `${ROOM}/rules/command.ts`
const DIRECTORY = `${ROOM}/directory.ts`
const LIMITS = `${ROOM}/limits.ts`
const NODES = `${ROOM}/rules/nodes.ts`
const TICK = `${ROOM}/rules/tick.ts`

/** What the directory's rules may come to; hunted by the simulator in ../directory. */
export const DIRECTORY_BUGS: readonly Bug[] = [
  {
    name: 'lease-from-its-first-record',
    what: 'A lease that was renewed is counted from the record that gave it first.',
    edits: [
      {
        file: TICK,
        from: '  presence.renewedMs = passedMs\n',
        to: '  presence.renewedMs = Math.max(presence.sinceMs, passedMs - 4_000)\n',
      },
    ],
  },
  {
    name: 'lease-without-margin',
    what: 'A lease is called over after six seconds of directory time, however clocks differ.',
    edits: [
      {
        file: LIMITS,
        from: 'LEASE_MS + Math.ceil(LEASE_MS / 20) + MAX_STEP_MS',
        to: 'LEASE_MS - MAX_STEP_MS',
      },
    ],
  },
  {
    name: 'time-by-the-wall-clock',
    what: 'A coordinator whose clock is ahead of the last one takes all leases away.',
    edits: [
      {
        file: TICK,
        from: 'Math.max(0, Math.min(timeMs - header.timeMs, MAX_STEP_MS))',
        to: 'Math.max(0, Math.min(timeMs - header.timeMs, 999 * MAX_STEP_MS))',
      },
    ],
  },
  {
    name: 'time-by-ticks',
    what: 'Directory time is counted by ticks: it all but stands still under a coordinator whose clock is behind.',
    edits: [
      {
        file: TICK,
        from: 'Math.max(0, Math.min(timeMs - header.timeMs, MAX_STEP_MS))',
        to: 'Math.min((tick - header.tick) * state.charter.tickMs, MAX_STEP_MS)',
      },
    ],
  },
  {
    name: 'banned-node-renewed',
    what: 'A node that is banned still gets a lease.',
    edits: [
      {
        file: TICK,
        from: "if (status !== 'active' && status !== 'leaving') return",
        to: 'if (status === undefined) return',
      },
    ],
  },
  {
    name: 'banned-node-heard',
    what: "A banned node's inputs are taken.",
    edits: [
      {
        file: DIRECTORY,
        from: "return node.status === 'banned' || node.status === 'retired'",
        to: "return node.status === 'retired'",
      },
    ],
  },
  {
    name: 'forged-input-taken',
    what: 'Whoever signed an input, it is taken for the node that it names.',
    edits: [
      {
        file: DIRECTORY,
        from: "return this.isSigned(body, input) ? undefined : verdict('forged')",
        to: 'return undefined',
      },
    ],
  },
  {
    name: 'input-taken-twice',
    what: 'An input of an open session is taken as often as it is brought.',
    edits: [
      {
        file: DIRECTORY,
        from: "      if (seq <= session.lastSeq) return verdict('duplicate', session.lastSeq)\n",
        to: '',
      },
    ],
  },
  {
    name: 'old-session-reopened',
    what: 'A node that left and came back can be made to say again what it said before.',
    edits: [
      {
        file: NODES,
        from: '  if (session !== undefined) state.sessions.set(added.value!, { ...session, outcomes: [] })\n',
        to: '  state.sessions.delete(session === undefined ? 0 : added.value!)\n',
      },
    ],
  },
  {
    name: 'lease-forgotten-with-the-number',
    what: 'A node that left and came back at once counts on a lease of which the directory knows nothing.',
    edits: [{ file: NODES, from: '  state.setPresence(added.value!, presence)\n', to: '  void presence\n' }],
  },
  {
    name: 'left-while-a-member',
    what: 'A node that leaves has left before others hold what it held.',
    edits: [
      { file: NODES, from: '    if (seated.has(node.number)) continue\n    setStatus', to: '    setStatus' },
    ],
  },
  {
    name: 'keys-not-endorsed',
    what: 'A node is admitted with keys that its identity did not sign.',
    edits: [
      {
        file: ADMIT,
        from: 'state.host.verifySignature(facts.identity, message, facts.endorsement)',
        to: 'message.length > 0',
      },
    ],
  },
  {
    name: 'keys-of-another',
    what: "A node is admitted with another node's key.",
    edits: [
      {
        file: NODES,
        from: "  if (known === undefined && owner !== undefined) return verdict('key-taken', owner.number)\n",
        to: '  void owner\n',
      },
    ],
  },
  {
    name: 'older-height-anchored',
    what: 'A certificate of a height below the anchored one replaces it.',
    edits: [
      { file: ANCHOR, from: "  if (seal.height < last.height) return 'older-anchor'\n", to: '' },
      { file: ANCHOR, from: ' || seal.size <= last.size', to: '' },
    ],
  },
  {
    name: 'second-certificate-of-a-height',
    what: 'What a quorum of liars signed later, in a higher view, replaces what is anchored.',
    edits: [
      {
        file: ANCHOR,
        from: "return bytesEqual(seal.hash, last.hash) ? 'older-anchor' : 'rival-anchor'",
        to: "return bytesEqual(seal.hash, last.hash) ? 'older-anchor' : undefined",
      },
    ],
  },
  {
    name: 'not-the-child-of-the-anchored',
    what: 'A certificate that follows the anchored one directly may name another one below.',
    edits: [
      {
        file: ANCHOR,
        from: "return isNext && !bytesEqual(seal.previous, last.hash) ? 'rival-anchor' : undefined",
        to: 'return isNext ? undefined : undefined',
      },
    ],
  },
  {
    name: 'ended-epoch-anchored',
    what: 'What the members of an epoch that has ended go on to sign is anchored.',
    edits: [
      {
        file: ANCHOR,
        from: '  if (seal.epoch < authority.epoch) return',
        to: '  if (seal.epoch < authority.epoch - 99) return',
      },
    ],
  },
  {
    name: 'certificate-not-verified',
    what: 'Whatever looks like a certificate is anchored.',
    edits: [
      {
        file: ANCHOR,
        from: "  if (!host.verifyCertificate(bytes, authority.members)) return 'bad-certificate'\n",
        to: '',
      },
    ],
  },
  {
    name: 'members-nobody-ordered',
    what: 'Members hand their authority on to whomever they like.',
    edits: [
      {
        file: ANCHOR,
        from: 'hasKeys && orders.some(({ voters }) => areSame(voters, nextMembers))',
        to: 'hasKeys && orders.length >= 0',
      },
      {
        file: ANCHOR,
        from: 'authority.orders.findLast(({ voters }) => areSame(voters, nextMembers))!',
        to: 'authority.orders.findLast(({ voters }) => areSame(voters, nextMembers)) ?? { number: 0, voters: nextMembers.map(({ node }) => node), learners: [] }',
      },
    ],
  },
  {
    name: 'honest-node-blamed',
    what: 'Who brings a certificate too late loses its trust.',
    edits: [
      {
        file: ANCHOR,
        from: "isFaulty ||= refusal === 'bad-certificate'",
        to: 'isFaulty ||= refusal !== undefined',
      },
    ],
  },
  {
    name: 'nonce-used-twice',
    what: 'A command is carried out as often as it is brought.',
    edits: [
      {
        file: COMMAND,
        from: "  if (state.nonces.get(nonceId(nonce)) !== undefined) return verdict('nonce-used')\n",
        to: '',
      },
    ],
  },
  {
    name: 'nonce-forgotten-early',
    what: 'Nonces are forgotten half a minute before their time.',
    edits: [
      {
        file: COMMAND,
        from: 'state.nonces.get(id)!.expiresS >= seconds',
        to: 'state.nonces.get(id)!.expiresS >= seconds + 30',
      },
    ],
  },
  {
    name: 'command-after-its-time',
    what: 'A command has no time after which it is worth nothing.',
    edits: [
      {
        file: COMMAND,
        from: "  if (nonce.expiresS < seconds) return verdict('nonce-expired', seconds)\n",
        to: '',
      },
    ],
  },
  {
    name: 'command-by-too-few',
    what: 'One operator is enough.',
    edits: [
      { file: COMMAND, from: '  if (signatures.length * 2 <= operators.length) return false\n', to: '' },
    ],
  },
  {
    name: 'command-not-signed',
    what: 'Nobody looks at what the operators signed.',
    edits: [
      {
        file: COMMAND,
        from: 'return isOperator && host.verifySignature(key, message, signature)',
        to: 'return isOperator && message.length + signature.length > 0',
      },
    ],
  },
  {
    name: 'block-without-its-past',
    what: 'A world block does not name the one before.',
    edits: [
      {
        file: BLOCK,
        from: 'last === undefined ? new Uint8Array(HASH_BYTES) : blockHash(host, last)',
        to: 'new Uint8Array(HASH_BYTES)',
      },
    ],
  },
  {
    name: 'block-tells-twice',
    what: 'A world block tells of certificates that the one before told of.',
    edits: [
      {
        file: BLOCK,
        from: 'state.setAnchor(group, { anchor, blockSize: anchor.size })',
        to: 'state.setAnchor(group, { anchor, blockSize })',
      },
    ],
  },
  {
    name: 'change-not-told',
    what: "What a world block changes of nodes' reputation is told to nobody: a restored replica knows nothing of it.",
    edits: [{ file: BLOCK, from: '    state.setPresence(number, presence)\n', to: '' }],
  },
]
