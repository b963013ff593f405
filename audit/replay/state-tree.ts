/**
 * The state's Patricia tree, kept up from changes, so that a seal costs what changed and not all that there is. Rules as
 * in audit/verify/state.ts, for keys of 32 bytes, none of which goes on behind another.
 */
import { sha256 } from '../crypto.ts'

interface Leaf {
  readonly key: Uint8Array
  readonly hash: Uint8Array
}

interface Inner {
  /** The first bit in which the keys below differ. */
  readonly bit: number
  readonly children: [Node, Node]
  /** Undefined since something below changed. */
  hash: Uint8Array | undefined
}

type Node = Leaf | Inner

export class StateTree {
  #top: Node | undefined

  /** How an entry of the world's state stands in the tree: under the hash of its key, with the key before its value. */
  set(worldKey: Uint8Array, value: Uint8Array | undefined): void {
    const key = sha256(worldKey)
    if (value === undefined) this.#top = this.#top && without(this.#top, key)
    else this.#put({ key, hash: leafHash(key, worldKey, value) })
  }

  root(): Uint8Array {
    return this.#top === undefined ? sha256(new Uint8Array(0)) : hashOf(this.#top)
  }

  #put(leaf: Leaf): void {
    if (this.#top === undefined) {
      this.#top = leaf
      return
    }
    let near = this.#top
    while ('bit' in near) near = near.children[bitOf(leaf.key, near.bit)]!
    this.#top = put(this.#top, leaf, firstDifference(near.key, leaf.key))
  }
}

/** @param bit where the leaf's key leaves the keys that are there; past all bits when it is one of them */
function put(node: Node, leaf: Leaf, bit: number): Node {
  if (!('bit' in node) || node.bit > bit) {
    if (bit === noBit) return leaf
    const children: [Node, Node] = bitOf(leaf.key, bit) === 0 ? [leaf, node] : [node, leaf]
    return { bit, children, hash: undefined }
  }
  const side = bitOf(leaf.key, node.bit)
  node.children[side] = put(node.children[side], leaf, bit)
  node.hash = undefined
  return node
}

function without(node: Node, key: Uint8Array): Node | undefined {
  if (!('bit' in node)) return firstDifference(node.key, key) === noBit ? undefined : node
  const side = bitOf(key, node.bit)
  const child = node.children[side]
  const left = without(child, key)
  if (left === undefined) return node.children[side === 0 ? 1 : 0]
  if (left !== child || ('bit' in left && left.hash === undefined)) node.hash = undefined
  node.children[side] = left
  return node
}

const noBit = 256

function bitOf(key: Uint8Array, bit: number): 0 | 1 {
  return ((key[bit >> 3]! >> (7 - (bit & 7))) & 1) as 0 | 1
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < 32; at++) {
    const difference = a[at]! ^ b[at]!
    if (difference !== 0) return at * 8 + Math.clz32(difference) - 24
  }
  return noBit
}

function hashOf(node: Node): Uint8Array {
  if (!('bit' in node)) return node.hash
  node.hash ??= innerHash(node.bit, hashOf(node.children[0]), hashOf(node.children[1]))
  return node.hash
}

const innerInput = Buffer.alloc(3 + 64, 1)

function innerHash(bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  const at = putVarint(innerInput, 1, bit)
  innerInput.set(left, at)
  innerInput.set(right, at + 32)
  return sha256(innerInput.subarray(0, at + 64))
}

/** 0 ‖ 32 ‖ key ‖ varint length ‖ value, where value = world key's length u8 ‖ world key ‖ the world's value. */
function leafHash(key: Uint8Array, worldKey: Uint8Array, value: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(1 + 1 + 32 + 5 + 1 + worldKey.length + value.length)
  input[0] = 0
  input[1] = 32
  input.set(key, 2)
  let at = putVarint(input, 34, 1 + worldKey.length + value.length)
  input[at++] = worldKey.length
  input.set(worldKey, at)
  input.set(value, at + worldKey.length)
  return sha256(input.subarray(0, at + worldKey.length + value.length))
}

function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let end = at
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes[end++] = (rest & 127) | 128
  bytes[end++] = rest
  return end
}
