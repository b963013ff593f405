import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeReceipts } from '../../client/protocol/receipts.ts'
import type { AuthorityRouter, InputSource } from '../../daemon/gateway/router.ts'
import { decodeOutcome } from '../../world/codec.ts'
import { AREA, AREA_INFO, GENESIS_HASH, MEMBER, TestAuthority } from './support/authority.ts'
import { encodeClient, GATEWAY_ID, Harness, inputBody, testPlayer } from './support/harness.ts'

const STOP = { kind: 'move', vxMmPerTick: 0, vyMmPerTick: 0 } as const
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

describe('the gateway core: inputs', () => {
  it('routes an input and answers with its receipt', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.take(1)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    const [{ receipts }] = gateway.take(1) as [{ receipts: Uint8Array }]
    const { outcomes, signer } = decodeReceipts(receipts)!
    assert.deepEqual(
      outcomes.map(outcome => decodeOutcome(outcome)?.seq),
      [1],
    )
    assert.equal(signer, MEMBER)
  })

  it('takes several inputs in one message, and answers them in one', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.take(1)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.take(1)
    const bodies = [2, 3, 4].map(seq => inputBody(ada, seq, STOP))
    gateway.say(1, { inputs: { bodies } })
    const sent = gateway.take(1)
    assert.equal(sent.length, 1)
    assert.deepEqual(
      decodeReceipts(sent[0]!.receipts!)!.outcomes.map(outcome => decodeOutcome(outcome)?.seq),
      [2, 3, 4],
    )
    assert.equal(gateway.core.stats.inFlight, 0)
  })

  it('refuses a message with no inputs, with too many, and with one of somebody else among them, as a whole', () => {
    const gateway = new Harness({ limits: { inputsInFlight: 3 } })
    gateway.join(1, ada)
    gateway.take(1)
    const bodies = [1, 2, 3, 4].map(seq => inputBody(ada, seq, STOP))
    for (const wrong of [[], bodies, [bodies[0]!, inputBody(bob, 1, STOP)], [bodies[0]!, new Uint8Array(9)]])
      gateway.say(1, { inputs: { bodies: wrong } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'oversized', 'other-session', 'malformed'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it('counts each input of a message by itself, by rate and by room', () => {
    const gateway = new Harness({ limits: { inputBurst: 4, inputsPerSecond: 1 } })
    gateway.join(1, ada)
    gateway.take(1)
    gateway.say(1, { inputs: { bodies: [1, 2, 3, 4, 5, 6].map(seq => inputBody(ada, seq, STOP)) } })
    const late = gateway.take(1).flatMap(({ answer }) => answer ?? [])
    assert.equal(gateway.authority.arrivals, 4)
    assert.deepEqual(
      late.filter(({ code }) => code === 'over-rate').map(({ seq }) => seq),
      [5, 6],
    )
    assert.equal(gateway.counts.get('gateway_refused_total over-rate'), 2)
  })

  it('passes on gap, busy, unavailable and refused as they are', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    const results = [
      { kind: 'gap', expectedSeq: 9 },
      { kind: 'busy', retryAfterMs: 7 },
      { kind: 'unavailable', retryAfterMs: 0 },
      { kind: 'refused', code: 'odd' },
    ] as const
    gateway.take(1)
    for (const result of results) {
      gateway.authority.mishap = () => ({ result })
      gateway.act(1, ada, 2, STOP)
    }
    const answers = gateway.take(1).map(({ answer }) => answer!)
    assert.deepEqual(
      answers.map(({ expectedSeq, retryAfterMs, code }) => [expectedSeq, retryAfterMs, code]),
      [
        [9, 0, ''],
        [0, 7, 'busy'],
        [0, 1, 'unavailable'],
        [0, 0, 'odd'],
      ],
    )
  })

  it('takes nothing before the session is open', () => {
    const gateway = new Harness()
    gateway.core.connected(1, '127.0.0.1')
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.say(1, { watch: { place: false, area: '', xMm: 0, yMm: 0, radiusMm: 1, limit: 1 } })
    assert.deepEqual(gateway.takeProblems(1), ['unauthenticated', 'unauthenticated'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it("refuses inputs in another player's name or of another session", () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.act(1, bob, 1, { kind: 'spawn', name: 'Bob' })
    gateway.act(1, testPlayer('Ada', 2), 1, { kind: 'spawn', name: 'Ada' })
    assert.deepEqual(gateway.takeProblems(1), ['other-session', 'other-session'])
    assert.equal(gateway.authority.arrivals, 0)
  })

  it('lets through the burst and then the rate, and says when to ask again', () => {
    const gateway = new Harness({ limits: { inputsPerSecond: 10, inputBurst: 5, maxOffences: 1_000 } })
    gateway.join(1, ada)
    gateway.take(1)
    for (let seq = 1; seq <= 20; seq++)
      gateway.act(1, ada, seq, seq === 1 ? { kind: 'spawn', name: 'Ada' } : STOP)
    assert.equal(gateway.authority.arrivals, 5)
    const held = gateway.take(1).flatMap(({ answer }) => (answer?.code === 'over-rate' ? [answer] : []))
    assert.equal(held.length, 15)
    assert.ok(held.every(({ retryAfterMs }) => retryAfterMs! > 0 && retryAfterMs! <= 100))
    gateway.pass(1_000)
    for (let seq = 6; seq <= 30; seq++) gateway.act(1, ada, seq, STOP)
    assert.equal(gateway.authority.arrivals, 10, 'no more than the bucket holds')
  })

  it('passes reads on, within limits of their own', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const router: AuthorityRouter = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      submit: () => {},
      whenFinal: () => {},
      read: (area, target, answer) => void waiting.push(() => real.read(area, target, answer)),
    }
    const limits = { inputsInFlight: 3, inputsPerSecond: 1, inputBurst: 5 }
    const gateway = new Harness({ router, limits })
    gateway.join(1, ada)
    gateway.take(1)
    for (let number = 1; number <= 6; number++)
      gateway.say(1, { read: { number, target: new Uint8Array(16) } })
    const told = () => gateway.take(1).map(({ readAnswer }) => [readAnswer!.number, readAnswer!.code])
    assert.deepEqual(told(), [
      [4, 'busy'],
      [5, 'busy'],
      [6, 'over-rate'],
    ])
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.deepEqual(told(), [
      [1, ''],
      [2, ''],
      [3, ''],
    ])
    for (const target of [new Uint8Array(15), new Uint8Array(0)])
      gateway.say(1, { read: { number: 1, target } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'malformed'])
  })

  it('passes on what is asked to be final, a few questions of a session at a time', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const busy = { kind: 'busy', retryAfterMs: 7 } as const
    const router: AuthorityRouter = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      submit: () => {},
      read: () => {},
      whenFinal: (_area, { leaves, soon }, answer) => {
        assert.deepEqual([leaves, soon], [[3, 300], true])
        waiting.push(() => answer(busy))
      },
    }
    const limits = { finalsInFlight: 3, inputsPerSecond: 1, inputBurst: 5 }
    const gateway = new Harness({ router, limits })
    const ask = (number: number) => gateway.say(1, { finalAsk: { number, leaves: [3, 300], soon: true } })
    gateway.core.connected(1, '127.0.0.1')
    ask(1)
    assert.deepEqual(gateway.takeProblems(1), ['unauthenticated'])
    gateway.core.closed(1)
    gateway.join(1, ada)
    gateway.take(1)
    for (let number = 1; number <= 6; number++) ask(number)
    const told = () => gateway.take(1).map(({ finalAnswer }) => [finalAnswer!.number, finalAnswer!.code])
    assert.deepEqual(told(), [
      [4, 'busy'],
      [5, 'busy'],
      [6, 'over-rate'],
    ])
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting.splice(0)) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.equal(told().length, 3)
    for (const leaves of [[], [5, 5], [7, 5], Array.from({ length: 129 }, (_, i) => i)])
      gateway.say(1, { finalAsk: { number: 1, leaves, soon: false } })
    assert.deepEqual(gateway.takeProblems(1), ['malformed', 'malformed', 'malformed', 'malformed'])
  })

  it('answers busy when too many wait for an answer', () => {
    const waiting: (() => void)[] = []
    const real = new Harness().authority
    const router = {
      areas: () => real.areas(),
      subscribe: () => () => {},
      read: () => {},
      whenFinal: () => {},
      submit: (_area: string, bodies: readonly Uint8Array[], source: InputSource) =>
        void waiting.push(() => source.answered(bodies, { kind: 'busy', retryAfterMs: 1 })),
    }
    const gateway = new Harness({ router, limits: { inputsInFlight: 3 } })
    gateway.join(1, ada)
    gateway.take(1)
    for (let seq = 1; seq <= 4; seq++) gateway.act(1, ada, seq, STOP)
    assert.deepEqual(
      gateway.take(1).map(({ answer }) => [answer!.seq, answer!.code]),
      [[4, 'busy']],
    )
    assert.equal(gateway.core.stats.inFlight, 3)
    for (const answer of waiting) answer()
    assert.equal(gateway.core.stats.inFlight, 0)
    assert.equal(gateway.take(1).length, 3)
  })

  it('drops answers to those who left', () => {
    let late = () => {}
    const areas = new Harness().authority.areas()
    const router = {
      areas: () => areas,
      subscribe: () => () => {},
      read: () => {},
      whenFinal: () => {},
      submit: (_area: string, bodies: readonly Uint8Array[], source: InputSource) => {
        late = () => source.answered(bodies, { kind: 'busy', retryAfterMs: 1 })
      },
    }
    const gateway = new Harness({ router })
    gateway.join(1, ada)
    gateway.act(1, ada, 1, STOP)
    gateway.core.closed(1)
    gateway.take(1)
    late()
    assert.deepEqual(gateway.take(1), [])
  })
})

describe('the gateway core: bad company', () => {
  it('takes so many connections in all, so many of one address, and more of this machine', () => {
    const gateway = new Harness({ limits: { maxConnections: 5, maxPerAddress: 1, maxLoopback: 3 } })
    const addresses = [
      '10.0.0.1',
      '10.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '127.0.0.1',
      '10.0.0.2',
      '10.0.0.3',
    ]
    addresses.forEach((address, id) => {
      gateway.core.connected(id, address)
    })
    assert.deepEqual(
      [...gateway.closings],
      [
        [1, 'full'],
        [5, 'full'],
        [7, 'full'],
      ],
    )
    gateway.core.closed(1)
    gateway.core.closed(0)
    gateway.core.connected(8, '10.0.0.1')
    assert.equal(gateway.closings.has(8), false)
  })

  it('closes after repeated offences, and forgives with time', () => {
    const gateway = new Harness({ limits: { maxOffences: 5, forgiveMs: 1_000 } })
    gateway.join(1, ada)
    for (let i = 0; i < 4; i++) gateway.core.message(1, new Uint8Array([255]))
    gateway.pass(4_000)
    for (let i = 0; i < 4; i++) gateway.core.message(1, new Uint8Array([255]))
    assert.equal(gateway.closings.size, 0)
    gateway.core.message(1, new Uint8Array([255]))
    assert.equal(gateway.closings.get(1), 'too-many-offences')
  })

  it('never throws on any bytes, refuses and counts them, and serves the others on', () => {
    const gateway = new Harness({ limits: { maxOffences: 1e9 } })
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.act(2, bob, 1, { kind: 'spawn', name: 'Bob' })
    const right = encodeClient({ inputs: { bodies: [inputBody(ada, 1, { kind: 'spawn', name: 'Ada' })] } })
    const mangled = fc
      .tuple(fc.nat(right.length - 1), fc.nat(255), fc.nat(right.length))
      .map(([at, byte, end]) => right.with(at, byte).subarray(0, end))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2_000 }), mangled), fc.boolean(), (bytes, opened) => {
        if (!opened) gateway.core.connected(3, '127.0.0.1')
        gateway.core.message(opened ? 1 : 3, bytes)
        gateway.core.closed(3)
        gateway.take(1)
        gateway.take(3)
      }),
      { numRuns: 2_000 },
    )
    gateway.take(2)
    gateway.nowMs += 1_000
    gateway.act(2, bob, 2, STOP)
    assert.ok(gateway.take(2)[0]!.receipts !== undefined)
    assert.ok(gateway.counts.get('gateway_refused_total malformed')! > 100)
  })

  it('stays sound whatever the order of connecting, speaking, leaving and time', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('connect'), id: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ what: fc.constant('open'), id: fc.integer({ min: 1, max: 4 }), who: fc.nat(2) }),
      fc.record({
        what: fc.constant('input'),
        id: fc.integer({ min: 1, max: 4 }),
        who: fc.nat(2),
        seq: fc.nat(3),
      }),
      fc.record({ what: fc.constant('watch'), id: fc.integer({ min: 1, max: 4 }), radius: fc.nat(2 ** 40) }),
      fc.record({ what: fc.constant('leave'), id: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ what: fc.constant('slow'), id: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(8_000_000) }),
      fc.record({ what: fc.constant('time'), id: fc.constant(0), ms: fc.nat(3_000) }),
    )
    const players = [ada, bob, testPlayer('Cid')]
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const gateway = new Harness()
        const open = new Set<number>()
        for (const it of steps) {
          for (const id of gateway.closings.keys()) open.delete(id)
          gateway.closings.clear()
          const { id } = it
          if (it.what === 'connect' && !open.has(id)) {
            open.add(id)
            gateway.core.connected(id, '127.0.0.1')
          } else if ('who' in it && 'seq' in it)
            gateway.act(id, players[it.who]!, it.seq, { kind: 'spawn', name: 'X' })
          else if ('who' in it) gateway.say(id, gateway.openMessage(id, players[it.who]!))
          else if ('radius' in it) {
            gateway.say(id, {
              watch: { place: true, area: AREA, xMm: -5, yMm: 5, radiusMm: it.radius, limit: 0 },
            })
          } else if ('bytes' in it) gateway.core.backlog(id, it.bytes)
          else if ('ms' in it) gateway.pass(it.ms)
          else if (it.what === 'leave') {
            open.delete(id)
            gateway.core.closed(id)
          }
        }
        for (const id of gateway.closings.keys()) open.delete(id)
        const { connections, sessions, inFlight } = gateway.core.stats
        assert.equal(connections, open.size)
        assert.ok(sessions <= connections)
        assert.equal(inFlight, 0)
      }),
      { numRuns: 150 },
    )
  })

  it('degrades a slow client and then drops it, without holding up anybody', () => {
    const gateway = new Harness({ limits: { slowBytes: 1_000, stuckBytes: 1e9, slowMs: 5_000 } })
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.act(1, ada, 1, { kind: 'spawn', name: 'Ada' })
    gateway.act(2, bob, 1, { kind: 'spawn', name: 'Bob' })
    gateway.pass(600)
    gateway.take(1)
    gateway.take(2)
    gateway.core.backlog(1, 2_000)
    gateway.act(2, bob, 2, { kind: 'move', vxMmPerTick: 5, vyMmPerTick: 0 })
    gateway.authority.tick()
    gateway.pass(1_000)
    assert.equal(gateway.take(1).filter(({ view }) => view !== undefined).length, 0)
    assert.ok(gateway.take(2).some(({ view }) => view !== undefined))
    gateway.core.backlog(1, 0)
    gateway.pass(600)
    assert.ok(
      gateway.take(1).some(({ view }) => view !== undefined && view.seen.length > 0),
      'caught up at once',
    )
    gateway.core.backlog(1, 2_000)
    gateway.pass(5_100)
    gateway.core.backlog(1, 2_000)
    assert.equal(gateway.closings.get(1), 'slow')
  })

  it('says goodbye to everybody when it stops', () => {
    const gateway = new Harness()
    gateway.join(1, ada)
    gateway.join(2, bob)
    gateway.core.stop()
    assert.deepEqual([...gateway.closings.values()], ['stopping', 'stopping'])
  })
})
