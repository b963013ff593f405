import type { StoreOp } from '../../storage/store.ts'
import { recordOps } from './disk.ts'
import type { FinalityHost } from './host.ts'
import type { Effects } from './types.ts'

export interface FinalityDriverOptions {
  readonly host: FinalityHost
  /** False: the channel to this peer is full or gone. What matters is said again. */
  readonly send: (peer: number, frame: Uint8Array) => boolean
  /** Puts ops into the node's next batch. `done`, where there is one, waits until they are durable. */
  readonly write: (ops: readonly StoreOp[], done: (() => void) | undefined) => void
  /** Runs once soon, after everything that is at hand now. */
  readonly schedule: (run: () => void) => void
  /** The rest of what the host wants done. */
  readonly carryOut: (effects: Omit<Effects, 'write' | 'send'>) => void
}

/** Turns the host's effects into deeds. What comes in one turn of the event loop shares one signature and one write. */
export class FinalityDriver {
  readonly #options: FinalityDriverOptions
  #scheduled = false

  constructor(options: FinalityDriverOptions) {
    this.#options = options
  }

  receive(peer: number, frame: Uint8Array): void {
    this.#options.host.receive(peer, frame)
    this.wake()
  }

  tick(): void {
    this.#options.host.tick()
    if (!this.#options.host.isQuiet) this.wake()
  }

  /** To be called after calling the host directly. */
  wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.schedule(() => {
      this.#scheduled = false
      while (!this.#options.host.isQuiet) this.#turn()
    })
  }

  #turn(): void {
    const { host, send } = this.#options
    const { write, send: frames, ...rest } = host.takeEffects()
    for (const { peer, frame } of frames) send(peer, frame)
    if (write !== undefined) this.#write(write)
    this.#options.carryOut(rest)
  }

  #write({ cycle, records, sync }: NonNullable<Effects['write']>): void {
    const { host, write } = this.#options
    const ops = recordOps(records)
    if (sync) {
      write(ops, () => {
        host.persisted(cycle)
        this.wake()
      })
      return
    }
    write(ops, undefined)
    host.persisted(cycle)
  }
}
