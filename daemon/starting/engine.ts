import { sha256 } from '../../storage/sha256.ts'
import type { Store } from '../../storage/store.ts'
import { DivergenceError } from '../authority/errors.ts'
import type { SetupError } from '../config/setup-error.ts'
import type { Genesis } from '../genesis/genesis.ts'
import { Engine } from '../hosting/engine.ts'
import { memberCosigning } from '../hosting/finality/cosigners.ts'
import { parseKeepBodies } from '../hosting/retention.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { RunningNetwork } from '../network/options.ts'
import { isDamage, setupErrorOf } from '../node-errors.ts'
import { atEndOfTurn, realRandom } from '../real-ports.ts'
import { authoritiesOf, handoversOf } from './from-genesis.ts'
import type { Basis, Parts } from './parts.ts'

export interface EngineTroubles {
  /** One authority can't go on here. */
  readonly problem: (message: string) => void
  /** The node can't. */
  readonly fatal: (error: SetupError) => void
}

/** All authorities of this node, read back from its disk. */
export async function startEngine(
  basis: Basis,
  parts: Parts,
  store: Store,
  network: RunningNetwork,
  { problem, fatal }: EngineTroubles,
): Promise<Engine> {
  const { config, genesis, book, keys, self, clock, log, count } = basis
  return await Engine.start({
    self: self.number,
    peers: book.peers,
    authorities: authoritiesOf(genesis),
    logKey: keys.log,
    store,
    network,
    clock,
    random: realRandom,
    schedule: atEndOfTurn,
    sha256,
    verify: verifySignature,
    handovers: handoversOf(genesis, book),
    heartbeatMs: config.heartbeatMs,
    electionMs: config.electionMs,
    leaseReads: config.leaseReads,
    recordsBetweenSnapshots: config.recordsBetweenSnapshots,
    keepBodies: parseKeepBodies(config.keepBodies),
    count,
    log: (event, facts) => log.info(facts, event),
    ...(parts.finality && { views: parts.finality }),
    ...(parts.directory && { renewals: parts.directory.renewals }),
    onShown: group => parts.directory?.shown(group),
    onSeal: (group, seal) => parts.finality?.sealed(group, seal) ?? [],
    certifiedHeight: group => parts.finality?.status(group)?.certifiedHeight,
    final: group => parts.finality?.final(group),
    cosigning: cosigning(basis, parts, network),
    onLeader: (name, node) => parts.router?.leaderIs(name, node),
    onMembers: (name, members) => parts.router?.membersAre(name, members),
    onHalted: (name, error) => {
      problem(error.message)
      log.error({ authority: name, error: error.message }, 'authority halted')
      // The log contradicts this replica's state: in the next view it begins anew from what is decided.
      if (error instanceof DivergenceError) parts.finality?.suspect(groupOf(genesis, name), 'diverged')
      // What else the disk gives back can't be trusted either.
      if (isDamage(error)) fatal(setupErrorOf(error, config))
    },
    onStoreFailure: error => fatal(setupErrorOf(error, config)),
  })
}

function cosigning(
  { genesis, book, keys, self, clock, count }: Basis,
  parts: Parts,
  network: RunningNetwork,
): ReturnType<typeof memberCosigning> {
  const { network: networkName } = genesis.file
  return memberCosigning({
    self: self.number,
    ...{ networkName, network, key: keys.cosign, clock },
    keyOf: node => book.get(node)!.keys.cosign,
    peers: book.peers,
    membersOf: group => parts.finality?.membersOf(group) ?? [],
    logOf: group => parts.engine?.authority(group)?.published,
    count,
  })
}

function groupOf({ file }: Genesis, name: string): number {
  return file.authorities.find(authority => authority.name === name)!.group
}
