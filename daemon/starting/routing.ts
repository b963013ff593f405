import { isOpen } from '../disclosure/policy.ts'
import { serveFeeds } from '../feed/server.ts'
import type { AreaInfo } from '../gateway/router.ts'
import { originOf } from '../genesis/genesis.ts'
import type { Engine } from '../hosting/engine.ts'
import { verifySignature } from '../identity/signing-key.ts'
import type { RunningNetwork } from '../network/options.ts'
import { publicKeyOfPeerId } from '../network/peer-id.ts'
import type { PeerId } from '../ports.ts'
import { atEndOfTurn, realClock } from '../real-ports.ts'
import { FinalChecks } from '../routing/final-checks.ts'
import { serveFinals } from '../routing/final-server.ts'
import { serveIntake } from '../routing/intake-server.ts'
import { serveReads } from '../routing/read-server.ts'
import { InputRouter } from '../routing/router.ts'
import { nodeKeysOf } from './from-genesis.ts'
import type { Basis, Parts } from './parts.ts'

/** The way from this node's gateway to the leaders, and what this node answers to other nodes' gateways. */
export function startRouting(
  basis: Basis,
  parts: Parts,
  network: RunningNetwork,
  engine: Engine,
): InputRouter {
  const { genesis, keys, self, count, signatures } = basis
  const { nodes } = genesis.file
  const peerIds = new Map(nodes.map(({ number, peerId }) => [number, peerId]))
  serveOthers(basis, network, engine)
  const areas = areasOf(basis, engine)
  return new InputRouter({
    areas,
    self: self.number,
    peerOf: node => peerIds.get(node)!,
    local: group => engine.member(group),
    network,
    clock: realClock,
    schedule: atEndOfTurn,
    waits: group => engine.expectProgress(group),
    sign: message => {
      const signature = keys.identity.sign(message)
      signatures.made(keys.identity.publicKey, message, signature)
      return signature
    },
    finalChecks: finalChecks(basis, parts, areas),
    count,
  })
}

function areasOf({ genesis: { file } }: Basis, engine: Engine): AreaInfo[] {
  return file.authorities
    .filter(({ kind }) => isOpen(kind))
    .map(area => ({
      ...area,
      origin: originOf(file.network, area),
      members: engine.mayServe(area.group),
      founders: area.members,
    }))
}

function serveOthers(
  { genesis: { file }, count, signatures }: Basis,
  network: RunningNetwork,
  engine: Engine,
): void {
  const nodes = new Map(
    file.nodes.map(({ number, peerId }) => [peerId, { number, identityKey: publicKeyOfPeerId(peerId)! }]),
  )
  const origins = new Map(file.authorities.map(it => [it.group, originOf(file.network, it)]))
  const hidden = new Set(file.authorities.filter(({ kind }) => !isOpen(kind)).map(({ group }) => group))
  const mayAsk = (group: number, peer: PeerId): boolean =>
    !hidden.has(group) || engine.isPresent(group, nodes.get(peer)?.number ?? 0)
  const isNode = (peer: PeerId): boolean => nodes.has(peer)
  const local = (group: number) => engine.member(group)
  serveIntake({
    network,
    schedule: atEndOfTurn,
    nodeOf: peer => nodes.get(peer),
    originOf: group => origins.get(group),
    mayAsk,
    local,
    verify: (key, message, signature) => signatures.verify(key, message, signature),
    count,
  })
  serveReads({ network, schedule: atEndOfTurn, isNode, mayAsk, local, count })
  serveFeeds({ network, local, isNode, mayAsk, count })
  serveFinals({ network, schedule: atEndOfTurn, numberOf: peer => nodes.get(peer)?.number, local, count })
}

function finalChecks({ genesis, log, count }: Basis, parts: Parts, areas: readonly AreaInfo[]): FinalChecks {
  return new FinalChecks({
    ...{ areas, nodeKeys: nodeKeysOf(genesis), verify: verifySignature },
    lied: ({ checkpoint, ...facts }) => {
      count('routing_false_finals', { node: `${facts.node}`, code: facts.code })
      log.warn(facts, 'a node says to be final what is not: others are asked')
      parts.watching?.doubts(facts.node, checkpoint)
    },
  })
}
