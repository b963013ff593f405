import type { Engine } from '../../../daemon/hosting/engine.ts'
import type { Channel, Clock, Network } from '../../../daemon/ports.ts'
import type { Store } from '../../../storage/store.ts'
import type { SimContext } from '../node.ts'
import type { Wiring } from './daemon.ts'

const asItIs = <T>(part: T): T => part

export const HONEST: Wiring = {
  store: asItIs,
  engineNetwork: asItIs,
  routerNetwork: asItIs,
  routerClock: asItIs,
  started: () => {},
}

/**
 * Bugs that the checks must find, each put between the daemon's parts and nowhere in them: a check that no bug has
 * ever failed may be one that cannot fail.
 */
const BUGS = {
  /** The store says "durable" as soon as it was asked to write. */
  'acknowledges-before-sync': { store: hasty },
  /** One batch becomes two: a crash in between keeps half of it. */
  'splits-batches': { store: splitting },
  /** A leader applies and answers what it has only proposed. */
  'answers-before-commit': { started: speculating },
  /** A state snapshot that lacks the table of sessions. */
  'snapshot-loses-sessions': { started: afterRestart(world => world.area.players.clear()) },
  /** A restart forgets the outcomes that retries ask for. */
  'restart-forgets-outcomes': {
    started: afterRestart(world => {
      for (const player of world.area.players.values()) player.record.outcomes.length = 0
    }),
  },
  /** Now and then an entry is proposed twice, and every replica alike applies its inputs again. */
  'applies-copies': { started: applyingCopies },
  /** What a gateway has sent to a leader it never sends to another. */
  'router-never-retries': { routerNetwork: withoutEnds, routerClock: standing },
  /** A change that a feed should have told is lost on the way. */
  'feed-loses-changes': { routerNetwork: losingFrames('feed/1', 2) },
  /** A replica that catches up takes what it is given, though it was changed on the way. */
  'catch-up-changes-records': { engineNetwork: changingFrames('sync/1') },
} satisfies Record<string, Partial<Wiring>>

export type PlantedBug = keyof typeof BUGS
export const PLANTED_BUGS = Object.keys(BUGS) as PlantedBug[]

export function wiringOf(bug: PlantedBug): Wiring {
  return { ...HONEST, ...BUGS[bug] }
}

function hasty(store: Store): Store {
  return {
    ...readsOf(store),
    write: (ops, _options, done) => {
      store.write(ops, { sync: false }, () => {})
      queueMicrotask(() => done())
    },
  }
}

function splitting(store: Store): Store {
  return {
    ...readsOf(store),
    write: (ops, options, done) => {
      const half = ops.length >> 1
      store.write(ops.slice(0, half), { sync: true }, () => store.write(ops.slice(half), options, done))
    },
  }
}

function readsOf(store: Store): Omit<Store, 'write'> {
  return {
    get: key => store.get(key),
    getMany: keys => store.getMany(keys),
    range: range => store.range(range),
    close: () => store.close(),
  }
}

function speculating(engine: Engine): void {
  const { driver } = engine
  const propose = driver.propose.bind(driver)
  driver.propose = (group, data) => {
    const proposed = propose(group, data)
    if (proposed.ok) {
      const { index, term } = proposed
      queueMicrotask(() => engine.authority(group)!.committed([{ index, term, data }]))
    }
    return proposed
  }
}

/** The parts of a world that the planted bugs reach into. */
interface OpenWorld {
  readonly area: {
    readonly players: Map<string, { readonly record: { outcomes: Uint8Array[]; lastSeq: number } }>
  }
}

function afterRestart(spoil: (world: OpenWorld) => void): Wiring['started'] {
  return (engine: Engine, context: SimContext) => {
    if (context.incarnation === 1) return
    for (const { authority } of engine.authorities()) spoil(authority.replica.world as unknown as OpenWorld)
  }
}

function applyingCopies(engine: Engine): void {
  const { driver } = engine
  const propose = driver.propose.bind(driver)
  let proposals = 0
  driver.propose = (group, data) => {
    if (++proposals % 20 === 0) propose(group, data)
    return propose(group, data)
  }
  for (const { authority } of engine.authorities()) {
    const { world } = authority.replica
    const apply = world.apply.bind(world)
    world.apply = (kind, body, leaf) => {
      const applied = apply(kind, body, leaf)
      if (applied.outcome?.code !== 'duplicate') return applied
      const key = Buffer.from(body.subarray(0, 32)).toString('latin1')
      const player = (world as unknown as OpenWorld).area.players.get(key)
      if (player === undefined) throw new Error('the planted bug does not find the player any more')
      player.record.lastSeq = applied.outcome.seq - 1
      return apply(kind, body, leaf)
    }
  }
}

/** Nobody is told that a peer, or a channel to it, is gone. */
function withoutEnds(network: Network): Network {
  return {
    ...throughTo(network),
    onPeer: () => {},
    open: async (peer, name) => throughChannel(await network.open(peer, name), { onClose: () => {} }),
  }
}

function standing(clock: Clock): Clock {
  return { wallMs: () => clock.wallMs(), monotonicMs: () => 0, after: (ms, run) => clock.after(ms, run) }
}

function losingFrames(protocol: string, every: number): (network: Network) => Network {
  return eachFrame(protocol, (frame, count) => (count % every === 0 ? undefined : frame))
}

function changingFrames(protocol: string): (network: Network) => Network {
  return eachFrame(protocol, frame => {
    const changed = frame.slice()
    // Well behind the headers: in a salt or a body of its records.
    if (changed.length > 100) changed[changed.length - 8]! ^= 1
    return changed
  })
}

/** What arrives on the channels of one protocol that this node opens. */
function eachFrame(
  protocol: string,
  change: (frame: Uint8Array, count: number) => Uint8Array | undefined,
): (network: Network) => Network {
  return network => ({
    ...throughTo(network),
    open: async (peer, name) => {
      const channel = await network.open(peer, name)
      if (name !== protocol) return channel
      let count = 0
      return throughChannel(channel, {
        onFrame: listener =>
          channel.onFrame(frame => {
            const changed = change(frame, ++count)
            if (changed !== undefined) listener(changed)
          }),
      })
    },
  })
}

export function throughTo(network: Network): Network {
  return {
    self: network.self,
    peers: () => network.peers(),
    onPeer: listener => network.onPeer(listener),
    handle: (name, options, handler) => network.handle(name, options, handler),
    open: (peer, name) => network.open(peer, name),
    subscribe: (topic, maxBytes, listener) => network.subscribe(topic, maxBytes, listener),
    publish: (topic, data) => network.publish(topic, data),
  }
}

function throughChannel(channel: Channel, changed: Partial<Channel>): Channel {
  return {
    peer: channel.peer,
    protocol: channel.protocol,
    send: frame => channel.send(frame),
    onFrame: listener => channel.onFrame(listener),
    onDrain: listener => channel.onDrain(listener),
    onClose: listener => channel.onClose(listener),
    close: reason => channel.close(reason),
    ...changed,
  }
}
