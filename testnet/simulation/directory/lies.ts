import { endorsementMessage } from '../../../world/directory/charter.ts'
import type { DirectoryAction } from '../../../world/directory/codec/input.ts'
import type { Voter } from '../../../world/directory/types.ts'
import type { SimRandom } from '../random.ts'
import type { SimArea } from './area.ts'
import { FOUNDERS } from './charter.ts'
import { factsOf, NETWORK, ORIGIN, sign, voteKeyOf } from './keys.ts'
import type { SimNode } from './node.ts'

/** The actions' numbers in inputs. */
const OPEN = 1
const COMMAND = 7

export interface LiesAround {
  readonly random: SimRandom
  readonly nodes: readonly SimNode[]
  readonly areas: ReadonlyMap<number, SimArea>
  /** All inputs that anybody has sent. */
  readonly sent: readonly Uint8Array[]
  /** Its node was admitted, and has not opened a session since. */
  readonly isNew: (body: Uint8Array) => boolean
  readonly strangers: () => readonly Voter[]
  readonly command: (signers: number) => DirectoryAction
  /** The node's next input, signed with this key. */
  readonly bodyOf: (node: SimNode, action: DirectoryAction, key: Uint8Array) => Uint8Array
  readonly send: (node: SimNode, action: DirectoryAction) => void
  readonly deliver: (body: Uint8Array) => void
}

/** What nodes try that do not play fair. */
export class Lies {
  readonly #around: LiesAround

  constructor(around: LiesAround) {
    this.#around = around
  }

  /** One of the things that a node may try. */
  lie(node: SimNode): void {
    const { random, sent } = this.#around
    const areas = [...this.#around.areas.values()]
    const area = areas[random.below(areas.length)]
    switch (random.below(7)) {
      case 0: {
        const opens = sent.filter(body => body[60] === OPEN && this.#around.isNew(body))
        const among = opens.length > 0 ? opens : sent
        return this.#around.deliver(among[random.below(among.length)] ?? random.bytes(100))
      }
      case 1: {
        const other = this.#around.nodes[random.below(this.#around.nodes.length)]!
        return this.#around.deliver(this.#around.bodyOf(other, { kind: 'leave' }, node.identity))
      }
      case 2: {
        const command = this.#around.command(1 + random.below(3))
        if (command.kind !== 'command' || command.signatures.length === 1)
          return this.#around.send(node, command)
        const signatures = command.signatures.map(({ key }) => ({ key, signature: random.bytes(64) }))
        return this.#around.send(node, { ...command, signatures })
      }
      case 3: {
        const facts = factsOf(this.#around.nodes.length + 1 + random.below(3))
        if (random.chance(0.5))
          return this.#around.send(node, { kind: 'admit', node: { ...facts, endorsement: random.bytes(64) } })
        const stolen = { ...facts, vote: voteKeyOf(1 + random.below(FOUNDERS)) }
        const endorsement = sign(facts.identity, endorsementMessage(NETWORK, stolen))
        return this.#around.send(node, { kind: 'admit', node: { ...stolen, endorsement } })
      }
      case 4: {
        const commands = sent.filter(body => body[60] === COMMAND)
        const old = commands[random.below(commands.length)]
        return old === undefined ? undefined : this.#repeatCommand(node, old)
      }
      default: {
        const certificate = area?.falseOne(this.#around.strangers())
        if (certificate !== undefined)
          this.#around.send(node, { kind: 'anchor', certificates: [certificate] })
      }
    }
  }

  /** A command that somebody brought, brought again by another node, in its own name. */
  #repeatCommand(node: SimNode, old: Uint8Array): void {
    const body = this.#around.bodyOf(node, { kind: 'leave' }, node.identity)
    const unsigned = Buffer.concat([body.subarray(0, 60), old.subarray(60, -64)])
    const context = Buffer.from('freehold/permanent-input/1\n')
    const message = Buffer.concat([context, Buffer.of(0, ORIGIN.length), Buffer.from(ORIGIN), unsigned])
    node.seq++
    this.#around.deliver(Buffer.concat([unsigned, sign(node.identity, message)]))
  }
}
