import { RULES_VERSION } from '../../world/version.ts'
import type { NodeKeys } from '../identity/node-keys.ts'
import { encodeGenesis, type Genesis, parseGenesis } from './genesis.ts'
import { rulesContentHash } from './rules-hash.ts'
import type { GenesisArea, GenesisDirectory, GenesisNode } from './schema.ts'

/** The network protocols that this program speaks. */
const PROTOCOL = { min: 1, max: 1 } as const

const BASE_TILE_MM = 10_000_000
/** Digits of a base tile's quadkey: a world of 16 × 16 base tiles, 160 km wide. */
const QUADKEY_DIGITS = 4
/** Where characters appear, as parts of the tile's side: near its middle, so that they meet. */
const SPAWNS = [
  [0.48, 0.48],
  [0.52, 0.48],
  [0.48, 0.52],
  [0.52, 0.52],
] as const
/** Of each area: places of resources, NPCs, and characters at most. */
const AREA_FACTS = { resourceCount: 2000, npcCount: 40, capacity: 5000 } as const
/** Of what is placed while the network runs, where it has nodes enough. */
const OBSERVERS = 2
/** A day. */
const TRUST_S = 24 * 60 * 60
const MAX_DIRECTORY_MEMBERS = 5
const FROM_CORNER_MM = 10_000
export const MAX_AREAS = 4 ** QUADKEY_DIGITS

export interface FoundingNode {
  readonly keys: NodeKeys
  readonly operator: string
  readonly addresses: readonly string[]
}

/** Public keys, 32 bytes each. */
export interface FoundingOperator {
  readonly name: string
  readonly key: Uint8Array
  readonly recoveryKey: Uint8Array
}

export interface GenesisPlan {
  readonly network: string
  readonly createdAt: Date
  readonly nodes: readonly FoundingNode[]
  /** How many areas, from 1 to MAX_AREAS. */
  readonly areas: number
  /** Members of each. At most as many as there are nodes. */
  readonly replicas: number
  /** Places resources and NPCs; any whole number below 2³². */
  readonly seed: number
  /** Who commands. All of them together can begin a lost directory anew, and so can more than half of them. */
  readonly operators: readonly FoundingOperator[]
  /** Characters go over the borders between areas that touch, and appear near them. Left out: they stay in their area. */
  readonly borders?: 'open' | undefined
}

/** Nodes are numbered from 1 in their order; each area's members follow each other round the nodes. */
export function buildGenesis(plan: GenesisPlan): Genesis {
  const areas = Array.from({ length: plan.areas }, (_, index) => areaOf(index, plan))
  const bytes = encodeGenesis({
    format: 1,
    network: plan.network,
    createdAt: plan.createdAt.toISOString(),
    protocol: PROTOCOL,
    rules: { version: RULES_VERSION, contentHash: rulesContentHash() },
    tickMs: 100,
    nodes: plan.nodes.map(nodeOf),
    operators: plan.operators.map(({ name, key }) => ({ name, key: base64(key) })),
    recovery: {
      keys: plan.operators.map(({ recoveryKey }) => base64(recoveryKey)),
      threshold: Math.floor(plan.operators.length / 2) + 1,
    },
    authorities: [...areas, directoryOf(plan)],
  })
  return parseGenesis(bytes)
}

function nodeOf({ keys, operator, addresses }: FoundingNode, index: number): GenesisNode {
  return {
    number: index + 1,
    peerId: keys.peerId,
    operator,
    addresses: [...addresses],
    keys: {
      vote: base64(keys.vote.publicKey),
      cosign: base64(keys.cosign.publicKey),
      log: base64(keys.log.publicKey),
    },
    endorsement: base64(keys.endorsement),
  }
}

function areaOf(index: number, { nodes, replicas, seed, borders }: GenesisPlan): GenesisArea {
  const quadkey = index.toString(4).padStart(QUADKEY_DIGITS, '0')
  const { x, y } = tileOf(quadkey)
  const members = Array.from({ length: replicas }, (_, member) => ((index + member) % nodes.length) + 1)
  return {
    group: index + 1,
    kind: 'area',
    name: `area/${quadkey}`,
    birth: 0,
    epoch: 1,
    members: members.sort((a, b) => a - b),
    quadkey,
    xMm: x * BASE_TILE_MM,
    yMm: y * BASE_TILE_MM,
    sideMm: BASE_TILE_MM,
    spawns:
      borders === 'open' ? [nearNeighbours(x, y)] : SPAWNS.map(([right, up]) => placeIn(x + right, y + up)),
    seed,
    ...AREA_FACTS,
    ...(borders && { borders }),
  }
}

/** It stands last, so that areas have the groups from 1 on. */
function directoryOf({ nodes, areas, replicas, seed }: GenesisPlan): GenesisDirectory {
  return {
    group: areas + 1,
    kind: 'directory',
    name: 'directory',
    birth: 0,
    epoch: 1,
    members: nodes.slice(0, MAX_DIRECTORY_MEMBERS).map((_, index) => index + 1),
    policy: { admission: 'open', replicas, observers: OBSERVERS, trustS: TRUST_S, seed, ...AREA_FACTS },
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const placeIn = (x: number, y: number) => ({ xMm: x * BASE_TILE_MM, yMm: y * BASE_TILE_MM })

/** Beside the corner at which four tiles meet. */
function nearNeighbours(x: number, y: number) {
  const near = (at: number): number =>
    at * BASE_TILE_MM + (at % 2 === 0 ? BASE_TILE_MM - FROM_CORNER_MM : FROM_CORNER_MM)
  return { xMm: near(x), yMm: near(y) }
}

/** A quadkey's digit gives one bit of x (its lower) and one of y (its upper), the most significant first. */
function tileOf(quadkey: string): { x: number; y: number } {
  let [x, y] = [0, 0]
  for (const digit of quadkey) {
    x = x * 2 + (Number(digit) & 1)
    y = y * 2 + (Number(digit) >> 1)
  }
  return { x, y }
}
