import { type Genesis, type GenesisArea, originOf } from './genesis.ts'
import { type VerifierKey, verifierKey } from './verify/note.ts'

/** Members from some epoch on, as a certificate names them. */
export interface NamedMembers {
  readonly epoch: number
  /** Node numbers. */
  readonly members: readonly number[]
}

/** Of C2SP signed-note. */
const ED25519 = 1

/**
 * Who signs an authority's log: its founders, and whom certificates name as members after them. What any other node of the
 * genesis file signs is no word of this log, true or false.
 */
export class LogSigners {
  readonly genesis: Genesis
  readonly area: GenesisArea
  readonly origin: string
  /** By node number, of all nodes of the genesis file, under the log's own name. */
  readonly #keys: ReadonlyMap<number, VerifierKey>
  readonly #later = new Map<number, number>()

  constructor(genesis: Genesis, area: GenesisArea) {
    this.genesis = genesis
    this.area = area
    this.origin = originOf(genesis, area)
    const nodes = [...genesis.nodes]
    this.#keys = new Map(nodes.map(([node, { logKey }]) => [node, verifierKey(this.origin, ED25519, logKey)]))
  }

  /** @param named by certificates that were verified, from the founders on */
  learn(named: Iterable<NamedMembers>): void {
    for (const { epoch, members } of named) {
      for (const node of members) {
        if (this.area.members.includes(node)) continue
        this.#later.set(node, Math.min(epoch, this.#later.get(node) ?? epoch))
      }
    }
  }

  has(node: number): boolean {
    return this.area.members.includes(node) || this.#later.has(node)
  }

  /** Members that are no founders: the first epoch that a certificate names each in. */
  get later(): ReadonlyMap<number, number> {
    return this.#later
  }

  /** The members' keys. */
  get keys(): readonly VerifierKey[] {
    return this.#keysOf(true).map(([, key]) => key)
  }

  /** Those of the other nodes. */
  get strangersKeys(): readonly VerifierKey[] {
    return this.#keysOf(false).map(([, key]) => key)
  }

  nodesOf(keys: readonly VerifierKey[]): number[] {
    return [...this.#keys].filter(([, key]) => keys.includes(key)).map(([node]) => node)
  }

  #keysOf(members: boolean): [number, VerifierKey][] {
    return [...this.#keys].filter(([node]) => this.has(node) === members)
  }
}

/** As `node 1, a founder, and node 4, a member since epoch 2`. */
export function describeSigners(signers: LogSigners, nodes: readonly number[]): string {
  return nodes.map(node => `node ${node}, ${whatIs(signers, node)}`).join(', and ')
}

function whatIs({ area, later }: LogSigners, node: number): string {
  if (area.members.includes(node)) return 'a founder'
  const epoch = later.get(node)
  return epoch === undefined
    ? 'no founder and named by no certificate shown'
    : `a member since epoch ${epoch}`
}
