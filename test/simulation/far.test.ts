import assert from 'node:assert/strict'
import { decodeFrame } from '../../consensus/groups/frame.ts'
import { MessageType } from '../../consensus/raft/types.ts'
import type { Channel, Network } from '../../daemon/ports.ts'
import { SimRealm } from '../../testnet/simulation/authorities/sim-realm.ts'
import { FAR } from '../../testnet/simulation/link.ts'
import { seedOr, simulate } from '../../testnet/simulation/replay.ts'

const TITLE = 'authorities whose nodes are 200 ms apart'
const GROUPS = [1, 2, 3]
/** Entries that may be on their way at one moment. */
const IN_FLIGHT = 50

/** What all nodes say to each other about groups, by the kind of message or note. */
class Tap {
  readonly counts = new Map<string, number>()
  readonly spokenOf = new Set<number>()
  readonly #names = new Map(Object.entries(MessageType).map(([name, type]) => [type as number, name]))

  count(kind: string): number {
    return this.counts.get(kind) ?? 0
  }

  readonly network = (network: Network): Network => ({
    self: network.self,
    peers: () => network.peers(),
    onPeer: listener => network.onPeer(listener),
    handle: (name, options, handler) =>
      network.handle(name, options, channel => handler(this.#tapped(name, channel))),
    open: async (peer, name) => this.#tapped(name, await network.open(peer, name)),
    subscribe: (topic, maxBytes, listener) => network.subscribe(topic, maxBytes, listener),
    publish: (topic, data) => network.publish(topic, data),
  })

  #tapped(name: string, channel: Channel): Channel {
    if (name !== 'raft/1') return channel
    const send = channel.send.bind(channel)
    channel.send = frame => {
      this.#heard(frame)
      return send(frame)
    }
    return channel
  }

  #heard(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, bytes.length)
    if (typeof frame === 'string') return
    for (const { group, messages } of frame.groups) {
      this.spokenOf.add(group)
      for (const { type, reject, entries } of messages) {
        this.#add(`${this.#names.get(type)}${reject ? ' refused' : ''}`)
        // A read names itself in an entry that belongs to no log.
        if (type === MessageType.App) this.#add('entries', entries.length)
      }
    }
  }

  #add(kind: string, by = 1): void {
    this.counts.set(kind, this.count(kind) + by)
  }
}

describe(TITLE, function () {
  this.timeout(60_000)

  it('elect once, send each entry once to each follower, and nothing at all when they sleep', async () => {
    await simulate(seedOr(5), TITLE, async simulation => {
      simulation.network.configure({ link: FAR })
      const tap = new Tap()
      const plan = { seed: simulation.seed, nodes: 5, groups: GROUPS.length, replicas: 3 }
      const realm = new SimRealm(simulation, plan, { engineNetwork: tap.network })
      await simulation.runFor(10_000)
      const leaders = GROUPS.map(group => realm.leaderOf(group))
      assert.ok(leaders.every(leader => leader !== undefined))
      const committed = (): number =>
        realm.nodes.reduce((sum, { program }) => sum + program!.engine.driver.counters.committed, 0)
      const committedBefore = committed()
      tap.counts.clear()

      realm.addPlayers(6)
      await simulation.runFor(40_000)
      for (const player of realm.players) player.resting = true
      await simulation.runFor(10_000)
      assert.deepEqual(
        GROUPS.map(group => realm.leaderOf(group)),
        leaders,
      )
      assert.equal(realm.judge.counters.get('leaders'), GROUPS.length)
      assert.ok(realm.judge.counters.get('answered')! > 500)
      for (const kind of ['PreVote', 'Vote', 'TimeoutNow', 'Snap', 'AppResp refused'])
        assert.equal(tap.count(kind), 0, kind)
      const sentOnce = ((committed() - committedBefore) * 2) / 3
      const entries = tap.count('entries')
      assert.ok(entries >= sentOnce && entries < sentOnce + IN_FLIGHT, `${entries} sent, not ${sentOnce}`)
      // Besides entries: word of each commit, and an empty append for a heartbeat's answer that finds some under way.
      const empty = tap.count('App') - entries
      assert.ok(empty < 1.1 * (entries + tap.count('HeartbeatResp')), `${empty} empty appends`)
      for (const trouble of [
        'routing_silent_leader',
        'routing_expired',
        'gateway_closed_total',
        'answer-busy',
      ])
        assert.equal(realm.judge.counters.get(trouble) ?? 0, 0, trouble)

      const isQuiet = (group: number): boolean => {
        const { rules } = realm.authorityOn(realm.leaderOf(group)!, group)!.authority.replica
        return !rules.needsTick()
      }
      assert.ok(await simulation.runUntil(() => GROUPS.some(isQuiet), 60_000))
      await simulation.runFor(5_000)
      const quiet = GROUPS.filter(isQuiet)
      tap.spokenOf.clear()
      await simulation.runFor(10_000)
      for (const group of quiet) assert.ok(!tap.spokenOf.has(group), `group ${group} does not sleep`)
    })
  })
})
