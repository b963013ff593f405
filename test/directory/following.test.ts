import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { decodeCertificate } from '../../consensus/finality/certificate.ts'
import { appliedKey } from '../../daemon/authority/applied.ts'
import { dropFollowed, isWhole, readFollowed } from '../../daemon/directory/followed.ts'
import { Follower } from '../../daemon/directory/follower.ts'
import { Following } from '../../daemon/directory/following.ts'
import { MembershipChain } from '../../daemon/directory/membership-chain.ts'
import {
  directoryProtocol,
  encodeHead,
  encodeSegmentBatch,
  segmentOptions,
} from '../../daemon/directory/segments.ts'
import { DirectoryServing } from '../../daemon/directory/serving.ts'
import type { DirectoryNews } from '../../daemon/directory/view.ts'
import { logUpTo } from '../../daemon/hosting/recover.ts'
import { keptSnapshots } from '../../daemon/hosting/snapshots.ts'
import { verifySignature } from '../../daemon/identity/signing-key.ts'
import { snapshotManifestKey } from '../../storage/keys.ts'
import { encodeBatch } from '../../storage/log/record.ts'
import type { Store } from '../../storage/store.ts'
import { openLevelStore } from '../../storage/store-level.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import type { SimContext, SimNode } from '../../testnet/simulation/node.ts'
import { Simulation } from '../../testnet/simulation/simulation.ts'
import { certificateOf, factsOf, ORIGIN, sha256, votersOf } from '../world/directory/support.ts'
import { GROUP, Member, replicaOn } from './member.ts'

type Lie = (member: Member, from: number) => Promise<Uint8Array[]>

const founders = { epoch: 1, members: votersOf(1, 2, 3, 4) }

async function followerOn(
  store: Store,
  clock: SimContext['clock'],
  news: DirectoryNews[] = [],
): Promise<Follower> {
  const chain = new MembershipChain(sha256(Buffer.from(ORIGIN)), founders, verifySignature)
  const { activations } = await readFollowed(store, GROUP)
  for (const activation of activations) assert.ok(chain.activate(activation))
  return new Follower({
    ...{ group: GROUP, store, clock, chain, replica: await replicaOn(store) },
    logUpTo: size => logUpTo(store, GROUP, size),
    told: each => news.push(each),
  })
}

interface Program {
  readonly serving?: DirectoryServing
  readonly follower?: Follower
  readonly counted: Map<string, number>
  readonly news: DirectoryNews[]
}

describe('a node that follows the directory', () => {
  let simulation: Simulation
  let member: Member
  let folder: string
  let store: Store
  let lie: Lie | undefined
  let lied = 0

  beforeEach(async () => {
    simulation = new Simulation(1)
    member = await Member.begin(new MemoryStore())
    folder = mkdtempSync('/tmp/book-following-')
    store = await openLevelStore(join(folder, 'store'))
    lie = undefined
    lied = 0
  })
  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })

  /** `m1` is honest, `m2` tells the lie, `f` follows. */
  const start = async (
    sources = ['m1'],
  ): Promise<{ honest: SimNode<Program>; follows: SimNode<Program> }> => {
    const program = ({ network, clock }: SimContext): Program => {
      const counted = new Map<string, number>()
      const count = (name: string): void => void counted.set(name, (counted.get(name) ?? 0) + 1)
      return {
        serving: new DirectoryServing({ network, clock, log: () => member, count }),
        counted,
        news: [],
      }
    }
    const liar = ({ network }: SimContext): Program => {
      network.handle(directoryProtocol, segmentOptions, channel => {
        channel.onFrame(async frame => {
          lied++
          const from = new DataView(frame.buffer, frame.byteOffset).getBigUint64(1)
          for (const each of (await lie?.(member, Number(from))) ?? []) channel.send(each)
        })
      })
      return { counted: new Map(), news: [] }
    }
    const follow = async ({ network, clock }: SimContext): Promise<Program> => {
      const counted = new Map<string, number>()
      const news: DirectoryNews[] = []
      const follower = await followerOn(store, clock, news)
      new Following({
        ...{ follower, network, clock, sources: () => sources },
        halted: error => assert.fail(error),
        count: (name, { code = '' }) =>
          void counted.set(`${name} ${code}`, (counted.get(`${name} ${code}`) ?? 0) + 1),
      }).begin()
      return { follower, counted, news }
    }
    const honest = simulation.addNode('m1', program)
    const other = simulation.addNode('m2', liar)
    const follows = simulation.addNode('f', follow)
    for (const node of [honest, other, follows]) node.start()
    await settle()
    return { honest, follows }
  }

  /** The disk is a real one: virtual time goes on while it works. */
  const settle = async (ms = 1_000): Promise<void> => {
    for (let i = 0; i < ms / 50; i++) {
      await simulation.runFor(50)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }

  const play = async (): Promise<void> => {
    await member.tick(1, 2)
    await member.say(1, { kind: 'open' })
    await member.say(1, { kind: 'admit', node: factsOf(5) })
    await member.seal()
  }

  const sameState = (node: SimNode<Program>): void => {
    const { follower } = node.program!
    assert.equal(follower!.size, member.size)
    assert.deepEqual([...follower!.state!.entries()].length > 0, true)
    assert.deepEqual([...follower!.state!.entries()], [...member.state.entries()])
  }

  it('has what its members decided, learns whom they admitted, and is told what changed', async () => {
    await play()
    const { honest, follows } = await start()
    sameState(follows)
    assert.equal(follows.program!.follower!.state!.nodes.get(5)?.operator, factsOf(5).operator)
    const changed = new Set(follows.program!.news.flatMap(news => [...news.changed!]))
    assert.ok(changed.has('node/5'))
    assert.deepEqual([...follows.program!.news[0]!.renewals.keys()], [1, 2])
    await member.tick(3)
    await member.seal()
    honest.program!.serving!.advanced()
    await settle(200)
    sameState(follows)
    assert.ok(follows.program!.news.at(-1)!.renewals.has(3))
  })

  it('applies nothing that is not certified', async () => {
    await play()
    const { honest, follows } = await start()
    const { size } = member
    await member.tick(1)
    honest.program!.serving!.advanced()
    await settle(12_000)
    assert.equal(follows.program!.follower!.size, size)
  })

  it('goes on after a restart from what its own disk has', async () => {
    await play()
    const { follows } = await start()
    await store.close()
    store = await openLevelStore(join(folder, 'store'))
    const again = await followerOn(store, follows.clock as unknown as SimContext['clock'])
    assert.equal(again.size, member.size)
    assert.deepEqual([...again.state!.entries()], [...member.state.entries()])
  })

  it('drops what it followed where a replica of its own is to begin, also after a crash in between', async () => {
    await play()
    await start()
    assert.ok(await isWhole(store, GROUP))
    await new Promise<void>(resolve =>
      store.write([{ key: appliedKey(GROUP), value: undefined }], { sync: false }, () => resolve()),
    )
    assert.ok(!(await isWhole(store, GROUP)))
    await dropFollowed(store, GROUP)
    assert.ok(await isWhole(store, GROUP))
    assert.equal((await replicaOn(store)).log.size, 0)
    assert.deepEqual(await readFollowed(store, GROUP), { certificate: undefined, activations: [] })
  })

  it('begins anew where a replica of its own was, which may have had more than was decided', async () => {
    const left = await Member.begin(store)
    await left.tick(3)
    const snapshot = { key: snapshotManifestKey(GROUP, 2), value: Uint8Array.of(1) }
    await new Promise<void>(resolve => store.write([snapshot], { sync: false }, () => resolve()))
    await play()
    await dropFollowed(store, GROUP)
    assert.deepEqual(await keptSnapshots(store, GROUP), [])
    const { follows } = await start()
    sameState(follows)
  })

  it('follows the members from one epoch to the next, also when it missed some', async () => {
    await play()
    for (const next of [
      [1, 2, 3],
      [1, 2],
      [1, 2, 4],
    ]) {
      await member.tick(1)
      await member.seal(next)
    }
    await member.tick(4)
    await member.seal()
    const { follows } = await start()
    sameState(follows)
    assert.equal(follows.program!.follower!.chain.now.epoch, 4)
    const again = await followerOn(store, follows.clock as unknown as SimContext['clock'])
    assert.equal(again.chain.now.epoch, 4)
  })

  const head = async (
    from: number,
  ): Promise<{ certificate: Uint8Array; batches: [number, Uint8Array][] }> => {
    const certificate = (await member.certificateOver(from))!
    const batches: [number, Uint8Array][] = []
    for await (const { firstLeaf, records } of member.reader.batches(
      from,
      decodeCertificate(certificate)!.seal.size,
    ))
      batches.push([firstLeaf, encodeBatch(records)])
    return { certificate, batches }
  }
  const lies: [string, string, Lie][] = [
    ['nonsense', 'unexpected', async () => [Uint8Array.of(9, 9, 9)]],
    [
      'a certificate of too few members',
      'bad-certificate',
      async (_, from) => {
        const { seal } = decodeCertificate((await head(from)).certificate)!
        return [
          encodeHead({
            activations: [],
            certificate: certificateOf(seal, [1, 2, 3, 4], { signers: [1, 2] }),
          }),
        ]
      },
    ],
    [
      'the next members of strangers',
      'bad-activation',
      async (_, from) => {
        const { seal } = decodeCertificate((await head(from)).certificate)!
        const next = { ...seal, nextEpoch: 2, nextMembers: votersOf(7, 8, 9) }
        const activation = certificateOf(next, [7, 8, 9])
        return [
          encodeHead({
            activations: [activation],
            certificate: certificateOf(seal, [7, 8, 9], { epoch: 2 }),
          }),
        ]
      },
    ],
    [
      'another record under a certificate',
      'wrong-root',
      async (_, from) => {
        const { certificate, batches } = await head(from)
        const forged = batches.map(([firstLeaf, batch], i) => {
          const bytes = batch.slice()
          if (i === 1) bytes[bytes.length - 1]! ^= 1
          return encodeSegmentBatch(firstLeaf, bytes)
        })
        return [encodeHead({ activations: [], certificate }), ...forged]
      },
    ],
    [
      'more leaves than a certificate covers',
      'bad-batch',
      async (_, from) => {
        const { certificate, batches } = await head(from)
        const { records } = (await member.reader.batches(0).next()).value!
        const many = Array.from({ length: 60_000 }, () => records[0]!)
        return [
          encodeHead({ activations: [], certificate }),
          encodeSegmentBatch(batches[0]![0], encodeBatch(many)),
        ]
      },
    ],
  ]
  for (const [what, code, told] of lies) {
    it(`refuses ${what}, counts it, and asks another source`, async () => {
      await play()
      lie = told
      const { follows } = await start(['m2', 'm1'])
      await settle(1_500)
      sameState(follows)
      assert.equal(lied, 1)
      assert.equal(follows.program!.counted.get(`directory_segment_refused ${code}`), 1)
    })
  }

  it('leaves a source that says nothing', async () => {
    await play()
    const { follows } = await start(['m2', 'm1'])
    assert.equal(follows.program!.follower!.size, 0)
    await settle(9_500)
    sameState(follows)
  })
})
