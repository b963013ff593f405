import { BatchTree } from './batch-tree.ts'
import { type BatchItem, encodeFrame, maxFrameMessages, type SignedBatch } from './frame.ts'
import { encodeMessage, type Message } from './message.ts'
import { batchMessage, type Signature } from './signed.ts'
import { encodeStatement, statementKind } from './statement.ts'
import type { OutFrame } from './types.ts'

/** Longer frames are not sent; a longer one is refused unread. */
export const maxFrameBytes = 4 << 20
const headBytes = 16

export interface BatchedItem extends BatchItem {
  /** Who is told of it in the batch itself. View changes travel apart, with their proof. */
  readonly peers: readonly number[]
}

/** Signs at most `maxBatch` statements at once. */
export function signBatch(
  self: number,
  items: readonly BatchedItem[],
  sign: (message: Uint8Array) => Uint8Array,
): { readonly batch: SignedBatch; readonly signatures: readonly Signature[] } {
  const tree = new BatchTree(items.map(({ statement }) => encodeStatement(statement)))
  const signature = sign(batchMessage(tree.root, items.length))
  const signatures = items.map((_, index) => {
    return { signer: self, index, count: items.length, path: tree.path(index), signature }
  })
  return { batch: { items, tree, signature }, signatures }
}

/** What goes to each peer in this cycle: its part of the batch, and messages. */
export class FrameBuilder {
  readonly #indexes = new Map<number, number[]>()
  readonly #messages = new Map<number, { group: number; bytes: Uint8Array }[]>()

  addBatch(items: readonly BatchedItem[]): void {
    items.forEach(({ statement, peers }, index) => {
      if (statement.kind === statementKind.viewChange || statement.kind === statementKind.newView) return
      for (const peer of peers) pushTo(this.#indexes, peer, index)
    })
  }

  addMessages(
    messages: readonly { readonly group: number; readonly to: number; readonly message: Message }[],
  ): void {
    let last: Message | undefined
    let bytes = new Uint8Array(0)
    for (const { group, to, message } of messages) {
      if (message !== last) bytes = new Uint8Array(encodeMessage(message))
      last = message
      pushTo(this.#messages, to, { group, bytes })
    }
  }

  /** Peers that get the same are given the same bytes. */
  take(batch: SignedBatch | undefined): OutFrame[] {
    const frames: OutFrame[] = []
    const made = new Map<string, Uint8Array>()
    for (const [peer, indexes] of batch === undefined ? [] : this.#indexes) {
      const key = indexes.join()
      const frame = made.get(key) ?? encodeFrame(batch, indexes, [])
      made.set(key, frame)
      frames.push({ peer, frame })
    }
    const bodies = new Map<Uint8Array, Uint8Array>()
    for (const [peer, messages] of this.#messages) {
      const one = messages.length === 1 ? bodies.get(messages[0]!.bytes) : undefined
      if (one !== undefined) frames.push({ peer, frame: one })
      else {
        for (const part of inFrames(messages)) frames.push({ peer, frame: encodeFrame(undefined, [], part) })
        if (messages.length === 1) bodies.set(messages[0]!.bytes, frames.at(-1)!.frame)
      }
    }
    return frames
  }
}

function pushTo<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function* inFrames<T extends { readonly bytes: Uint8Array }>(messages: readonly T[]): Generator<T[]> {
  let part: T[] = []
  let size = 0
  for (const message of messages) {
    const bytes = headBytes + message.bytes.length
    if (part.length === maxFrameMessages || (part.length > 0 && size + bytes > maxFrameBytes)) {
      yield part
      part = []
      size = 0
    }
    part.push(message)
    size += bytes
  }
  if (part.length > 0) yield part
}
