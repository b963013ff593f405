import type { Authority } from '../../../consensus/handover/id.ts'
import { encodeOrder, orderKey } from '../../../consensus/handover/inherit.ts'
import type { Shown } from '../../../consensus/handover/shown.ts'
import { joinBytes } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'
import { treeKey, treeValue } from '../../../storage/state/entry.ts'
import { encodeStateProof } from '../../../storage/state/proof.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import type { SimSeal } from './certified-log.ts'
import { encodeFinal } from './finals.ts'
import type { Owner } from './owner.ts'

export const DIRECTORY: Authority = Buffer.from(sha256(Buffer.from('directory'))).toString('hex')

/** Anchors certificates, knows who follows whom, re-forms who lost its quorum and ends who is dark for good. */
export class Directory {
  readonly owners = new Map<Authority, Owner>()
  readonly #successors = new Map<Authority, readonly Authority[]>()
  readonly #orders = new Map<Authority, Uint8Array>()
  readonly #tree = new StateTree()
  #height = 0
  staleCertificates = 0

  /** All that may own something now. */
  get open(): Owner[] {
    return [...this.owners.values()].filter(({ log }) => log.state.isOpen && !this.hasEnded(log.self))
  }

  /** Whom an authority with these predecessors succeeds. */
  ancestorsOf(predecessors: readonly Authority[]): readonly Authority[] {
    const older = predecessors.flatMap(each => this.owners.get(each)!.ancestors)
    return [...new Set([...predecessors, ...older])]
  }

  readonly answersFor = (authority: Authority): readonly Authority[] => {
    const successors = this.#successors.get(authority)
    return successors === undefined ? [authority] : successors.flatMap(this.answersFor)
  }

  /** False for what was certified under an older epoch. */
  anchor(owner: Owner, epoch: number, seal: SimSeal): boolean {
    const isKnown = owner.log.seals.includes(seal)
    if (epoch !== owner.epoch || !isKnown || this.hasEnded(owner.log.self)) {
      this.staleCertificates++
      return false
    }
    owner.log.anchor(seal)
    const successors = owner.log.state.closed.get('')
    if (successors !== undefined && owner.log.length === seal.position) this.#follow(owner, successors)
    return true
  }

  /** It stays as it is at its highest final seal, and these follow. */
  end(owner: Owner, successors: readonly Authority[]): void {
    const { self, anchored } = owner.log
    this.#follow(owner, successors)
    const order = encodeOrder({ height: anchored.height, successors })
    this.#orders.set(self, order)
    const key = orderKey(self)
    this.#tree.set(treeKey(key), treeValue(key, order))
    this.#height++
  }

  #follow({ log }: Owner, successors: readonly Authority[]): void {
    this.#successors.set(log.self, successors)
    log.end(successors)
  }

  hasEnded(authority: Authority): boolean {
    return this.#successors.has(authority)
  }

  /** The order that ends an authority, as anybody can check it. */
  orderOf(authority: Authority): Shown | undefined {
    const value = this.#orders.get(authority)
    if (value === undefined) return undefined
    const key = orderKey(authority)
    const stateRoot = this.#tree.root()
    const path = encodeStateProof(this.#tree.proof(treeKey(key)))
    const proven = { authority: DIRECTORY, epoch: 0, height: this.#height, stateRoot, ancestors: [] }
    return { final: encodeFinal(proven, 'anchored'), parts: [{ key, value, path }] }
  }
}

/** Names an authority after its number. */
export function authorityNamed(number: number): Authority {
  return Buffer.from(sha256(joinBytes([Buffer.from('authority'), Uint8Array.of(number)]))).toString('hex')
}
