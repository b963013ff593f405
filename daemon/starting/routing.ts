import { isOpen } from '../disclosure/policy.ts'
import { serveFeeds } from '../feed/server.ts'
import type { AreaInfo, AuthorityInfo } from '../gateway/router.ts'
import { originOf } from '../genesis/genesis.ts'
import { type GenesisAuthority, type GenesisFile, isDirectory, placesOf } from '../genesis/schema.ts'
import type { Engine } from '../hosting/engine.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { RunningNetwork } from '../network/options.ts'
import type { PeerId } from '../ports.ts'
import { atEndOfTurn } from '../real-ports.ts'
import { FinalChecks } from '../routing/final-checks.ts'
import { serveFinals } from '../routing/final-server.ts'
import { serveIntake } from '../routing/intake-server.ts'
import { serveReads } from '../routing/read-server.ts'
import { InputRouter } from '../routing/router.ts'
import type { Basis, Parts } from './parts.ts'

/** The way from this node's gateway to the leaders, and what this node answers to other nodes' gateways. */
export function startRouting(
  basis: Basis,
  parts: Parts,
  network: RunningNetwork,
  engine: Engine,
): InputRouter {
  const { book, keys, self, clock, count, signatures } = basis
  serveOthers(basis, network, engine)
  const areas = areasOf(basis, engine)
  const directory = directoryOf(basis, engine)
  return new InputRouter({
    areas,
    directory,
    self: self.number,
    peerOf: node => book.get(node)?.peerId,
    local: group => engine.member(group),
    network,
    clock,
    schedule: atEndOfTurn,
    waits: group => engine.expectProgress(group),
    sign: message => {
      const signature = keys.identity.sign(message)
      signatures.made(keys.identity.publicKey, message, signature)
      return signature
    },
    finalChecks: finalChecks(basis, parts, [...areas, directory]),
    count,
  })
}

function areasOf({ genesis: { file } }: Basis, engine: Engine): AreaInfo[] {
  return placesOf(file)
    .filter(({ kind }) => isOpen(kind))
    .map(area => ({ ...area, ...infoOf(file, area, engine) }))
}

function directoryOf({ genesis: { file } }: Basis, engine: Engine): AuthorityInfo {
  return infoOf(file, file.authorities.find(isDirectory)!, engine)
}

function infoOf({ network }: GenesisFile, authority: GenesisAuthority, engine: Engine): AuthorityInfo {
  const { name, group, epoch, members: founders } = authority
  return {
    name,
    group,
    epoch,
    founders,
    origin: originOf(network, authority),
    members: engine.mayServe(group),
  }
}

function serveOthers(
  { genesis: { file }, book, count, signatures }: Basis,
  network: RunningNetwork,
  engine: Engine,
): void {
  const origins = new Map(file.authorities.map(it => [it.group, originOf(file.network, it)]))
  const hidden = new Set(file.authorities.filter(({ kind }) => !isOpen(kind)).map(({ group }) => group))
  const mayAsk = (group: number, peer: PeerId): boolean =>
    !hidden.has(group) || engine.isPresent(group, book.numberOf(peer) ?? 0)
  const isNode = (peer: PeerId): boolean => book.numberOf(peer) !== undefined
  const local = (group: number) => engine.member(group)
  serveIntake({
    network,
    schedule: atEndOfTurn,
    nodeOf: peer => {
      const number = book.numberOf(peer)
      return number === undefined ? undefined : { number, identityKey: book.get(number)!.keys.identity }
    },
    originOf: group => origins.get(group),
    mayAsk,
    local,
    verify: (key, message, signature) => signatures.verify(key, message, signature),
    count,
  })
  serveReads({ network, schedule: atEndOfTurn, isNode, mayAsk, local, count })
  serveFeeds({ network, local, isNode, mayAsk, count })
  serveFinals({ network, schedule: atEndOfTurn, numberOf: peer => book.numberOf(peer), local, count })
}

function finalChecks(
  { book, log, count }: Basis,
  parts: Parts,
  areas: readonly AuthorityInfo[],
): FinalChecks {
  return new FinalChecks({
    ...{ areas, nodeKeys: book.keys, verify: verifySignature },
    lied: ({ checkpoint, ...facts }) => {
      count('routing_false_finals', { node: `${facts.node}`, code: facts.code })
      log.warn(facts, 'a node says to be final what is not: others are asked')
      parts.watching?.doubts(facts.node, checkpoint)
    },
  })
}
