import type { FeedListener } from '../../../daemon/gateway/router.ts'
import { decodeEntity } from '../../../world/codec.ts'

/** A gateway's copy of one area and nothing else: the feed as it came, to be compared with its owner. */
export class Mirror implements FeedListener {
  readonly entities = new Map<string, string>()
  live = false
  leaf = 0
  states = 0

  state(_tick: number, leaf: number, entities: Uint8Array[]): void {
    this.entities.clear()
    this.#put(entities)
    this.leaf = leaf
    this.live = true
    this.states++
  }

  delta(_tick: number, leaf: number, changed: Uint8Array[], removed: string[]): void {
    for (const id of removed) this.entities.delete(id)
    this.#put(changed)
    this.leaf = leaf
  }

  lost(): void {
    this.live = false
  }

  #put(entities: readonly Uint8Array[]): void {
    for (const bytes of entities) {
      const entity = decodeEntity(bytes)
      if (entity === undefined) throw new Error('the feed told of an entity that cannot be read')
      this.entities.set(entity.id, Buffer.from(bytes).toString('base64'))
    }
  }
}
