import assert from 'node:assert/strict'
import { FinalVerifier } from '../../client/protocol/final.ts'
import { Comparer } from '../../daemon/checkpoints/comparer.ts'
import { Judge, type Proven } from '../../daemon/evidence/judge.ts'
import { LogKeys, readClaim } from '../../daemon/evidence/log-keys.ts'
import type { AreaInfo, FinalResult } from '../../daemon/gateway/router.ts'
import type { FinalAnswer, FinalAsk, FinalProof } from '../../daemon/hosting/final-asks.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { type SigningKey, signingKeyOf, verifySignature } from '../../daemon/identity/signing-key.ts'
import { type FalseFinal, FinalChecks } from '../../daemon/routing/final-checks.ts'
import { serveFinals } from '../../daemon/routing/final-server.ts'
import { InputRouter } from '../../daemon/routing/router.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import { nameOf, sha256 } from '../../testnet/simulation/authorities/realm.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'
import { DecidedLog } from '../gateway/support/decided-log.ts'

const founders = [1, 2, 3, 4]
const gateway = 5
const leaves = [3, 4, 9]
const area: AreaInfo = {
  ...{ name: 'area/0', origin: 'town/area/0/0', group: 1, quadkey: '0', xMm: 0, yMm: 0, sideMm: 1000 },
  ...{ members: founders, epoch: 1, founders },
}

interface Keys {
  readonly log: SigningKey
  readonly vote: SigningKey
}

const keys = new Map(founders.map(node => [node, keysOf(node)]))
const nodeKeys = new Map(
  Array.from(keys, ([node, { log, vote }]) => [node, { log: log.publicKey, vote: vote.publicKey }]),
)

function keysOf(node: number): Keys {
  const key = (role: string): SigningKey => signingKeyOf(sha256(Buffer.from(`${role} of ${node}`)))
  return { log: key('log'), vote: key('vote') }
}

/** The log as the members have decided it, of which this one tells. */
function logOf(node: number): DecidedLog {
  const voters = founders.map(member => ({ node: member, vote: keys.get(member)!.vote }))
  const log = new DecidedLog(area.origin, voters, keys.get(node)!.log)
  for (let leaf = 0; leaf < 12; leaf++) log.append(sha256(Buffer.from(`leaf ${leaf}`)))
  return log
}

class Town {
  readonly simulation = new Simulation(3)
  readonly lies: FalseFinal[] = []
  /** Who was asked, in order. */
  readonly asked: number[] = []
  /** Signatures that the gateway verified. */
  verified = 0
  #router!: InputRouter

  constructor(answer: (node: number, ask: FinalAsk) => Promise<FinalAnswer>) {
    for (const node of founders) {
      this.simulation
        .addNode(nameOf(node), ({ network }) => {
          serveFinals({
            network,
            schedule: run => queueMicrotask(run),
            numberOf: () => gateway,
            local: () =>
              ({
                whenFinal: (ask: FinalAsk, _from: number, answered: (given: FinalAnswer) => void) => {
                  this.asked.push(node)
                  void answer(node, ask).then(answered)
                },
              }) as never,
            count: () => {},
          })
        })
        .start()
    }
    const checks = new FinalChecks({
      ...{ areas: [area], nodeKeys, lied: lie => this.lies.push(lie) },
      verify: (...signed) => {
        this.verified++
        return verifySignature(...signed)
      },
    })
    this.simulation
      .addNode(nameOf(gateway), ({ network, clock }) => {
        this.#router = new InputRouter({
          ...{ areas: [area], self: gateway, peerOf: nameOf, local: () => undefined, network, clock },
          ...{ schedule: run => queueMicrotask(run), waits: () => {}, sign: () => new Uint8Array(64) },
          finalChecks: checks,
          count: () => {},
        })
      })
      .start()
  }

  whenFinal(): Promise<FinalResult> {
    return new Promise(resolve =>
      this.#router.whenFinal(area.name, { leaves, soon: true, epoch: 1 }, resolve),
    )
  }

  leaderIs(node: number): void {
    this.#router.leaderIs(area.name, node)
  }
}

async function honest(node: number, ask: FinalAsk): Promise<FinalAnswer> {
  return { kind: 'final', proof: await logOf(node).decided(ask) }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  changed[40 % bytes.length]! ^= 1
  return changed
}

const lies: Record<string, (proof: FinalProof) => FinalProof> = {
  'another certificate': proof => ({ ...proof, certificate: flipped(proof.certificate) }),
  'no certificate at all': proof => ({ ...proof, certificate: proof.certificate.slice(0, 9) }),
  'the certificate of another log': proof => ({
    ...proof,
    certificate: proof.certificate.slice().fill(1, 2, 34),
  }),
  'another checkpoint': proof => ({ ...proof, checkpoint: proof.checkpoint.replace(/\n\d+\n/, '\n7\n') }),
  'another path': proof => ({ ...proof, proof: flipped(proof.proof) }),
  'other leaves': proof => ({ ...proof, hashes: flipped(proof.hashes) }),
}

describe('what a member falsely says to be final', () => {
  for (const [lie, forge] of Object.entries(lies)) {
    it(`never comes to a client (${lie}): the next member is asked, and the liar is named`, async () => {
      const town = new Town(async (node, ask) => {
        const answer = (await honest(node, ask)) as { kind: 'final'; proof: FinalProof }
        return node === 1 ? { ...answer, proof: forge(answer.proof) } : answer
      })
      await town.simulation.runFor(2_000)
      const told = town.whenFinal()
      await town.simulation.runFor(1_000)
      const result = await told
      assert.ok(result.kind === 'final')
      const members = founders.map(node => ({ node, key: nodeKeys.get(node)!.vote }))
      const verdict = new FinalVerifier().verify(result.proof, {
        ...{ leaves, founders: { origin: area.origin, epoch: 1, members } },
        logKeys: new Map(Array.from(nodeKeys, ([node, { log }]) => [node, log])),
      })
      assert.ok(verdict.ok)
      assert.deepEqual(town.asked, [1, 2])
      assert.deepEqual(
        town.lies.map(({ authority, node }) => [authority, node]),
        [[area.name, 1]],
      )
    })
  }

  it('leaves the liar unasked for a minute, though it leads and says so', async () => {
    const town = new Town(async (node, ask) =>
      node === 1
        ? { kind: 'final', proof: lies['other leaves']!(await logOf(1).decided(ask)) }
        : honest(node, ask),
    )
    await town.simulation.runFor(2_000)
    for (let second = 0; second < 30; second++) {
      town.leaderIs(1)
      const told = town.whenFinal()
      await town.simulation.runFor(1_000)
      assert.equal((await told).kind, 'final')
    }
    assert.equal(town.asked.filter(node => node === 1).length, 1)
    await town.simulation.runFor(40_000)
    town.leaderIs(1)
    void town.whenFinal()
    await town.simulation.runFor(1_000)
    assert.equal(town.asked.filter(node => node === 1).length, 2)
  })

  it('is asked for seldom where every member lies, and ends as unavailable', async () => {
    const town = new Town(async (node, ask) => {
      const proof = await logOf(node).decided(ask)
      return { kind: 'final', proof: lies['other leaves']!(proof) }
    })
    await town.simulation.runFor(2_000)
    const told = town.whenFinal()
    await town.simulation.runFor(20_000)
    assert.equal((await told).kind, 'unavailable')
    assert.ok(town.asked.length <= 24, `${town.asked.length} times`)
  })

  it('costs the signatures of a quorum once per seal, however many ask', async () => {
    const log = logOf(1)
    const once = log.decided({ leaves, soon: true, epoch: 1 })
    const town = new Town(async () => ({ kind: 'final', proof: await once }))
    await town.simulation.runFor(2_000)
    for (let i = 0; i < 50; i++) {
      const told = town.whenFinal()
      await town.simulation.runFor(50)
      assert.equal((await told).kind, 'final')
    }
    assert.equal(town.verified, log.votes + 1)
  })

  it('is evidence where it was signed: its signer has signed something else as well', async () => {
    const found: string[] = []
    const signers = Array.from(nodeKeys, ([node, { log }]) => ({ node, logKey: log }))
    const logKeys = new LogKeys([area.origin], signers)
    const comparer = new Comparer({
      ...{ keys: logKeys, own: () => undefined, mayHold: () => true, nowMs: () => 0 },
      ...{ found: evidence => found.push(evidence), count: () => {} },
    })
    const { size } = logOf(1)
    const text = formatCheckpoint({ ...area, size, root: sha256(Buffer.from('another')), extensions: [] })
    const lie = signNote(text, [checkpointSigner(area.origin, keys.get(1)!.log)])
    const town = new Town(async (node, ask) => {
      const proof = await logOf(node).decided(ask)
      return { kind: 'final', proof: node === 1 ? { ...proof, checkpoint: lie } : proof }
    })
    // As gossip, which it tells the truth.
    comparer.hear(1, readClaim((await logOf(1).decided({ leaves, soon: true, epoch: 1 })).checkpoint)!)
    await town.simulation.runFor(2_000)
    void town.whenFinal()
    await town.simulation.runFor(1_000)
    for (const { node, checkpoint } of town.lies) comparer.hear(node, readClaim(checkpoint)!)
    await comparer.idle
    const judge = new Judge({
      ...{ origins: [area.origin], logKeys, verify: verifySignature },
      voteKeyOf: node => nodeKeys.get(node)?.vote,
      mayHold: () => true,
    })
    assert.deepEqual(
      found.map(evidence => (judge.judge(evidence) as Proven).accused),
      [[1]],
    )
  })
})
