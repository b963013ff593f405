import { equalBytes } from '../../storage/bytes.ts'
import { isPerfectSize } from '../../storage/log/consistency.ts'
import {
  type Claim,
  type LogKeys,
  readClaim,
  type SignedCheckpoint,
  withoutWitnesses,
} from '../evidence/log-keys.ts'
import { Shares } from '../evidence/shares.ts'
import { formatTwoFaces, otherRoot, parseTwoFaces } from '../evidence/two-faces.ts'
import { newPlace, type Place, Places } from './places.ts'

/** A log that this node holds, up to what it serves. */
export interface OwnLog {
  readonly size: number
  /** Of that size; undefined before the first checkpoint. */
  readonly root: Uint8Array | undefined
  /** That checkpoint, signed by this node. */
  signed(): { readonly note: string } | undefined
  rootAt(size: number): Promise<Uint8Array>
  /** RFC 6962, section 2.1.2. */
  consistencyProof(oldSize: number, size: number): Promise<readonly Uint8Array[]>
}

export interface ComparerOptions {
  readonly keys: LogKeys
  readonly own: (origin: string) => OwnLog | undefined
  /** Whether the node is, or was, of those who hold the log: others' checkpoints of it mean nothing. */
  readonly mayHold: (origin: string, node: number) => boolean
  readonly nowMs: () => number
  /** Evidence that proves itself, as a file. */
  readonly found: (evidence: string) => void
  readonly count: (name: string, labels: Record<string, string>) => void
}

export type Heard = 'taken' | 'unknown-log' | 'unknown-signer' | 'bad-signature' | 'over-budget' | 'busy'

/** Sizes remembered, in all and of one log; with 1 seal a second the latter is about a minute. */
const maxPlaces = 32_768
const [fewestPlaces, mostPlaces] = [8, 64]
/** Of one author, signatures that are verified only to remember what nobody contradicts: 0.1 ms each. */
const signaturesPerSecond = 32
/** Of one author, roots of this node's own logs at sizes that it does not remember: some 1 ms each. */
const rootsPerSecond = 4
const burstSeconds = 8
/** Of one author: more than one message holds. */
const maxWaiting = 160
const maxNews = 256
const maxRivals = 16
/** Nodes have numbers from 1 up. */
const nobody = 0
/** Of one log and signer: who lies once more is known already. */
const maxExposed = 16

interface Watched {
  readonly origin: string
  readonly places: Places
  /** By signer: sizes at which its contradictions were followed up. */
  readonly exposed: Map<number, Set<number>>
  /** By signer: what it signed against this log, with nothing else of its own at hand yet. */
  readonly open: Map<number, SignedCheckpoint>
}

/**
 * Compares what is said of each log with what was said before, and with the log itself where this node holds it. A
 * signature that agrees with what is known proves nothing new and is not verified; one that contradicts it is.
 */
export class Comparer {
  readonly #options: ComparerOptions
  readonly #mostPlaces: number
  readonly #logs = new Map<string, Watched>()
  readonly #signatures = new Shares(signaturesPerSecond, burstSeconds * signaturesPerSecond)
  readonly #roots = new Shares(rootsPerSecond, burstSeconds * rootsPerSecond)
  /** Checkpoints of logs that this node does not hold, which it has verified and nobody was told of yet. */
  #news: string[] = []
  /** By author. */
  readonly #waiting = new Map<number, number>()
  #last: Promise<void> = Promise.resolve()

  constructor(options: ComparerOptions) {
    this.#options = options
    const fair = Math.floor(maxPlaces / Math.max(1, options.keys.logs))
    this.#mostPlaces = Math.max(fewestPlaces, Math.min(mostPlaces, fair))
  }

  /** When all that was heard so far has been compared. */
  get idle(): Promise<void> {
    return this.#last
  }

  /** What this node has heard of logs of others, to be told on; at most so many, the newest first. */
  takeNews(most: number): string[] {
    return this.#news.splice(-most).reverse()
  }

  /** @param author number of the node that says it; not always the one that signed it */
  hear(author: number, claim: Claim): Heard {
    const { keys, own, mayHold } = this.#options
    const { origin, size, root } = claim.checkpoint
    if (!keys.has(origin)) return 'unknown-log'
    const signer = keys.claimedSigner(claim)
    if (signer === undefined || !mayHold(origin, signer)) return 'unknown-signer'
    const log = this.#watched(origin)
    const place = log.places.get(size)
    if (place === undefined) {
      const mine = own(origin)
      const isHere = mine !== undefined && size <= mine.size
      return isHere ? this.#lookUp(log, author, signer, claim) : this.#remember(log, author, claim)
    }
    if (!equalBytes(place.root, root)) return this.#contradicted(log, author, place, claim)
    if (author === signer) this.#agreed(log, place, signer, claim)
    return 'taken'
  }

  /**
   * Others have found a contradiction. Where they could not tell who of two lies, this node may have heard something else
   * of one of them.
   */
  heardEvidence(text: string): void {
    const faces = parseTwoFaces(text)
    for (const note of faces === undefined ? [] : [faces.older, faces.newer]) {
      const claim = readClaim(note)
      if (claim !== undefined) this.hear(nobody, claim)
    }
  }

  /** This node's own log has grown, and is served up to a new size. */
  ownGrew(origin: string): void {
    const { size = 0, root } = this.#options.own(origin) ?? {}
    if (root === undefined) return
    const log = this.#watched(origin)
    if (log.places.get(size) === undefined) log.places.add(newPlace(size, root))
    for (const place of log.places.values()) {
      if (!place.settled && place.size <= size) this.#enqueue(() => this.#settle(log, place))
    }
  }

  #watched(origin: string): Watched {
    const known = this.#logs.get(origin)
    if (known !== undefined) return known
    const log = { origin, places: new Places(this.#mostPlaces), exposed: new Map(), open: new Map() }
    this.#logs.set(origin, log)
    return log
  }

  /** Nobody has said anything of this size yet, and this node cannot know. */
  #remember(log: Watched, author: number, claim: Claim): Heard {
    if (!this.#signatures.take(author, this.#options.nowMs())) return 'over-budget'
    const proven = this.#options.keys.verify(claim)
    if (proven === undefined) return 'bad-signature'
    const { size, root } = claim.checkpoint
    log.places.add(newPlace(size, root, proven))
    if (this.#options.own(log.origin) !== undefined) return 'taken'
    this.#news.push(withoutWitnesses(claim))
    if (this.#news.length > maxNews) this.#news.shift()
    return 'taken'
  }

  /** The log is here, and has been that large. */
  #lookUp(log: Watched, author: number, signer: number, claim: Claim): Heard {
    if (!this.#roots.take(author, this.#options.nowMs())) return 'over-budget'
    const proven = this.#options.keys.verify(claim)
    if (proven === undefined) return 'bad-signature'
    const { size } = claim.checkpoint
    return this.#later(author, async () => {
      const root = await this.#options.own(log.origin)?.rootAt(size)
      if (root === undefined) return
      const place = log.places.get(size) ?? newPlace(size, root)
      if (log.places.get(size) === undefined) log.places.add(place)
      if (!equalBytes(place.root, claim.checkpoint.root)) return await this.#expose(log, place, proven)
      place.proven ??= proven
      if (author === signer) this.#agreed(log, place, signer, claim)
    })
  }

  #agreed(log: Watched, place: Place, signer: number, claim: Claim): void {
    if (!place.claims.has(signer)) place.claims.set(signer, claim)
    if (log.open.has(signer)) this.#later(signer, () => this.#closeWith(log, place, signer))
  }

  #contradicted(log: Watched, author: number, place: Place, claim: Claim): Heard {
    const signed = this.#options.keys.verify(claim)
    if (signed === undefined) return 'bad-signature'
    if (isExposed(log, signed)) return 'taken'
    return this.#later(author, () => this.#expose(log, place, signed))
  }

  /** The own log has come to a size of which something was heard before. */
  async #settle(log: Watched, place: Place): Promise<void> {
    const root = await this.#options.own(log.origin)?.rootAt(place.size)
    if (root === undefined || place.settled) return
    const { keys } = this.#options
    const wasRight = equalBytes(root, place.root)
    const others = wasRight ? [] : [place.proven, ...[...place.claims.values()].map(it => keys.verify(it))]
    const heard = [...others, ...place.rivals.splice(0)].flatMap(signed => signed ?? [])
    place.settled = true
    place.root = root
    if (!wasRight) {
      place.claims.clear()
      place.proven = heard.find(({ checkpoint }) => equalBytes(checkpoint.root, root))
    }
    for (const signed of heard) {
      if (equalBytes(signed.checkpoint.root, root)) {
        // It was this one that was right.
        for (const signer of signed.signers) log.open.delete(signer)
        continue
      }
      // What it contradicted so far may have been a lie as well.
      log.exposed.get(signed.signers[0]!)?.delete(place.size)
      await this.#expose(log, place, signed)
    }
    for (const signer of [...(place.proven?.signers ?? []), ...place.claims.keys()])
      await this.#closeWith(log, place, signer)
  }

  /** The signer was found to contradict this log, and now to have signed it as well. */
  async #closeWith(log: Watched, place: Place, signer: number): Promise<void> {
    const contradicted = log.open.get(signer)
    if (contradicted === undefined || contradicted.checkpoint.size > place.size) return
    if (await this.#foundAlone(log, contradicted, signer)) log.open.delete(signer)
  }

  /** Somebody signed something else than what is known of that size. */
  async #expose(log: Watched, place: Place, signed: SignedCheckpoint): Promise<void> {
    if (isExposed(log, signed)) return
    const first = signed.signers[0]!
    log.exposed.set(first, (log.exposed.get(first) ?? new Set()).add(signed.checkpoint.size))
    if (!place.settled && place.rivals.length < maxRivals) place.rivals.push(signed)
    for (const signer of signed.signers) {
      if (await this.#foundAlone(log, signed, signer)) return
      log.open.set(signer, signed)
    }
    const against = this.#thisNodesWord(log, signed) ?? place.proven
    if (against !== undefined) await this.#found(log, signed, against)
  }

  /** By what else the signer has signed: then nobody else is in doubt. */
  async #foundAlone(log: Watched, signed: SignedCheckpoint, signer: number): Promise<boolean> {
    const { size } = signed.checkpoint
    const others = [...log.places.values()]
      .filter(place => place.size === size || (place.size > size && place.settled))
      .sort((a, b) => a.size - b.size)
    for (const { proven, claims } of others) {
      const claim = claims.get(signer)
      const its = proven?.signers.includes(signer) ? proven : claim && this.#options.keys.verify(claim)
      if (its !== undefined) return await this.#found(log, signed, its)
      claims.delete(signer)
    }
    return false
  }

  #thisNodesWord(log: Watched, signed: SignedCheckpoint): SignedCheckpoint | undefined {
    const mine = this.#options.own(log.origin)
    const claim = readClaim(mine?.signed()?.note ?? '')
    if (claim === undefined || claim.checkpoint.size < signed.checkpoint.size) return undefined
    return this.#options.keys.verify(claim)
  }

  /** False when the two do not contradict each other. */
  async #found(log: Watched, older: SignedCheckpoint, newer: SignedCheckpoint): Promise<boolean> {
    const [oldSize, size] = [older.checkpoint.size, newer.checkpoint.size]
    const path = oldSize === size ? [] : await this.#path(log.origin, oldSize, size)
    if (path === undefined || otherRoot(older.checkpoint, newer.checkpoint, path) === undefined) return false
    this.#options.found(formatTwoFaces({ older: older.note, newer: newer.note, path }))
    return true
  }

  /** What leads, in this node's own log, from one of its sizes to a later one. */
  async #path(origin: string, oldSize: number, size: number): Promise<readonly Uint8Array[] | undefined> {
    const mine = this.#options.own(origin)
    if (mine === undefined) return undefined
    const proof = await mine.consistencyProof(oldSize, size)
    return isPerfectSize(oldSize) ? [await mine.rootAt(oldSize), ...proof] : proof
  }

  #later(author: number, run: () => Promise<void>): 'taken' | 'busy' {
    const waiting = this.#waiting.get(author) ?? 0
    if (waiting >= maxWaiting) return 'busy'
    this.#waiting.set(author, waiting + 1)
    this.#enqueue(run).finally(() => this.#waiting.set(author, this.#waiting.get(author)! - 1))
    return 'taken'
  }

  /** One at a time. Never rejects. */
  #enqueue(run: () => Promise<void>): Promise<void> {
    // A replica that took its log over from another has not every old tile: it leaves those sizes to others.
    const failed = (): void => this.#options.count('checkpoints_refused', { code: 'no-tiles' })
    this.#last = this.#last.then(run).catch(failed)
    return this.#last
  }
}

function isExposed({ exposed }: Watched, { signers, checkpoint }: SignedCheckpoint): boolean {
  const sizes = exposed.get(signers[0]!)
  return sizes !== undefined && (sizes.has(checkpoint.size) || sizes.size >= maxExposed)
}
