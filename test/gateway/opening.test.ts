import assert from 'node:assert/strict'
import type { AuthorityRouter } from '../../daemon/gateway/router.ts'
import { AREA, AREA_INFO, GENESIS_HASH, TestAuthority } from './support/authority.ts'
import { GATEWAY_ID, Harness, testPlayer } from './support/harness.ts'

const ada = testPlayer('Ada')
const bob = testPlayer('Bob')

describe('the gateway core: opening a session', () => {
  it('challenges at once, and welcomes who answers rightly', () => {
    const gateway = new Harness()
    gateway.core.connected(1, '127.0.0.1')
    const { challenge } = gateway.sent.get(1)![0]!
    assert.equal(challenge!.gatewayId, GATEWAY_ID)
    assert.deepEqual(Buffer.from(challenge!.genesisHash!), Buffer.from(GENESIS_HASH))
    gateway.say(1, gateway.openMessage(1, ada))
    const welcome = gateway.take(1)[1]!.welcome!
    assert.equal(welcome.area, AREA)
    assert.deepEqual(Buffer.from(welcome.nodes[0]!.logKey!), Buffer.from(gateway.authority.logKey))
    assert.equal(gateway.core.stats.sessions, 1)
  })

  const wrongs: [string, string, (gateway: Harness) => Parameters<Harness['say']>[1]][] = [
    ["somebody else's player key", 'bad-session', it => it.openMessage(1, ada, { playerKey: bob.publicKey })],
    [
      "somebody else's session key",
      'bad-session',
      it => it.openMessage(1, ada, { sessionKey: bob.sessionKey }),
    ],
    [
      "the player's signature missing",
      'bad-grant',
      it => it.openMessage(1, ada, { playerSignature: new Uint8Array(64) }),
    ],
    ['a grant that ran out', 'expired', it => it.openMessage(1, ada, { expiresAtMs: it.wallMs })],
    [
      'a grant for a year',
      'expired',
      it => it.openMessage(1, ada, { expiresAtMs: it.wallMs + 31_536_000_000 }),
    ],
    ['a version of the future', 'version', it => it.openMessage(1, ada, { version: 99 })],
  ]
  for (const [what, code, message] of wrongs) {
    it(`refuses ${what} with ${code}, and closes`, () => {
      const gateway = new Harness()
      gateway.core.connected(1, '127.0.0.1')
      gateway.say(1, message(gateway))
      assert.deepEqual(gateway.takeProblems(1), [code])
      assert.equal(gateway.closings.get(1), 'refused')
      assert.equal(gateway.counts.get(`gateway_refused_total ${code}`), 1)
    })
  }

  it("refuses an answer to another connection's challenge", () => {
    const gateway = new Harness()
    gateway.core.connected(1, '127.0.0.1')
    const recorded = gateway.openMessage(1, ada)
    gateway.core.connected(2, '127.0.0.1')
    gateway.say(2, recorded)
    assert.deepEqual(gateway.takeProblems(2), ['bad-session'])
  })

  it('refuses the same answer twice', () => {
    const gateway = new Harness()
    gateway.core.connected(1, '127.0.0.1')
    const recorded = gateway.openMessage(1, ada)
    gateway.say(1, recorded)
    gateway.say(1, recorded)
    assert.deepEqual(gateway.takeProblems(1), ['already-open'])
    gateway.core.closed(1)
    gateway.core.connected(1, '127.0.0.1')
    gateway.say(1, recorded)
    assert.deepEqual(gateway.takeProblems(1), ['bad-session'])
  })

  it('closes a connection that opens no session in time', () => {
    const gateway = new Harness({ limits: { handshakeMs: 3_000 } })
    gateway.core.connected(1, '127.0.0.1')
    gateway.pass(2_500)
    assert.equal(gateway.closings.size, 0)
    gateway.pass(2_000)
    assert.equal(gateway.closings.get(1), 'handshake-timeout')
  })

  it('closes a session whose grant has run out', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.wallMs += 2 * 3_600_000
    gateway.pass(1_100)
    assert.equal(gateway.closings.get(1), 'grant-expired')
  })

  it('opens the area that is wished for, wherever else the player has a character, and chooses only when asked to', () => {
    const area = new TestAuthority()
    const submitted: string[] = []
    const router: AuthorityRouter = {
      areas: () => [{ ...AREA_INFO, name: 'area/1' }, AREA_INFO],
      submit: (name, bodies, source) => {
        submitted.push(name)
        if (name === AREA) area.submit(name, bodies, source)
      },
      read: (name, target, answer) => area.read(name, target, answer),
      whenFinal: () => {},
      subscribe: (name, listener) => (name === AREA ? area.subscribe(name, listener) : () => {}),
    }
    const gateway = new Harness({ router })
    const join = (id: number, number: number, wish: string) => {
      gateway.core.connected(id, '127.0.0.1')
      gateway.say(id, gateway.openMessage(id, testPlayer('Ada', number), { area: wish }))
      gateway.act(id, testPlayer('Ada', number), 1, { kind: 'spawn', name: 'Ada' })
      return gateway.take(id).find(({ welcome }) => welcome !== undefined)?.welcome?.area
    }
    assert.equal(join(1, 1, AREA), AREA)
    area.flushFeed()
    gateway.pass(1_000)
    assert.equal(join(2, 2, 'area/1'), 'area/1')
    assert.equal(join(3, 3, ''), AREA)
    assert.deepEqual(submitted, [AREA, 'area/1', AREA])
    gateway.core.connected(4, '127.0.0.1')
    gateway.say(4, gateway.openMessage(4, bob, { area: 'area/7' }))
    assert.deepEqual(gateway.takeProblems(4), ['unknown-area'])
  })

  it('closes the older connection when the player opens another', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.join(2, testPlayer('Ada', 2))
    assert.equal(gateway.closings.get(1), 'session-replaced')
    gateway.core.closed(1)
    assert.equal(gateway.core.stats.sessions, 1)
  })
})
