import { crc32 } from 'node:zlib'
import type { Departure } from '../../consensus/groups/departures.ts'
import { RaftDiskError } from '../../consensus/groups/raft-disk.ts'
import type { Members } from '../../consensus/groups/types.ts'
import { joinBytes, putU32, readU32 } from '../../storage/bytes.ts'
import { authorityKey } from '../../storage/keys.ts'
import type { Store, StoreOp } from '../../storage/store.ts'
import type { HostedAuthority } from './opening.ts'

/** Who shall belong to an authority: decided elsewhere, and told to every node. */
export interface MemberOrder extends Members {
  /** Of the decision: a later one replaces it. */
  readonly number: number
  /**
   * Node numbers of those who may belong to it until the change is done. They serve until then; and a node that missed how they
   * came in would not listen to the leader among them.
   */
  readonly before: readonly number[]
}

export type OrderRefusal = 'unknown-authority' | 'older-order' | 'malformed' | 'too-many-members'

/** An order, and what this node remembers beside it. */
export interface Ordered {
  readonly order: MemberOrder
  /** Everybody who was a member at the beginning, or became one by an order. */
  readonly known: readonly number[]
  /** This node keeps a replica. */
  readonly hosted: boolean
  /** What its last replica knew when it was closed. */
  readonly left?: Departure | undefined
}

const MAX_MEMBERS = 32

/** The orders that this node has been told, by group; its disk keeps them. */
export class Orders {
  readonly #byGroup = new Map<number, Ordered>()

  /** @throws RaftDiskError */
  static async load(store: Store, authorities: readonly HostedAuthority[]): Promise<Orders> {
    const orders = new Orders()
    const keys = authorities.map(({ identity }) => orderKey(identity.group))
    const values = await store.getMany(keys)
    authorities.forEach(({ identity }, i) => {
      const value = values[i]
      if (value !== undefined) orders.#byGroup.set(identity.group, decode(identity, value))
    })
    return orders
  }

  get(group: number): Ordered | undefined {
    return this.#byGroup.get(group)
  }

  /** Whether it has taken part, or is to. */
  knows({ identity }: HostedAuthority, node: number): boolean {
    return (this.get(identity.group)?.known ?? identity.members).includes(node)
  }

  /** Whether the newest order wants it. */
  names(group: number, node: number): boolean {
    const order = this.get(group)?.order
    return order !== undefined && (order.voters.includes(node) || order.learners.includes(node))
  }

  /** Whether this node is to hold a replica from its start on. */
  hosts({ identity }: HostedAuthority, self: number): boolean {
    return this.get(identity.group)?.hosted ?? identity.members.includes(self)
  }

  /** Node numbers of those who may lead it, as far as this node has been told; the likeliest first. */
  mayServe({ identity }: HostedAuthority): readonly number[] {
    const ordered = this.get(identity.group)
    if (ordered === undefined) return identity.members
    return [...new Set([...ordered.order.voters, ...ordered.order.before])]
  }

  /** Why an order would not be taken, if it would not. */
  refusalOf({ group }: HostedAuthority['identity'], order: MemberOrder): OrderRefusal | undefined {
    const { number, before } = order
    const named = [...order.voters, ...order.learners]
    if (!Number.isSafeInteger(number) || !areNodes(named) || !areNodes(before) || order.voters.length === 0)
      return 'malformed'
    if (named.length > MAX_MEMBERS || before.length > MAX_MEMBERS) return 'too-many-members'
    const last = this.get(group)
    return last !== undefined && order.number <= last.order.number ? 'older-order' : undefined
  }

  /** Takes an order that is not refused. `self`: this node, which begins to keep a replica when the order names it. */
  take({ identity }: HostedAuthority, order: MemberOrder, self: number): Ordered {
    const { group, members } = identity
    const last = this.get(group)
    const { before } = order
    const named = [...order.voters, ...order.learners]
    const ordered: Ordered = {
      order,
      known: [...new Set([...(last?.known ?? members), ...before, ...named])],
      hosted: (last?.hosted ?? members.includes(self)) || named.includes(self),
      left: last?.left,
    }
    this.#byGroup.set(group, ordered)
    return ordered
  }

  /** This node keeps no replica any more. */
  retire(group: number, left: Departure | undefined): void {
    const ordered = this.get(group)
    if (ordered !== undefined) this.#byGroup.set(group, { ...ordered, hosted: false, left })
  }

  op(group: number): StoreOp {
    const body = new TextEncoder().encode(JSON.stringify(this.get(group)))
    const sum = new Uint8Array(4)
    putU32(sum, 0, crc32(body))
    return { key: orderKey(group), value: joinBytes([sum, body]) }
  }
}

function decode(instance: HostedAuthority['identity'], value: Uint8Array): Ordered {
  const body = value.subarray(4)
  if (value.length < 4 || readU32(value, 0) !== crc32(body))
    throw new RaftDiskError(instance, 'the order of its members')
  return JSON.parse(new TextDecoder().decode(body)) as Ordered
}

function areNodes(numbers: readonly number[]): boolean {
  return new Set(numbers).size === numbers.length && numbers.every(n => Number.isSafeInteger(n) && n > 0)
}

export function orderKey(group: number): Uint8Array {
  return authorityKey(group, 'order')
}
