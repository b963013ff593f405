import { createHash } from 'node:crypto'
import { BatchTree } from '../../../consensus/finality/batch-tree.ts'
import {
  decodeCertificate,
  decodeQuorum,
  encodeQuorum,
  type Quorum,
  verifyQuorum,
} from '../../../consensus/finality/certificate.ts'
import { quorumSize } from '../../../consensus/finality/quorum.ts'
import { type Seal, sealHash } from '../../../consensus/finality/seal.ts'
import { batchMessage } from '../../../consensus/finality/signed.ts'
import { encodeStatement } from '../../../consensus/finality/statement.ts'
import { type SigningKey, signingKeyOf, verifySignature } from '../../../daemon/identity/signing-key.ts'
import { logTagOf, type Outcome } from '../../../world/codec.ts'
import { type DirectoryCharter, endorsementMessage, sortedByKey } from '../../../world/directory/charter.ts'
import { type Command, commandMessage, encodeCommand } from '../../../world/directory/codec/command.ts'
import {
  type DirectoryAction,
  directorySignatureMessage,
  encodeDirectoryInput,
} from '../../../world/directory/codec/input.ts'
import { encodeDirectoryTick } from '../../../world/directory/codec/tick.ts'
import { createDirectory, type Directory } from '../../../world/directory/directory.ts'
import type { CertifiedSeal, DirectoryHost } from '../../../world/directory/host.ts'
import type { NodeFacts, Policy } from '../../../world/directory/types.ts'
import { type Applied, INPUT_RECORD, TICK_RECORD } from '../../../world/interface.ts'

export const NETWORK = 'testnet'
export const ORIGIN = `${NETWORK}/directory/0`
export const TICK_MS = 100
/** 2026-01-01, in milliseconds since 1970. */
export const BEGIN_MS = 1_767_225_600_000

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytes).digest())

/** The real readers and signatures. */
export const host: DirectoryHost = {
  origin: ORIGIN,
  sha256,
  verifySignature,
  readCertificate: bytes => {
    const certificate = decodeCertificate(bytes)
    return certificate && certified(certificate)
  },
  readQuorum: bytes => {
    const quorum = decodeQuorum(bytes)
    return quorum && certified(quorum)
  },
  verifyQuorum: (bytes, members) => {
    const quorum = decodeQuorum(bytes)
    return quorum !== undefined && verifyQuorum(quorum, members, verifySignature)
  },
  verifyCertificate: (bytes, members) => {
    const certificate = decodeCertificate(bytes)
    return certificate !== undefined && verifyQuorum(certificate, members, verifySignature)
  },
}

function certified({ seal, epoch, view, votes }: Quorum): CertifiedSeal {
  const { authority, height, previous, size, root, nextEpoch, nextMembers } = seal
  const signers = votes.map(({ signer }) => signer)
  const where = { authority, epoch, view, height, hash: sealHash(seal), previous, size, root }
  return { ...where, nextEpoch, nextMembers, signers }
}

const known = new Map<string, SigningKey>()
export function keyOf(name: string): SigningKey {
  let key = known.get(name)
  if (key === undefined) {
    key = signingKeyOf(sha256(Buffer.from(name)))
    known.set(name, key)
  }
  return key
}

export const identityOf = (node: number): SigningKey => keyOf(`identity ${node}`)
export const voteKeyOf = (node: number): SigningKey => keyOf(`vote ${node}`)
export const operatorOf = (number: number): SigningKey => keyOf(`operator ${number}`)

export function factsOf(node: number, changes: Partial<NodeFacts> = {}): NodeFacts {
  const facts = {
    identity: identityOf(node).publicKey,
    operator: `operator ${node % 3}`,
    addresses: [`/ip4/10.0.0.${node % 250}/tcp/7777`],
    vote: voteKeyOf(node).publicKey,
    cosign: keyOf(`cosign ${node}`).publicKey,
    log: keyOf(`log ${node}`).publicKey,
    endorsement: new Uint8Array(64),
    ...changes,
  }
  return { ...facts, endorsement: identityOf(node).sign(endorsementMessage(NETWORK, facts)) }
}

export const AREA = {
  ...{ quadkey: '0231', xMm: 0, yMm: 0, sideMm: 10_000_000, spawns: [{ xMm: 5_000_000, yMm: 5_000_000 }] },
  ...{ seed: 7, resourceCount: 10, npcCount: 3, capacity: 100 },
}

export const POLICY: Policy = {
  ...{ admission: 'open', replicas: 3, observers: 0, trustS: 3600 },
  ...{ seed: 7, resourceCount: 20, npcCount: 4, capacity: 5000 },
}

/** Four founders, an area that three of them hold, three operators. */
export function charterOf(changes: Partial<DirectoryCharter> = {}): DirectoryCharter {
  const ofBirth = { birth: 0, epoch: 1 }
  return {
    network: NETWORK,
    tickMs: TICK_MS,
    nodes: [1, 2, 3, 4].map(number => ({ number, ...factsOf(number) })),
    authorities: [
      { group: 1, kind: 'area', name: 'area/0231', ...ofBirth, members: [1, 2, 3], area: AREA },
      { group: 2, kind: 'directory', name: 'directory', ...ofBirth, members: [1, 2, 3, 4], area: undefined },
    ],
    operators: sortedByKey(
      [1, 2, 3].map(number => ({ name: `op ${number}`, key: operatorOf(number).publicKey })),
    ),
    recovery: { keys: [keyOf('recovery').publicKey], threshold: 1 },
    policy: POLICY,
    ...changes,
  }
}

export interface SealChanges extends Partial<Seal> {
  readonly origin?: string
}

/** A seal of group 1, unless it says otherwise, with a log that grows by 10 a height. */
export function sealOf({ origin = `${NETWORK}/area/0231/0`, ...changes }: SealChanges = {}): Seal {
  const height = changes.height ?? 1
  const epoch = changes.epoch ?? 1
  const next = changes.nextMembers ?? []
  return {
    authority: sha256(Buffer.from(origin)),
    ...{ epoch, height, previous: new Uint8Array(32), size: 10 * height, root: sha256(Buffer.of(height)) },
    ...{ stateRoot: new Uint8Array(32), tick: height, timeMs: BEGIN_MS + height },
    ...{ nextEpoch: epoch + (next.length > 0 ? 1 : 0), nextMembers: next },
    ...changes,
  }
}

export const votersOf = (...nodes: number[]) => nodes.map(node => ({ node, key: voteKeyOf(node).publicKey }))

/** By the first q of the members, or by those who are named. */
export function certificateOf(
  seal: Seal,
  members: readonly number[],
  { view = 0, epoch = seal.epoch, signers = members.slice(0, quorumSize(members.length)) } = {},
): Uint8Array {
  const ballot = { view, height: seal.height, hash: sealHash(seal) }
  const statement = encodeStatement({ kind: 2, authority: seal.authority, epoch, ballot })
  const message = batchMessage(new BatchTree([statement]).root, 1)
  const votes = signers.map(signer => {
    return { signer, index: 0, count: 1, path: [], signature: voteKeyOf(signer).sign(message) }
  })
  return encodeQuorum({ kind: 2, seal, epoch, view, votes })
}

export const LOG = logTagOf(ORIGIN, sha256)

export function sessionOf(node: number, number: number): Uint8Array {
  const session = new Uint8Array(16)
  new DataView(session.buffer).setBigUint64(0, BigInt(number))
  session.set(sha256(Buffer.from(`session ${node}`)).subarray(0, 8), 8)
  return session
}

export interface SendOptions {
  /** Number of the session. */
  readonly session?: number
  readonly seq?: number
  /** Signs in place of the node. */
  readonly by?: SigningKey
}

/** A directory with its next leaf, and nodes that know their next seqs. */
export class Stage {
  directory: Directory
  leaf = 1
  tick = 0
  nonces = 0

  constructor(directory = createDirectory(host, charterOf())) {
    this.directory = directory
  }

  bodyOf(node: number, action: DirectoryAction, options: SendOptions = {}): Uint8Array {
    const { session = BEGIN_MS, by = identityOf(node) } = options
    const identity = identityOf(node).publicKey
    const id = sessionOf(node, session)
    const seq = options.seq ?? this.directory.lastSeq(identity, id) + 1
    const input = { identity, session: id, seq, log: LOG, action }
    return encodeDirectoryInput({ ...input, signature: by.sign(directorySignatureMessage(ORIGIN, input)) })
  }

  send(node: number, action: DirectoryAction, options: SendOptions = {}): Applied {
    return this.apply(this.bodyOf(node, action, options))
  }

  /** An input, however it came about. */
  apply(body: Uint8Array): Applied {
    return this.directory.apply(INPUT_RECORD, body, this.leaf++)
  }

  ask(node: number, action: DirectoryAction, options: SendOptions = {}): Outcome {
    return this.send(node, action, options).outcome!
  }

  /** So many ticks of a second later, in which these nodes asked for a lease. */
  pass(seconds: number, ...nodes: number[]): this {
    for (let second = 0; second < seconds; second++) this.tickBy(1_000 / TICK_MS, ...nodes)
    return this
  }

  tickBy(ticks: number, ...nodes: number[]): Applied {
    this.tick += ticks
    const renewals = nodes.map(node => ({ node, nonce: this.nextNonce() }))
    const body = encodeDirectoryTick({ tick: this.tick, timeMs: BEGIN_MS + this.tick * TICK_MS, renewals })
    return this.directory.apply(TICK_RECORD, body, this.leaf++)
  }

  nextNonce(): Uint8Array {
    const nonce = new Uint8Array(8)
    new DataView(nonce.buffer).setBigUint64(0, BigInt(++this.nonces))
    return nonce
  }

  /** The first tick, and sessions of these nodes. */
  open(...nodes: number[]): this {
    if (this.tick === 0) this.tickBy(1)
    for (const node of nodes) this.ask(node, { kind: 'open' })
    return this
  }

  commandOf(command: Command, { number = 1, expiresS = 3600, signers = [1, 2] } = {}): DirectoryAction {
    const bytes = encodeCommand(command)
    const nonce = { number, expiresS }
    const message = commandMessage(ORIGIN, nonce, bytes)
    const signatures = sortedByKey(
      signers.map(each => {
        const key = operatorOf(each)
        return { key: key.publicKey, signature: key.sign(message) }
      }),
    )
    return { kind: 'command', nonce, command: bytes, signatures }
  }
}

export function hexEntries(directory: Directory): string[] {
  return [...directory.entries()].map(({ key, value }) => `${hex(key)}=${hex(value)}`)
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
