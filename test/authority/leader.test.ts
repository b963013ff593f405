import assert from 'node:assert/strict'
import { inputBatchMessage } from '../../client/protocol/attestation.ts'
import { Authority } from '../../daemon/authority/authority.ts'
import { bodyHash } from '../../daemon/authority/batch.ts'
import type { InputAnswer } from '../../daemon/authority/intake.ts'
import { defaultAuthorityLimits, type ProposeResult } from '../../daemon/authority/types.ts'
import { recoverAuthority } from '../../daemon/hosting/recover.ts'
import { decodeBatch, recordKind } from '../../storage/log/record.ts'
import { MemoryStore } from '../../storage/store-memory.ts'
import { foundRealm, seededKey, sha256, worldHostOf } from '../../testnet/simulation/authorities/realm.ts'
import { SimRandom } from '../../testnet/simulation/random.ts'
import { encodeInput, logTagOf } from '../../world/codec.ts'

const realm = foundRealm({ seed: 1, nodes: 1, groups: 1, replicas: 1 })
const { identity, charter } = realm.hosted.get(1)!
const node = realm.nodes[0]!

/** A leader over a Raft log that the test commits by hand. */
class Leader {
  readonly authority: Authority
  readonly proposed: Uint8Array[] = []
  readonly answers: InputAnswer[] = []
  nextResult: ProposeResult = { ok: true }
  certifiedHeight: number | undefined
  #committed = 0
  #index = 0
  #players = 0

  constructor(authority: (leader: Leader) => Authority) {
    this.authority = authority(this)
  }

  static async elected(entriesInFlight: number, isVotedOn = false): Promise<Leader> {
    const { replica, ahead } = await recoverAuthority(
      new MemoryStore(),
      identity,
      charter,
      worldHostOf(identity.origin),
      { wallMs: 0, decidedSize: 0 },
    )
    const limits = { ...defaultAuthorityLimits, entriesInFlight }
    const leader = new Leader(
      self =>
        new Authority(
          identity,
          replica,
          {
            propose: data => {
              if (self.nextResult.ok) self.proposed.push(data)
              return self.nextResult
            },
            random: new SimRandom(1),
            signer: { number: 1, sign: message => node.log.sign(message) },
            certifiedHeight: () => self.certifiedHeight,
            isVotedOn,
            ahead,
            count: () => {},
          },
          limits,
        ),
    )
    leader.lead(1)
    leader.authority.tick(0, 0)
    leader.commit()
    return leader
  }

  /** Wins a term, and commits its first entry. */
  lead(term: number): void {
    this.authority.roleChanged(true, term, 1)
    this.authority.committed([{ index: ++this.#index, term, data: new Uint8Array(0) }])
  }

  /** All that was proposed and not committed yet, or the next `count`. */
  commit(count = this.proposed.length - this.#committed): void {
    for (let i = 0; i < count; i++) {
      const data = this.proposed[this.#committed++]!
      this.authority.committed([{ index: ++this.#index, term: this.authority.term, data }])
    }
  }

  /** A player arrives, a new one if no number is given. */
  spawn(name = 'somebody', number = ++this.#players): void {
    const player = seededKey(1, `player ${number}`).publicKey
    const session = new Uint8Array(16).with(7, 1)
    const log = logTagOf(identity.origin, sha256)
    const body = encodeInput({ player, session, seq: 1, log, action: { kind: 'spawn', name } })
    const signature = node.identity.sign(inputBatchMessage(identity.origin, 1, [bodyHash(body)]))
    this.authority.offer({ gateway: 1, bodies: [body], signature }, (_, __, answer) =>
      this.answers.push(answer),
    )
    this.authority.flush(0)
  }

  kindsOf(entry: number): number[] {
    const batch = decodeBatch(this.proposed[entry]!)
    assert.ok(batch.ok)
    return batch.records.map(record => record.kind)
  }
}

describe('an authority that leads', () => {
  it('seals a mark once, also when a proposal was refused while the seal was on its way', async () => {
    const leader = await Leader.elected(2)
    leader.authority.tick(2_000, 2_000)
    leader.commit()
    leader.authority.tick(2_010, 2_010)
    const seal = leader.proposed.length - 1
    assert.ok(leader.kindsOf(seal).includes(recordKind.seal))
    leader.nextResult = { ok: false, code: 'busy' }
    leader.spawn()
    leader.nextResult = { ok: true }
    leader.spawn()
    leader.authority.tick(2_020, 2_020)
    leader.commit(1)
    leader.authority.tick(2_030, 2_030)
    leader.commit()
    assert.equal(leader.authority.replica.lastSeal?.seal.height, 1)
    assert.equal(leader.authority.replica.voidRecords, 0)
    assert.deepEqual(
      leader.answers.map(answer => answer.kind),
      ['busy', 'committed'],
    )
  })

  it('starts afresh in a new term, even when it heard of nobody else leading in between', async () => {
    const leader = await Leader.elected(1)
    leader.spawn()
    assert.equal(leader.authority.inputsInFlight, 1)
    leader.lead(2) // what was proposed in term 1 never comes
    leader.spawn()
    leader.proposed.splice(1, 1)
    leader.commit()
    assert.deepEqual(
      leader.answers.map(answer => answer.kind),
      ['not-leader', 'committed'],
    )
  })

  it('tells whoever gives one seq to two inputs that it is taken, once that is decided; until then to ask again', async () => {
    const leader = await Leader.elected(2, true)
    leader.certifiedHeight = 0
    leader.spawn('Ada', 1)
    leader.spawn('Eve', 1)
    leader.commit()
    leader.spawn('Eve', 1)
    const kinds = () => leader.answers.map(answer => (answer.kind === 'refused' ? answer.code : answer.kind))
    assert.deepEqual(kinds(), ['busy', 'committed', 'busy'])
    for (let ms = 2_000; ms <= 2_100; ms += 10) {
      leader.authority.tick(ms, ms)
      leader.commit()
    }
    leader.spawn('Eve', 1)
    assert.equal(kinds().pop(), 'busy', 'it is sealed, and may fall off yet')
    leader.certifiedHeight = 1
    leader.spawn('Eve', 1)
    leader.spawn('Ada', 1)
    assert.deepEqual(kinds().slice(-2), ['seq-taken', 'committed'])
  })

  it('answers busy to a gateway that floods it, and still takes the inputs of others', async () => {
    const leader = await Leader.elected(1)
    leader.spawn() // fills the pipeline, so that all that follows waits
    const flood = {
      gateway: 2,
      bodies: Array.from({ length: 1000 }, () => new Uint8Array(4096)),
      signature: new Uint8Array(64),
    }
    const busy: string[] = []
    for (let i = 0; i < 10; i++) leader.authority.offer(flood, (_, __, answer) => busy.push(answer.kind))
    assert.ok(busy.length > 0 && busy.every(kind => kind === 'busy'))
    assert.ok(leader.authority.inputs.sizeBytes <= defaultAuthorityLimits.queueBytes / 4)
    leader.spawn()
    leader.commit()
    leader.authority.flush(0)
    leader.commit()
    assert.deepEqual(
      leader.answers.map(answer => answer.kind),
      ['committed', 'committed'],
    )
  })

  it('seals anew when the last seal was made by a clock that ran ahead, though nothing else happened', async () => {
    const leader = await Leader.elected(2)
    const dayMs = 86_400_000
    const seal = (nowMs: number, wallMs: number) => {
      for (const step of [0, 10, 20]) {
        leader.authority.tick(nowMs + step, wallMs + step)
        leader.commit()
      }
    }
    seal(2_000, dayMs)
    assert.equal(leader.authority.replica.lastSeal?.seal.height, 1)
    seal(4_000, 4_000)
    assert.equal(leader.authority.replica.lastSeal?.seal.height, 2)
    assert.ok(leader.authority.replica.lastSeal.seal.timeMs < dayMs)
    seal(6_000, 6_000)
    assert.equal(leader.authority.replica.lastSeal.seal.height, 2)
  })

  describe('and has its seals decided by the members', () => {
    const heightAfter = (leader: Leader, fromMs: number, toMs: number): number => {
      for (let ms = fromMs; ms <= toMs; ms += 10) {
        leader.authority.tick(ms, ms)
        leader.commit()
      }
      return leader.authority.replica.lastSeal?.seal.height ?? 0
    }

    it('seals once a second, and never while a seal is undecided', async () => {
      const leader = await Leader.elected(4)
      leader.certifiedHeight = 0
      assert.equal(heightAfter(leader, 2_000, 2_500), 1)
      leader.spawn()
      leader.commit()
      assert.equal(heightAfter(leader, 2_510, 9_000), 1)
      leader.certifiedHeight = 1
      assert.equal(heightAfter(leader, 9_010, 9_100), 2)
      leader.certifiedHeight = 2
      leader.spawn()
      leader.commit()
      assert.equal(heightAfter(leader, 9_110, 9_900), 2)
      assert.equal(heightAfter(leader, 9_910, 10_100), 3)
    })

    it('goes on taking inputs when the members had decided a seal before it came here, and nothing happens then', async () => {
      const leader = await Leader.elected(4, true)
      leader.certifiedHeight = 1
      assert.equal(heightAfter(leader, 2_000, 20_000), 1)
      leader.spawn()
      leader.commit()
      assert.deepEqual(
        leader.answers.map(({ kind }) => kind),
        ['committed'],
      )
    })

    it('seals all the same once a seal has been undecided for ten seconds', async () => {
      const leader = await Leader.elected(4)
      leader.certifiedHeight = 0
      heightAfter(leader, 2_000, 2_500)
      leader.spawn()
      leader.commit()
      assert.equal(heightAfter(leader, 11_000, 11_900), 1)
      assert.equal(heightAfter(leader, 12_000, 12_100), 2)
    })

    it('seals at once for whoever waits, however many wait: at most twenty times a second', async () => {
      const leader = await Leader.elected(4)
      leader.certifiedHeight = 0
      heightAfter(leader, 2_000, 2_030)
      leader.certifiedHeight = 1
      for (let ms = 2_040; ms < 3_040; ms += 10) {
        leader.spawn()
        leader.commit()
        leader.authority.sealSoon()
        leader.certifiedHeight = heightAfter(leader, ms, ms)
      }
      const { height } = leader.authority.replica.lastSeal!.seal
      assert.ok(height > 10 && height <= 21, `${height}`)
      leader.spawn()
      leader.commit()
      leader.authority.sealSoon()
      assert.equal(heightAfter(leader, 3_100, 3_120), height + 1)
    })
  })
})
