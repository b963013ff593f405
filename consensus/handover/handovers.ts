import { apply } from './apply.ts'
import type { Cargo } from './cargo.ts'
import type { Authority, Entity } from './id.ts'
import { decodeRecord } from './record.ts'
import type { VerifyFinal } from './shown.ts'
import { HandoverState } from './state.ts'
import type { Change } from './table.ts'
import type { Estate, Refusal, Surroundings } from './types.ts'

/** The rules' side, where it is told besides what a restored state has locked, and who has gone for good. */
export interface RestorableEstate extends Estate {
  locked(entity: Entity, cargo: Cargo): void
  left(entity: Entity, cargo: Cargo, target: Authority): void
}

/** What is the same for all authorities of a network. */
export interface Network {
  readonly verify: VerifyFinal
}

/** Nobody's hash: nothing is ended by order yet. */
const noDirectory: Authority = '0'.repeat(64)

/** The handovers of one authority, as its rules see them: records in, entries of the state out. */
export class Handovers {
  readonly state = HandoverState.born([])
  readonly around: Surroundings
  readonly #estate: RestorableEstate

  constructor(self: Authority, { verify }: Network, estate: RestorableEstate) {
    this.#estate = estate
    this.around = { self, directory: noDirectory, verify, estate }
  }

  /** Says why the record changed nothing. */
  apply(body: Uint8Array): Refusal | 'malformed' | undefined {
    const record = decodeRecord(body)
    // Nothing splits or merges yet: a payload would have to be kept beside the log.
    if (record === undefined || record.kind === 'inherit' || record.kind === 'close') return 'malformed'
    const released = record.kind === 'release' ? this.state.locks.get(record.id) : undefined
    const refusal = apply(this.state, this.around, record)
    if (refusal === undefined && record.kind === 'release')
      this.#estate.left(released!.entity, released!.cargo, record.id.target)
    return refusal
  }

  takeChanges(): Change[] {
    return this.state.takeChanges()
  }

  entries(): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
    return this.state.entries()
  }

  restore(key: Uint8Array, value: Uint8Array): boolean {
    return this.state.put(key, value)
  }

  restored(): void {
    for (const { value } of this.state.locks.entries()) this.#estate.locked(value.entity, value.cargo)
  }
}
