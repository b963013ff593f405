import { encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { decodeSignState } from '../../../consensus/finality/sign-state.ts'
import type { Engine } from '../../../daemon/hosting/engine.ts'
import type { Anchoring } from '../../../daemon/hosting/finality/anchoring.ts'
import { Finality } from '../../../daemon/hosting/finality/finality.ts'
import type { Peers } from '../../../daemon/nodes/peers.ts'
import type { Network } from '../../../daemon/ports.ts'
import type { GatewaySignatures } from '../../../daemon/routing/gateway-signatures.ts'
import { equalBytes } from '../../../storage/bytes.ts'
import { authorityKey, type RaftInstance } from '../../../storage/keys.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { SimContext } from '../node.ts'
import type { Judge } from './judge.ts'
import { type Realm, type RealmNode, sha256 } from './realm.ts'
import { verifySimSignature } from './sim-key.ts'

export interface SimFinalityParts {
  readonly realm: Realm
  readonly node: RealmNode
  readonly judge: Judge
  readonly context: SimContext
  readonly peers: Peers
  readonly store: Store
  readonly signatures: GatewaySignatures
  readonly network: Network
  readonly progressMs: number
  readonly forgetful: boolean
  readonly anchoring: Anchoring
  readonly schedule: (run: () => void) => void
  readonly count: (name: string) => void
  /** Undefined until it has started. */
  readonly engine: () => Engine | undefined
}

export interface Votes {
  withheld: boolean
  readonly dropped: () => void
}

/** The same network, but while its votes are withheld, nothing of them leaves. */
export function withholding(network: Network, votes: Votes): Network {
  const { open } = network
  network.open = async (peer, name) => {
    const channel = await open.call(network, peer, name)
    if (name !== 'finality/1') return channel
    const { send } = channel
    channel.send = frame => {
      if (!votes.withheld) return send.call(channel, frame)
      votes.dropped()
      return true
    }
    return channel
  }
  return network
}

/** The votes of one node as the daemon composes them; the judge hears of all that is decided and of each change of views. */
export function loadFinality(parts: SimFinalityParts): Promise<Finality> {
  const { realm, node, judge, context, engine, ...rest } = parts
  const keys = new Map(realm.nodes.map(({ number, vote }) => [number, vote.publicKey]))
  const { clock, random } = context
  const identities = new Map(realm.nodes.map(({ number, identity }) => [number, identity.publicKey]))
  const signed = new Map<number, string>()
  return Finality.load({
    ...{ ...rest, clock, random, sha256, self: node.number, voteKey: node.vote, verify: verifySimSignature },
    authorities: [...realm.hosted.values()].map(({ identity: { group, origin, epoch, members } }) => ({
      ...{ group, origin, epoch },
      members: members.map(member => ({ node: member, key: keys.get(member)! })),
      givesLeases: group === realm.directory?.identity.group,
    })),
    voteKeyOf: number => keys.get(number),
    rulesVersion: 1,
    gatewayKeyOf: number => identities.get(number),
    onFinal: (group, certificate) => {
      if (group === realm.directory?.identity.group) judge.directory?.certified(certificate)
      judge.views.decided(node.number, group, certificate)
      const { size, root } = certificate.seal
      const host = engine()?.authority(group)
      if ((host?.authority.replica.log.size ?? 0) >= size) judge.decided(node.number, group, size)
      host?.final({ size, root, certificate: encodeQuorum(certificate) })
    },
    addOps: ops => {
      if (judge.directory !== undefined) tellVotes(parts, ops, signed)
      engine()?.driver.addOps(ops)
    },
    sync: done => engine()?.driver.sync(done),
    door: engine,
    onEvidence: ({ first }) => judge.views.hears(node.number, 'evidence', { node: first.by.signer }),
    log: (event, facts) => {
      judge.views.hears(node.number, event, facts)
      if (event === 'view-frozen') judge.frozen(node.number, facts as RaftInstance)
    },
  })
}

/** What it may sign goes to the disk first: the judge sees which second votes it has decided to cast. */
function tellVotes(
  { realm, judge, node, context }: SimFinalityParts,
  ops: readonly StoreOp[],
  signed: Map<number, string>,
): void {
  for (const { key, value } of ops) {
    const group = [...realm.hosted.keys()].find(each => equalBytes(key, authorityKey(each, 'finality/sign')))
    const state = group === undefined || value === undefined ? undefined : decodeSignState(value)
    if (group === undefined || state?.vote2 === undefined) continue
    const vote = `${state.epoch} ${state.vote2.view} ${state.vote2.height}`
    if (signed.get(group) === vote) continue
    // What the life before had signed comes first.
    if (signed.has(group)) judge.directory?.votes(node.number, group, context.clock.monotonicMs())
    signed.set(group, vote)
  }
}
