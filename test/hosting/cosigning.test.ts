import assert from 'node:assert/strict'
import { memberCosigner, memberCosigning } from '../../daemon/hosting/finality/cosigners.ts'
import { PublishedLog } from '../../daemon/hosting/log-view.ts'
import { signingKeyOf } from '../../daemon/identity/signing-key.ts'
import { Peers } from '../../daemon/nodes/peers.ts'
import { LogReader } from '../../storage/log/log-store.ts'
import { openNote } from '../../storage/log/note.ts'
import { noteVerifier } from '../../storage/log/note-keys.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['n1', 'n2', 'n3']
const KEYS = NAMES.map(name => signingKeyOf(sha256(Buffer.from(name))))
const VKEYS = KEYS.map(({ publicKey }, i) => memberCosigner('sea', i + 1, publicKey))
const GROUP = 7
const signer = { name: 'sea/area/0/0', keyId: 1, sign: () => new Uint8Array(64) }

interface Program {
  readonly published: PublishedLog
  readonly counted: string[]
}

async function start({ name, store, network, clock }: SimContext): Promise<Program> {
  const self = NAMES.indexOf(name) + 1
  const counted: string[] = []
  const cosigning = memberCosigning({
    ...{ self, networkName: 'sea', network, clock, key: KEYS[self - 1]! },
    keyOf: node => KEYS[node - 1]!.publicKey,
    peers: new Peers(NAMES.flatMap((peer, i) => (i + 1 === self ? [] : [[i + 1, peer] as const]))),
    membersOf: () => [1, 2, 3],
    logOf: group => (group === GROUP ? published : undefined),
    count: what => counted.push(what),
  })
  const log = new MerkleLog(async () => undefined)
  const reader = new LogReader(store, GROUP)
  const published = new PublishedLog(signer.name, log, reader, signer, new Uint8Array(), cosigning(GROUP))
  return { published, counted }
}

describe("members' cosignatures of a checkpoint", () => {
  let simulation: Simulation
  let nodes: SimNode<Program>[]
  const root = sha256(Buffer.from('root'))

  beforeEach(async () => {
    simulation = new Simulation(1)
    nodes = NAMES.map(name => simulation.addNode(name, start))
    for (const node of nodes) node.start()
    await simulation.runFor(1000)
  })

  const decide = (node: SimNode<Program>, size: number, at = root): void =>
    node.program!.published.publish({ size, root: at })

  /** Numbers of those whose cosignature stands under what the node serves. */
  async function cosigners(node: SimNode<Program>): Promise<number[]> {
    let note: string | undefined
    void node.program!.published.checkpoint().then(given => {
      note = given
    })
    await simulation.runFor(500)
    return [1, 2, 3].filter(number => openNote(note!, [noteVerifier(VKEYS[number - 1]!)]).ok)
  }

  it('stand under it when somebody asks for it, by all who have decided the same', async () => {
    for (const node of nodes) decide(node, 5)
    assert.deepEqual(await cosigners(nodes[0]!), [1, 2, 3])
    decide(nodes[0]!, 9)
    decide(nodes[1]!, 9)
    assert.deepEqual(await cosigners(nodes[0]!), [1, 2])
  })

  it('come later by those who decide later', async () => {
    decide(nodes[0]!, 5)
    assert.deepEqual(await cosigners(nodes[0]!), [1])
    decide(nodes[1]!, 5)
    await simulation.runFor(500)
    assert.deepEqual(await cosigners(nodes[0]!), [1, 2])
  })

  it('are not taken for another checkpoint than they are of', async () => {
    decide(nodes[0]!, 5)
    decide(nodes[1]!, 5, sha256(Buffer.from('other')))
    decide(nodes[2]!, 6)
    assert.deepEqual(await cosigners(nodes[0]!), [1])
  })

  it('are the same whenever they are asked for: one for each size', async () => {
    for (const node of nodes) decide(node, 5)
    const before = nodes[1]!.program!.published.own()
    await cosigners(nodes[0]!)
    await simulation.runFor(5000)
    assert.equal(nodes[1]!.program!.published.own(), before)
  })

  it('leave a checkpoint without those of members that are gone, soon', async () => {
    for (const node of nodes) decide(node, 5)
    nodes[2]!.crash()
    assert.deepEqual(await cosigners(nodes[0]!), [1, 2])
  })
})
