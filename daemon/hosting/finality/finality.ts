import { maxFrameBytes } from '../../../consensus/finality/batcher.ts'
import { type Certificate, decodeCertificate, encodeQuorum } from '../../../consensus/finality/certificate.ts'
import { recoverMember } from '../../../consensus/finality/disk.ts'
import { FinalityDriver } from '../../../consensus/finality/driver.ts'
import { FinalityHost } from '../../../consensus/finality/host.ts'
import type { Seal, Voter } from '../../../consensus/finality/seal.ts'
import type { Effects } from '../../../consensus/finality/types.ts'
import type { Store, StoreOp } from '../../../storage/store.ts'
import type { AppliedSeal } from '../../authority/replica.ts'
import type { SigningKey } from '../../identity/signing-key.ts'
import type { Cancel, Clock, Network, PeerId, Random } from '../../ports.ts'
import type { Anchoring } from './anchoring.ts'
import { VoteLanes } from './lanes.ts'
import { SealChain } from './seal-chain.ts'

const tickMs = 100
const resendMs = 1_000
/** Seals that are handed over for voting ahead of the decided one. */
const aheadSeals = 8

export interface VotedAuthority {
  readonly group: number
  readonly origin: string
  readonly epoch: number
  /** By number, ascending, with their keys for votes. */
  readonly members: readonly Voter[]
}

export interface FinalityOptions {
  readonly self: number
  readonly peers: ReadonlyMap<number, PeerId>
  readonly authorities: readonly VotedAuthority[]
  readonly voteKey: SigningKey
  readonly anchoring: Anchoring
  /** The disk may have lost what this node signed. */
  readonly forgetful: boolean
  readonly store: Store
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly schedule: (run: () => void) => void
  readonly sha256: (bytes: Uint8Array) => Uint8Array
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** Puts ops into the node's next batch; `sync` says when all that was put is durable. */
  readonly addOps: (ops: readonly StoreOp[]) => void
  readonly sync: (done: () => void) => void
  readonly count: (name: string, labels: Record<string, string>) => void
  /** Decided, and in the directory's log: now, and not before, it may be served, cosigned and acted on. */
  readonly onFinal: (group: number, certificate: Certificate) => void
  readonly log: (event: 'finality-stopped' | 'evidence', facts: object) => void
}

/** How far an authority's members have decided, as this node knows. */
export interface FinalityStatus {
  readonly certifiedHeight: number
  readonly finalHeight: number
  /** Leaves under the final seal. */
  readonly finalSize: number
}

/**
 * The members' votes, in their first view: what Raft's first instance commits is certified. Until a node can change views,
 * nobody asks for one.
 */
export class Finality {
  readonly #options: FinalityOptions
  readonly #host: FinalityHost
  readonly #driver: FinalityDriver
  readonly #lanes: VoteLanes
  readonly #chains = new Map<number, SealChain>()
  readonly #groups = new Map<string, number>()
  readonly #final = new Map<number, Certificate>()
  #timer: Cancel | undefined

  /**
   * What the disk has. It must be there before the first replica executes a seal; nothing leaves before `begin`.
   * @throws FinalityDiskError
   */
  static async load(options: FinalityOptions): Promise<Finality> {
    const finality = new Finality(options)
    for (const authority of options.authorities) await finality.#open(authority)
    return finality
  }

  private constructor(options: FinalityOptions) {
    this.#options = options
    const { self, voteKey, verify, clock, random, network, peers, count, schedule } = options
    this.#host = new FinalityHost({
      ...{ self, verify, resendMs, sign: message => voteKey.sign(message), nowMs: () => clock.monotonicMs() },
      random: below => random.below(below),
      progressMs: () => Number.POSITIVE_INFINITY,
    })
    this.#driver = new FinalityDriver({
      host: this.#host,
      schedule,
      send: (peer, frame) => this.#lanes.send(peer, frame),
      write: (ops, done) => {
        options.addOps(ops)
        if (done !== undefined) options.sync(done)
      },
      carryOut: effects => this.#carryOut(effects),
    })
    this.#lanes = new VoteLanes({
      ...{ peers, network, clock, maxFrameBytes, count },
      receive: (peer, frame) => {
        if (this.#timer === undefined) this.#host.receive(peer, frame)
        else this.#driver.receive(peer, frame)
      },
    })
    options.anchoring.begin({
      leased: untilMs => {
        this.#host.lease(untilMs)
        if (this.#timer !== undefined) this.#driver.wake()
      },
      anchored: (group, hash) => {
        this.#host.anchored(group, hash)
        if (this.#timer !== undefined) this.#driver.wake()
      },
    })
  }

  async #open({ group, origin, epoch, members }: VotedAuthority): Promise<void> {
    const { store, sha256, forgetful } = this.#options
    const authority = sha256(Buffer.from(origin))
    const stored = await recoverMember(store, group)
    const chain = await SealChain.load(store, group, authority, epoch, stored?.tip)
    this.#chains.set(group, chain)
    this.#groups.set(origin, group)
    this.#host.open({ group, authority, epoch, founders: members, stored, forgetful })
    const tip = stored?.tip && decodeCertificate(stored.tip)
    if (tip !== undefined) this.#options.anchoring.anchor(group, tip)
    this.#hand(group)
  }

  begin(): void {
    const run = (): void => {
      this.#timer = this.#options.clock.after(tickMs, run)
      this.#driver.tick()
    }
    run()
  }

  stop(): void {
    this.#timer?.()
    this.#options.anchoring.stop()
    this.#lanes.stop()
  }

  /** A replica of this node has executed a seal. The ops belong to the batch with its records. */
  sealed(group: number, seal: AppliedSeal): readonly StoreOp[] {
    const ops = this.#chains.get(group)?.executed(seal) ?? []
    this.#hand(group)
    return ops
  }

  #hand(group: number): void {
    const { certified, epoch, view } = this.#host.status(group) ?? {}
    const chain = this.#chains.get(group)
    if (chain === undefined || certified === undefined) return
    for (const seal of chain.undecided) {
      if (seal.height > certified.height + aheadSeals) break
      if (seal.height > certified.height) this.#host.executed(group, epoch!, view!, seal)
    }
    if (this.#timer !== undefined) this.#driver.wake()
  }

  status(group: number): FinalityStatus | undefined {
    const status = this.#host.status(group)
    if (status === undefined) return undefined
    const { certified, finalHeight } = status
    return { certifiedHeight: certified.height, finalHeight, finalSize: this.final(group)?.size ?? 0 }
  }

  /** The newest final seal. */
  final(group: number): Seal | undefined {
    return this.#final.get(group)?.seal
  }

  /** The newest final certificate of the log of this name (docs/finality.md). */
  certificate(origin: string): Uint8Array | undefined {
    const certificate = this.#final.get(this.#groups.get(origin) ?? 0)
    return certificate && encodeQuorum(certificate)
  }

  #carryOut(effects: Omit<Effects, 'write' | 'send'>): void {
    for (const { group, certificate } of effects.certified) {
      this.#options.addOps(this.#chains.get(group)?.decided(certificate) ?? [])
      this.#options.anchoring.anchor(group, certificate)
      this.#hand(group)
    }
    for (const { group, certificate } of effects.final) {
      this.#final.set(group, certificate)
      this.#options.onFinal(group, certificate)
    }
    for (const { group, evidence } of effects.evidence) {
      this.#options.log('evidence', { group, node: evidence.first.by.signer })
    }
    for (const { group } of [...effects.freeze, ...effects.halted, ...effects.diverged]) {
      this.#options.log('finality-stopped', { group })
    }
  }
}
