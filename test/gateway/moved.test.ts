import assert from 'node:assert/strict'
import { seqOfBody } from '../../client/protocol/session.ts'
import type { AreaInfo, AuthorityRouter, InputSource } from '../../daemon/gateway/router.ts'
import { AREA_INFO, sha256 } from './support/authority.ts'
import { Harness, testPlayer } from './support/harness.ts'

const east: AreaInfo = { ...AREA_INFO, name: 'area/1111', origin: 'testnet/area/1111/0', group: 9 }
const hashOf = ({ origin }: AreaInfo): string => Buffer.from(sha256(Buffer.from(origin))).toString('hex')
const STOP = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 } as const

/** Notes who was asked what. */
class TwoAreas implements AuthorityRouter {
  readonly asked: {
    readonly area: string
    readonly seqs: number[]
    readonly bodies: readonly Uint8Array[]
  }[] = []
  source: InputSource | undefined

  areas(): readonly AreaInfo[] {
    return [AREA_INFO, east]
  }
  submit(area: string, bodies: readonly Uint8Array[], source: InputSource): void {
    this.source = source
    this.asked.push({ area, seqs: bodies.map(seqOfBody), bodies })
  }
  read(): void {}
  whenFinal(): void {}
  subscribe(): () => void {
    return () => {}
  }
}

describe('an input for a character that is in another area', () => {
  const ada = testPlayer('ada')

  function begin() {
    const router = new TwoAreas()
    const gateway = new Harness({ router })
    gateway.core.connected(1, '127.0.0.1')
    gateway.say(1, gateway.openMessage(1, ada, { area: AREA_INFO.name }))
    gateway.take(1)
    return { router, gateway }
  }

  it('goes there unchanged, the client is told, and what it asks from then on goes there at once', () => {
    const { router, gateway } = begin()
    gateway.act(1, ada, 4, STOP)
    const [first] = router.asked
    router.source!.answered(first!.bodies, { kind: 'moved', to: hashOf(east) })
    assert.deepEqual(
      gateway.take(1).map(({ kind, moved }) => [kind, moved?.area]),
      [['moved', 1]],
    )
    assert.deepEqual(router.asked[1], { ...first, area: east.name })
    gateway.act(1, ada, 5, STOP)
    assert.deepEqual(
      router.asked.map(({ area, seqs }) => [area, ...seqs]),
      [
        [AREA_INFO.name, 4],
        [east.name, 4],
        [east.name, 5],
      ],
    )
    assert.equal(gateway.core.stats.inFlight, 2)
  })

  it('is asked for again later when two areas send it to and fro, and when nobody knows the other area', () => {
    const { router, gateway } = begin()
    gateway.act(1, ada, 4, STOP)
    for (let i = 0; i < 200 && gateway.core.stats.inFlight > 0; i++) {
      const { area, bodies } = router.asked.at(-1)!
      const to = area === east.name ? AREA_INFO : east
      router.source!.answered(bodies, { kind: 'moved', to: hashOf(to) })
    }
    assert.equal(gateway.core.stats.inFlight, 0)
    const answer = gateway.take(1).findLast(message => message.answer !== undefined)?.answer
    assert.deepEqual([answer?.seq, answer?.code], [4, 'moved'])
    assert.ok(answer!.retryAfterMs! > 0 && router.asked.length < 80)
    gateway.act(1, ada, 5, STOP)
    router.source!.answered(router.asked.at(-1)!.bodies, { kind: 'moved', to: '0'.repeat(64) })
    assert.equal(gateway.take(1)[0]?.answer?.code, 'moved')
  })
})
