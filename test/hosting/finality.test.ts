import assert from 'node:assert/strict'
import { decodeCertificate, verifyQuorum } from '../../consensus/finality/certificate.ts'
import { type Evidence, verifyEvidence } from '../../consensus/finality/evidence.ts'
import { genesisHash } from '../../consensus/finality/seal.ts'
import { Faults } from '../../daemon/authority/faults.ts'
import type { AppliedSeal } from '../../daemon/authority/replica.ts'
import { AnchorsAtOnce } from '../../daemon/hosting/finality/anchoring.ts'
import { Finality } from '../../daemon/hosting/finality/finality.ts'
import type { FinalityDoor } from '../../daemon/hosting/finality/finality-options.ts'
import { signingKeyOf, verifySignature, verifySignatureAside } from '../../daemon/identity/signing-key.ts'
import { Peers } from '../../daemon/nodes/peers.ts'
import { GatewaySignatures } from '../../daemon/routing/gateway-signatures.ts'
import { batchOp, LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, recordKind } from '../../storage/log/record.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { StoreOp } from '../../storage/store.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'

const NAMES = ['n1', 'n2', 'n3', 'n4']
const KEYS = NAMES.map(name => signingKeyOf(sha256(Buffer.from(name))))
const MEMBERS = KEYS.map(({ publicKey }, i) => ({ node: i + 1, key: publicKey }))
const ORIGIN = 'test/area/0/0'
const GROUP = 7

function applied(height: number, history = ''): AppliedSeal {
  const root = sha256(Buffer.from(`root ${height} ${history}`))
  const seal = {
    ...{ height, epoch: 1, previous: genesisHash, stateRoot: root, asOfSize: 10 * height - 1 },
    ...{ tick: height, timeMs: 1000 * height, nextMembers: [1, 2, 3, 4] },
  }
  return { seal, size: 10 * height, root, checkpointHash: root, endsEpoch: false }
}

/** A log that has nothing in it for which a gateway would have to sign. */
function ticks(count: number): LogRecord[] {
  const tick = { kind: recordKind.tick, rulesVersion: 1, salt: new Uint8Array(16), body: new Uint8Array(16) }
  return Array.from({ length: count }, () => tick)
}

interface Program {
  readonly finality: Finality
  /** The replica executes the seal of this height. */
  execute(height: number, history?: string): void
  readonly evidence: Evidence[]
}

/** Whose replica never stands anywhere, and always has something that its leader does not seal. */
const unsealedDoor: FinalityDoor = {
  ...{
    freeze: () => {},
    enter: async () => {},
    restoring: () => undefined,
    halt: () => {},
    decided: () => {},
  },
  ...{ holds: () => true, isOrdered: () => false, mayServe: () => [], activated: () => {} },
  leader: () => 0,
  signs: () => ({ sealHeight: 0, actions: 0, isUnsealed: true }),
}

async function start(
  { name, store, network, clock, random }: SimContext,
  forgetful: boolean,
  door: FinalityDoor | undefined,
  heard: string[] | undefined,
): Promise<Program> {
  const self = NAMES.indexOf(name) + 1
  const ops: StoreOp[] = []
  const evidence: Evidence[] = []
  const write = (done: () => void): void => store.write(ops.splice(0), { sync: true }, () => done())
  const finality = await Finality.load({
    ...{ self, store, network, clock, random, sha256, verify: verifySignature, forgetful },
    peers: new Peers(NAMES.flatMap((peer, i) => (i + 1 === self ? [] : [[i + 1, peer] as const]))),
    authorities: [{ group: GROUP, origin: ORIGIN, epoch: 1, members: MEMBERS }],
    voteKeyOf: node => KEYS[node - 1]?.publicKey,
    voteKey: KEYS[self - 1]!,
    schedule: run => clock.after(0, run),
    addOps: more => ops.push(...more),
    sync: write,
    anchoring: new AnchorsAtOnce(),
    onFinal: () => {},
    signatures: new GatewaySignatures(verifySignature, verifySignatureAside),
    gatewayKeyOf: () => undefined,
    rulesVersion: 1,
    door: () => door,
    count: () => {},
    onEvidence: found => evidence.push(found),
    log: event => (heard === undefined ? assert.fail(event) : heard.push(event)),
  })
  finality.begin()
  let logSize = 0
  for await (const { records } of new LogReader(store, GROUP).batches(0)) logSize += records.length
  finality.opened(GROUP, { log: { size: logSize }, faults: new Faults() })
  return {
    ...{ finality, evidence },
    execute: (height, history) => {
      const records = ticks(10 * height)
      finality.applied(GROUP, { firstLeaf: 0, records })
      ops.push(batchOp(GROUP, 0, { index: 1, term: 1, batch: encodeBatch(records) }))
      ops.push(...finality.sealed(GROUP, applied(height, history)))
    },
  }
}

describe('votes of nodes for the seals of an authority', () => {
  let simulation: Simulation
  let nodes: SimNode<Program>[]
  const forgetful = new Set<string>()
  let liar: number | undefined
  let door: FinalityDoor | undefined
  let heard: string[] | undefined

  beforeEach(async () => {
    forgetful.clear()
    door = undefined
    heard = undefined
    simulation = new Simulation(1)
    nodes = NAMES.map(name =>
      simulation.addNode(name, context => start(context, forgetful.has(name), door, heard)),
    )
    for (const node of nodes) node.start()
    await simulation.runFor(1000)
  })

  const execute = async (height: number, which = nodes): Promise<void> => {
    for (const node of which) node.program!.execute(height)
    await simulation.runFor(500)
  }
  const finals = (): number[] => nodes.map(({ program }) => program!.finality.status(GROUP)!.finalHeight)

  it('make final what three of four have executed, with a certificate that proves itself', async () => {
    await execute(1)
    await execute(2, nodes.slice(1))
    assert.deepEqual(finals().slice(1), [2, 2, 2])
    const { finality } = nodes[1]!.program!
    assert.equal(finality.status(GROUP)!.finalSize, 20)
    const certificate = decodeCertificate(finality.certificate(ORIGIN)!)!
    assert.ok(verifyQuorum(certificate, MEMBERS, verifySignature))
    assert.deepEqual(certificate.seal.root, applied(2).root)
  })

  it('give the next view its whole time, however long the one before brought nothing on', async () => {
    door = unsealedDoor
    heard = []
    for (const node of nodes) node.restart()
    await simulation.runFor(9_500)
    for (const node of nodes.slice(0, 2)) node.program!.finality.suspect(GROUP, 'test')
    await simulation.runFor(5_000)
    const count = (event: string): number => heard!.filter(each => each === event).length
    assert.deepEqual([count('view-frozen'), count('view-suspected')], [4, 2])
  })

  it('keep to a view of which a replica is behind, however long it takes to come on', async () => {
    door = unsealedDoor
    heard = []
    for (const node of nodes) node.restart()
    await simulation.runFor(500)
    await execute(1)
    assert.deepEqual(finals(), [1, 1, 1, 1])
    await simulation.runFor(30_000)
    assert.deepEqual(heard, [])
  })

  it('go on after all have crashed, with seals that nobody had decided yet', async () => {
    await execute(1)
    simulation.network.links.partition(...NAMES.map(name => [name]))
    for (const node of nodes) for (const height of [2, 3]) node.program!.execute(height)
    await simulation.runFor(300)
    assert.deepEqual(finals(), [1, 1, 1, 1])
    for (const node of nodes) node.restart()
    simulation.network.links.heal()
    await simulation.runFor(10_000)
    assert.deepEqual(finals(), [3, 3, 3, 3])
  })

  it('reach a replica that missed seals, which votes again from a certificate on', async () => {
    await execute(1)
    await execute(2, nodes.slice(0, 3))
    // It caught up by batches: it has executed the second, unseen by the votes.
    for (const height of [3, 4, 5]) await execute(height)
    assert.deepEqual(finals(), [5, 5, 5, 5])
    nodes[0]!.crash()
    await execute(6, nodes.slice(1))
    assert.equal(nodes[3]!.program!.finality.status(GROUP)!.finalHeight, 6)
  })

  afterEach(() => {
    const accused = nodes
      .flatMap(({ program }) => program?.evidence ?? [])
      .map(({ first }) => first.by.signer)
    assert.ok(accused.every(node => node === liar))
    liar = undefined
  })

  it('of a node that votes for two histories are handed on by the others as evidence of that', async () => {
    liar = 4
    const forger = nodes[3]!
    await execute(1, [forger])
    forger.crash()
    forger.disk.wipe()
    // It does not say that it has forgotten.
    forger.start()
    await simulation.runFor(1000)
    forger.program!.execute(1, 'another')
    await simulation.runFor(500)
    for (const { program } of nodes.slice(0, 3)) {
      const [evidence, ...more] = program!.evidence
      assert.deepEqual(more, [])
      const keyOf = (node: number) => MEMBERS.find(member => member.node === node)?.key
      assert.equal(verifyEvidence(evidence!, keyOf, verifySignature), 'rival-votes')
    }
  })

  it('do without a node whose disk was lost', async () => {
    await execute(1)
    const lost = nodes[3]!
    lost.crash()
    lost.disk.wipe()
    forgetful.add(lost.name)
    lost.start()
    await simulation.runFor(3000)
    assert.equal(lost.program!.finality.status(GROUP)!.certifiedHeight, 1)
    nodes[0]!.crash()
    await execute(2, nodes.slice(1))
    assert.equal(nodes[1]!.program!.finality.status(GROUP)!.finalHeight, 1)
    nodes[0]!.start()
    await simulation.runFor(1000)
    await execute(2, nodes.slice(0, 1))
    await simulation.runFor(3000)
    assert.equal(nodes[1]!.program!.finality.status(GROUP)!.finalHeight, 2)
  })
})
