import { maxMembers } from '../../consensus/finality/seal.ts'
import { joinBytes, putU32, putU64, readU32, readU64 } from '../../storage/bytes.ts'

/** How a node follows the directory's certified log. Layouts are in docs/protocol.md. */
export const directoryProtocol = 'directory/1'
/** A record has at most 64 KiB, and an entry of Raft as many as fit into its frames. */
export const maxSegmentFrameBytes = 20 * 1024 * 1024
export const segmentOptions = { maxFrameBytes: maxSegmentFrameBytes, maxChannelsPerPeer: 2 }

/** What the follower has: it wants what comes after. */
export interface SegmentAsk {
  readonly size: number
  /** The newest whose members it knows. */
  readonly epoch: number
}

/** The next piece of the log begins: up to the size that its certificate names, whose batches follow. */
export interface SegmentHead {
  /** Those that lead from the asker's epoch to the certificate's, in order. */
  readonly activations: readonly Uint8Array[]
  readonly certificate: Uint8Array
}

export type SegmentFrame =
  | ({ readonly kind: 'head' } & SegmentHead)
  | { readonly kind: 'batch'; readonly firstLeaf: number; readonly batch: Uint8Array }
  /** There is nothing newer here yet. */
  | { readonly kind: 'nothing' }

const kinds = { ask: 1, head: 2, batch: 3, nothing: 4 } as const
const askBytes = 13
/** A node that was away for more epochs asks again. */
export const maxActivations = 16
/** A seal, and a signature with its path for each member. */
const maxCertificateBytes = 1024 * maxMembers

export function encodeAsk({ size, epoch }: SegmentAsk): Uint8Array {
  const bytes = new Uint8Array(askBytes)
  bytes[0] = kinds.ask
  putU64(bytes, 1, size)
  putU32(bytes, 9, epoch)
  return bytes
}

/** Undefined for what no honest node sends. */
export function decodeAsk(frame: Uint8Array): SegmentAsk | undefined {
  if (frame.length !== askBytes || frame[0] !== kinds.ask) return undefined
  const size = readU64(frame, 1)
  return Number.isSafeInteger(size) ? { size, epoch: readU32(frame, 9) } : undefined
}

export function encodeHead({ activations, certificate }: SegmentHead): Uint8Array {
  const parts = [...activations, certificate].flatMap(bytes => {
    const length = new Uint8Array(4)
    putU32(length, 0, bytes.length)
    return [length, bytes]
  })
  return joinBytes([Uint8Array.of(kinds.head), ...parts])
}

export function encodeSegmentBatch(firstLeaf: number, batch: Uint8Array): Uint8Array {
  const head = new Uint8Array(9)
  head[0] = kinds.batch
  putU64(head, 1, firstLeaf)
  return joinBytes([head, batch])
}

export const nothingNewer: Uint8Array = Uint8Array.of(kinds.nothing)

/** Undefined for what no honest node sends. Certificates and batches are not looked into. */
export function decodeSegment(frame: Uint8Array): SegmentFrame | undefined {
  switch (frame[0]) {
    case kinds.head:
      return decodeHead(frame)
    case kinds.batch: {
      if (frame.length <= 9) return undefined
      const firstLeaf = readU64(frame, 1)
      if (!Number.isSafeInteger(firstLeaf)) return undefined
      return { kind: 'batch', firstLeaf, batch: frame.subarray(9) }
    }
    case kinds.nothing:
      return frame.length === 1 ? { kind: 'nothing' } : undefined
    default:
      return undefined
  }
}

function decodeHead(frame: Uint8Array): SegmentFrame | undefined {
  const certificates: Uint8Array[] = []
  for (let at = 1; at < frame.length; ) {
    if (at + 4 > frame.length || certificates.length > maxActivations) return undefined
    const length = readU32(frame, at)
    if (length > maxCertificateBytes || at + 4 + length > frame.length) return undefined
    certificates.push(frame.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const certificate = certificates.pop()
  return certificate && { kind: 'head', activations: certificates, certificate }
}
