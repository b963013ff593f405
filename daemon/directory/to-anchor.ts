import { type Certificate, encodeQuorum } from '../../consensus/finality/certificate.ts'
import type { Outcome } from '../../world/codec.ts'
import { MAX_CERTIFICATES } from '../../world/directory/limits.ts'

/** Of one input; the directory takes no longer ones, and the rest of an input is less than what is left. */
const maxBatchBytes = 7_000
/** Of one authority: activations that wait, and the newest certificate. */
const maxWaiting = 64
/** Another node's may have to come first, or an order: each time it is brought again twice as late. */
const firstAgainMs = 2_000
const lastAgainMs = 60_000

/** Certificates that go to the directory in one input. */
export interface AnchorBatch {
  /** As members write them, in the order in which they shall be anchored. */
  readonly certificates: readonly Uint8Array[]
  readonly of: readonly { readonly group: number; readonly height: number }[]
}

/**
 * The members' decisions that the directory is to have: of each authority the newest, and those before it that changed the
 * members, without which nobody could check what follows.
 */
export class CertificatesToAnchor {
  readonly #waiting = new Map<number, Certificate[]>()
  /** By group: the height up to which nothing has to be brought any more. */
  readonly #done = new Map<number, number>()
  /** By group, while it waits for something else. */
  readonly #again = new Map<number, { readonly notBeforeMs: number; readonly waitedMs: number }>()
  /** Some of a batch were refused, and it is not known which: so many are brought one by one. */
  #singly = 0

  add(group: number, certificate: Certificate): void {
    const { height } = certificate.seal
    if (height <= (this.#done.get(group) ?? 0)) return
    const kept = (this.#waiting.get(group) ?? []).filter(({ seal }) => seal.nextMembers.length > 0)
    if (kept.some(({ seal }) => seal.height >= height)) return
    this.#waiting.set(group, [...kept, certificate].slice(-maxWaiting))
  }

  /** Of the groups that this node leads; undefined when there is nothing to bring. */
  next(leads: (group: number) => boolean, nowMs: number): AnchorBatch | undefined {
    const certificates: Uint8Array[] = []
    const of: { group: number; height: number }[] = []
    let sizeBytes = 0
    const most = this.#singly > 0 ? 1 : MAX_CERTIFICATES
    for (const [group, waiting] of this.#waiting) {
      if (!leads(group) || nowMs < (this.#again.get(group)?.notBeforeMs ?? 0)) continue
      for (const certificate of waiting) {
        const bytes = encodeQuorum(certificate)
        sizeBytes += 2 + bytes.length
        if (of.length === most || (sizeBytes > maxBatchBytes && of.length > 0)) return { certificates, of }
        certificates.push(bytes)
        of.push({ group, height: certificate.seal.height })
      }
    }
    return of.length === 0 ? undefined : { certificates, of }
  }

  /** What the directory made of it. Returns the codes of what it will never take. */
  told({ of }: AnchorBatch, { code, value }: Pick<Outcome, 'code' | 'value'>, nowMs: number): string[] {
    if (this.#singly > 0) this.#singly--
    const isWhole = code === 'ok' && value === of.length
    if (!isWhole && of.length > 1) {
      this.#singly = of.length
      return []
    }
    // The order that it carries out may be given again.
    if (code === 'epoch-ahead' || code === 'not-ordered') {
      for (const { group } of of) this.#wait(group, nowMs)
      return []
    }
    for (const { group, height } of of) this.anchored(group, height)
    return code === 'ok' || code === 'older-anchor' ? [] : [code]
  }

  #wait(group: number, nowMs: number): void {
    const waitedMs = Math.min(2 * (this.#again.get(group)?.waitedMs ?? firstAgainMs / 2), lastAgainMs)
    this.#again.set(group, { notBeforeMs: nowMs + waitedMs, waitedMs })
  }

  /** What is anchored is this one or a later one. */
  anchored(group: number, height: number): void {
    if (height > (this.#done.get(group) ?? 0)) this.#again.delete(group)
    this.#done.set(group, Math.max(this.#done.get(group) ?? 0, height))
    const left = (this.#waiting.get(group) ?? []).filter(({ seal }) => seal.height > height)
    if (left.length === 0) this.#waiting.delete(group)
    else this.#waiting.set(group, left)
  }
}
