import type { StateProofAnswer } from '../../daemon/hosting/state-proofs.ts'
import type { DirectoryStatusView } from '../../daemon/http/directory-view.ts'
import type { AuthorityView, EvidenceView, LogView, NodeView } from '../../daemon/http/view.ts'
import { encodeEntity } from '../../world/codec.ts'

/** A node of which everything is known: what HTTP must show of it can be compared byte by byte. */

export const ORIGIN = 'sea/area/0000/0'
export const LEAVES = 300

const queue = { length: 0, dropped: 0 }

function fakeAuthority(name: string, hosted: boolean): AuthorityView {
  return {
    ...{
      name,
      origin: `sea/${name}/0`,
      group: hosted ? 1 : 2,
      kind: 'area',
      epoch: 1,
      view: 0,
      term: 3,
      leader: 1,
    },
    members: [
      { number: 1, role: 'leader', vkey: `sea/${name}/0+00000001+AQ==`, cosigner: '' },
      { number: 2, role: 'follower', vkey: `sea/${name}/0+00000002+AQ==`, cosigner: '' },
    ],
    ...{ certifiedHeight: hosted ? 8 : 0, finalHeight: hosted ? 7 : 0, finalSize: hosted ? 200 : 0 },
    ...{ hosted, size: hosted ? LEAVES + 5 : 0, sealedSize: hosted ? LEAVES : 0, sealHeight: hosted ? 9 : 0 },
    ...{ checkpointRoot: hosted ? 'ab'.repeat(32) : '', stateRoot: hosted ? 'cd'.repeat(32) : '' },
    ...{ entities: 12, players: 4, actions: 99, awake: true, tick: 1234 },
    ...{ quadkey: name.slice(5), xMm: 0, yMm: 0, sideMm: 10_000_000 },
    rejoining: null,
    queues: { input: { length: 2, dropped: 1 }, intent: queue, simulation: queue, output: queue },
  }
}

export const fakeEntity = encodeEntity({
  ...{ kind: 'structure', id: 'ab'.repeat(16), birthOrigin: ORIGIN, birthLeaf: 3 },
  motion: { xMm: 5, yMm: -6, vxMmPerTick: 0, vyMmPerTick: 0, sinceTick: 0, untilTick: 0 },
  ...{ structure: 0, builder: 'cd'.repeat(16) },
})

/** Leaf i: version 1, kind 3, rules version 1, a hash of 32 bytes that are all i mod 256. */
export function fakeLeaf(index: number): Buffer {
  return Buffer.concat([Buffer.of(1, 3, 0, 1), Buffer.alloc(32, index % 256)])
}

const zeros = (bytes: number): string => Buffer.alloc(bytes).toString('base64')

const fakeLog: LogView = {
  size: LEAVES,
  checkpoint: async () => `${ORIGIN}\n${LEAVES}\n${zeros(32)}\n\n— ${ORIGIN} ${zeros(68)}\n`,
  tile: async (level, index, width) =>
    index * 256 + width <= Math.floor(LEAVES / 256 ** level)
      ? Buffer.alloc(width * 32, level + index)
      : undefined,
  entries: async (index, width) => {
    if (index * 256 + width > LEAVES) return undefined
    const leaves = Array.from({ length: width }, (_, at) => fakeLeaf(index * 256 + at))
    return Buffer.concat(leaves.flatMap(leaf => [Buffer.of(0, leaf.length), leaf]))
  },
  leaves: async (from, to) =>
    Array.from({ length: to - from }, (_, at) => ({
      data: fakeLeaf(from + at),
      bodyBytes: 3,
      dropped: false,
    })),
  bodiesFrom: async leaf => leaf,
  bodies: async (index, width) => {
    const one = Buffer.concat([Buffer.alloc(16), Buffer.of(0, 0, 0, 3), Buffer.from('abc')])
    return index * 256 + width > LEAVES ? undefined : Buffer.concat(Array(width).fill(one))
  },
  proof: async leaf => `c2sp.org/tlog-proof@v1\nindex ${leaf}\n`,
  charter: () => Buffer.from('{"kind":"area"}'),
  kept: async () => ({ bodiesFrom: 0, snapshots: [256] }),
  snapshot: async (size, piece) => (size === 256 ? Buffer.from(`piece ${piece}`) : undefined),
  certificate: Buffer.from('a certificate'),
  certificateOver: async leaf => (leaf < LEAVES ? Buffer.from(`over leaf ${leaf}`) : undefined),
}

export const fakeEvidence: EvidenceView = {
  ...{ id: '0123456789abcdef', kind: 'two-faces', origin: ORIGIN, accused: [2], signers: [2], place: '9' },
  keptAtMs: 1_700_000_000_000,
}

const seats = { held: 1, led: 1, follows: 0, names: ['area/0000'] }
const standing = {
  ...{ addresses: ['/ip4/192.0.2.7/tcp/7300'], isVouched: true, sponsor: 0, version: '0.1.0' },
  ...{ uptime: 1000, participation: 900, invalidProposals: 0, trust: 985 },
}

export const fakeDirectory: DirectoryStatusView = {
  ...{ network: 'sea', origin: 'sea/directory/0', size: 77, createdAtMs: 1_700_000_000_000 },
  ...{ timeMs: 1_700_000_090_000, seconds: 90, epoch: 2, coordinator: 1, vice: 2 },
  block: { number: 9, timeMs: 1_700_000_088_000, hash: 'ef'.repeat(32), certificates: 3, records: 41 },
  policy: {
    ...{ admission: 'open', replicas: 3, observers: 2, trustS: 86_400 },
    ...{ seed: 7, resourceCount: 2000, npcCount: 40, capacity: 5000 },
  },
  operators: [{ name: 'ann', key: zeros(32) }],
  recovery: { keys: [zeros(32)], threshold: 1 },
  nodes: [
    {
      ...{ number: 1, peerId: '12D3KooWself', operator: 'me', status: 'active', leaseMs: 5_200 },
      ...standing,
      ...seats,
    },
    {
      ...{ number: 2, peerId: '12D3KooWother', operator: 'you', status: 'leaving', leaseMs: null },
      ...standing,
      ...{ held: 0, led: 0, follows: 1, names: [] },
    },
  ],
  authorities: 3,
  orderCount: 1,
  orders: [{ name: 'area/0000', number: 4, members: [1, 2], voters: [1, 3], learners: [], forMs: 3_000 }],
  darkCount: 1,
  dark: [{ name: 'area/0001', holders: [2] }],
}

const fakeAuthorities = [fakeAuthority('area/0000', true), fakeAuthority('area/0001', false)]

export function fakeNode(change: Partial<NodeView> = {}): NodeView {
  return {
    status: () => ({
      ...{ network: 'sea', genesisHash: '00'.repeat(32), number: 1, peerId: '12D3KooWself', operator: 'me' },
      ...{ version: '0.1.0', protocol: { min: 1, max: 1 }, rulesVersion: 1, tickMs: 100 },
      ...{ startedAtMs: 1_700_000_000_000, uptimeMs: 90_061_000, sessions: 20, peers: 4, hosted: 1, led: 1 },
      ...{
        httpUrl: 'http://127.0.0.1:7302',
        gatewayUrl: 'ws://127.0.0.1:7301',
        listen: ['/ip4/127.0.0.1/tcp/7300'],
        resources: {
          cpu: { used: 40, given: 1_500 },
          memory: { used: 210, given: 6_000 },
          disk: { used: 12, given: 70_000 },
          bandwidth: { used: 35, given: 100_000 },
        },
        reach: {
          verdict: 'unknown' as const,
          ...{ observed: [], confirmed: [], candidates: [], mapped: [], relayed: [] },
          portsDiffer: null,
          served: 0,
        },
        clockBehindMs: null,
      },
    }),
    nodes: () => [
      {
        ...{
          number: 1,
          peerId: '12D3KooWself',
          operator: 'me',
          alive: true,
          lastSeenMs: 0,
          leads: ['area/0000'],
        },
        ...{ gatewayUrl: 'ws://127.0.0.1:7301', httpUrl: 'http://127.0.0.1:7302' },
      },
      {
        ...{ number: 2, peerId: '12D3KooWother', operator: 'you', alive: false, lastSeenMs: null, leads: [] },
        ...{ gatewayUrl: null, httpUrl: 'http://192.0.2.7:7302' },
      },
    ],
    peers: () => [
      {
        ...{ number: 2, peerId: '12D3KooWother', address: '/ip4/192.0.2.7/tcp/7300' },
        ...{ direction: 'outbound', relayed: false, version: '0.1.0', connectedMs: 61_000, roundTripMs: 12 },
      },
    ],
    authorities: () => fakeAuthorities,
    authority: asked => fakeAuthorities.find(({ name, origin }) => [name, origin].includes(asked)),
    read: async (authority, target, consistency) => {
      if (authority !== 'area/0000' && consistency === 'local') return undefined
      const entity = target.length === 32 ? fakeEntity : undefined
      return { kind: 'state', state: { entity, size: LEAVES + 5, tick: 1234, byLease: false } }
    },
    discloses: () => true,
    log: origin => (origin === ORIGIN ? fakeLog : undefined),
    certificate: origin => (origin === ORIGIN ? Buffer.from('a certificate') : undefined),
    activations: () => [Buffer.from('an activation')],
    directory: () => fakeDirectory,
    evidence: () => [fakeEvidence],
    evidenceFile: id => (id === fakeEvidence.id ? 'freehold.evidence/v1 two-faces\n' : undefined),
    stateProof: (origin, target, height = 7) =>
      origin === ORIGIN ? fakeStateProof(target, height) : undefined,
    notReady: () => [],
    ...change,
  }
}

async function fakeStateProof(target: Uint8Array, height: number): Promise<StateProofAnswer> {
  if (height < 7) return { kind: 'not-held', height: 7 }
  if (height > 7) return { kind: 'unavailable', retryAfterMs: 1 }
  const value = target.length === 16 ? fakeEntity : undefined
  return { kind: 'proof', value, path: Buffer.from('a path'), certificate: Buffer.from('a certificate') }
}
