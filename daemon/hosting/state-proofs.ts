import type { Seal } from '../../consensus/finality/seal.ts'
import { equalBytes } from '../../storage/bytes.ts'
import { treeKey, worldEntry } from '../../storage/state/entry.ts'
import { encodeStateProof } from '../../storage/state/proof.ts'
import { stateKeyOf } from '../../world/kinds.ts'
import type { Replica } from '../authority/replica.ts'
import type { Clock } from '../ports.ts'

export interface StateProofPorts {
  /** This node's replica of a group, where it may serve. */
  readonly replicaOf: (group: number) => Replica | undefined
  /** The newest final seal, with its certificate. */
  readonly finalOf: (group: number) => { readonly seal: Seal; readonly certificate: Uint8Array } | undefined
  readonly clock: Clock
}

export type StateProofAnswer =
  | {
      readonly kind: 'proof'
      /** As the rules encode it; undefined: there was nothing. */
      readonly value: Uint8Array | undefined
      readonly path: Uint8Array
      /** Over the seal under whose state root this holds. */
      readonly certificate: Uint8Array
    }
  /** Only the newest seal's state is there to be proven; it has this height. */
  | { readonly kind: 'not-held'; readonly height: number }
  | { readonly kind: 'busy' | 'unavailable'; readonly retryAfterMs: number }

/** More questions at once are turned away. */
const maxWaiting = 64
const patienceMs = 5_000
/** Seals follow each other more slowly. */
const lookEveryMs = 50
const retryAfterMs = 1_000

/** What the tree says now, and under which seal that will be certified. */
interface Taken {
  readonly height: number
  readonly root: Uint8Array
  readonly value: Uint8Array | undefined
  readonly path: Uint8Array
}

/**
 * Proves what the state was at a final seal. The tree only stands as it was at the newest mark, so the proof is taken at
 * once, and given out when the members have decided the seal that names this root.
 */
export class StateProofs {
  readonly #ports: StateProofPorts
  #waiting = 0

  constructor(ports: StateProofPorts) {
    this.#ports = ports
  }

  /**
   * @param target an entity's id, 16 bytes, or a player's key, 32
   * @param height of the seal, which has a mark already; undefined: the newest that is final, or will be at once
   */
  ask(group: number, target: Uint8Array, height: number | undefined): Promise<StateProofAnswer> {
    if (this.#waiting >= maxWaiting) return Promise.resolve({ kind: 'busy', retryAfterMs })
    this.#waiting += 1
    const { clock } = this.#ports
    const untilMs = clock.monotonicMs() + patienceMs
    return new Promise(resolve => {
      let taken: Taken | undefined
      const look = (): void => {
        taken = this.#newer(group, target, taken)
        const answer = this.#answer(group, taken, height)
        if (answer === undefined && clock.monotonicMs() < untilMs) return void clock.after(lookEveryMs, look)
        this.#waiting -= 1
        resolve(answer ?? { kind: 'unavailable', retryAfterMs })
      }
      look()
    })
  }

  /** What was taken before, until its seal has been passed over. */
  #newer(group: number, target: Uint8Array, before: Taken | undefined): Taken | undefined {
    const final = this.#ports.finalOf(group)
    if (before !== undefined && (final === undefined || before.height > final.seal.height)) return before
    if (before !== undefined && isUnder(before, final!.seal)) return before
    const replica = this.#ports.replicaOf(group)
    return replica && take(replica, target)
  }

  #answer(group: number, taken: Taken | undefined, height: number | undefined): StateProofAnswer | undefined {
    const final = this.#ports.finalOf(group)
    if (final === undefined) return undefined
    if (height !== undefined && height < final.seal.height)
      return { kind: 'not-held', height: final.seal.height }
    // Nobody holds a place by asking for what has not been marked yet.
    if (height !== undefined && taken !== undefined && height > taken.height)
      return { kind: 'unavailable', retryAfterMs }
    if (taken === undefined || !isUnder(taken, final.seal)) return undefined
    if (height !== undefined && height !== taken.height) return undefined
    const { value, path } = taken
    return { kind: 'proof', value, path, certificate: final.certificate }
  }
}

function take(replica: Replica, target: Uint8Array): Taken | undefined {
  const { tree, pendingMark, lastSeal } = replica
  const height = pendingMark?.height ?? lastSeal?.seal.height
  if (height === undefined) return undefined
  const key = treeKey(stateKeyOf(replica.rules, target))
  const entry = tree.get(key)
  const value = entry && worldEntry({ key, value: entry })!.value
  return { height, root: tree.root(), value, path: encodeStateProof(tree.proof(key)) }
}

function isUnder(taken: Taken, seal: Seal): boolean {
  return taken.height === seal.height && equalBytes(taken.root, seal.stateRoot)
}
