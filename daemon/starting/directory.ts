import { sha256 } from '../../storage/sha256.ts'
import type { Store } from '../../storage/store.ts'
import { MAX_ROUND_TRIPS } from '../../world/directory/limits.ts'
import { DirectoryLog } from '../directory/log.ts'
import { Measures } from '../directory/measures.ts'
import { type DirectoryNeeds, DirectoryPart } from '../directory/part.ts'
import type { OwnFacts } from '../directory/reports.ts'
import { capsOf } from '../directory/shares.ts'
import type { Engine } from '../hosting/engine.ts'
import type { HostedAuthority } from '../hosting/opening.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { RunningNetwork } from '../network/options.ts'
import type { NodeBook } from '../nodes/book.ts'
import { realRandom } from '../real-ports.ts'
import type { InputRouter } from '../routing/router.ts'
import { version } from '../version.ts'
import type { Basis, Ground, Parts } from './parts.ts'

/** What this node knows of the directory's certified log, with what follows it. */
export function directoryLog(
  ground: Ground,
  parts: Parts,
  hosted: HostedAuthority,
  store: Store,
  network: RunningNetwork,
): DirectoryLog {
  const { book, clock, count } = ground
  return new DirectoryLog({
    ...{ hosted, store, network, clock, book, sha256, verify: verifySignature, count },
    engine: () => parts.engine,
    finality: () => parts.finality,
    failed: failedOn(ground),
  })
}

/** This node as a client of the directory. */
export function directoryPart(
  basis: Basis,
  parts: Parts,
  hosted: HostedAuthority,
  log: DirectoryLog,
  network: RunningNetwork,
): DirectoryPart {
  const { self, book, keys, clock, count } = basis
  return new DirectoryPart({
    ...{ self: self.number, hosted, log, network, clock, random: realRandom, sha256 },
    ...{ identity: keys.identity, book, count },
    engine: () => parts.engine,
    failed: failedOn(basis),
  })
}

/** What it begins with, once the engine and the way to the authorities are there. */
export function directoryNeeds(
  { self, book, config, clock }: Basis,
  parts: Parts,
  network: RunningNetwork,
  engine: Engine,
  router: InputRouter,
  { group, incarnation }: { readonly group: number; readonly incarnation: number },
): DirectoryNeeds {
  const { dataDir } = config
  const traffic = () => network.stats().traffic
  const measures = new Measures({ dataDir, traffic, caps: capsOf(config) }, clock.monotonicMs())
  return {
    ...{ engine, router, version, incarnation },
    addresses: () => self.addresses,
    measure: () => measures.take(clock.monotonicMs()),
    roundTrips: () => nearest(network, book),
    leaderElsewhere: () => parts.board?.leaderOf(group)?.node ?? 0,
    nextOther: () => parts.sponsor?.next(),
  }
}

function nearest(network: RunningNetwork, book: NodeBook): OwnFacts['roundTrips'] {
  const measured = network.stats().peers.flatMap(({ peer, roundTripMs }) => {
    const node = book.numberOf(peer)
    return node === undefined || roundTripMs === undefined ? [] : [{ node, ms: Math.round(roundTripMs) }]
  })
  const near = measured.sort((a, b) => a.ms - b.ms || a.node - b.node).slice(0, MAX_ROUND_TRIPS)
  return near.sort((a, b) => a.node - b.node)
}

function failedOn({ log }: Ground): (error: Error, what: string) => void {
  return (error, what) => log.error({ error: error.message }, what)
}
