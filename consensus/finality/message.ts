import { type ByteReader, ByteWriter, parse } from './bytes.ts'
import { type Certificate, isCertificate, readQuorum, writeQuorum } from './certificate.ts'
import { decodeEvidence, type Evidence, encodeEvidence, maxEvidenceBytes } from './evidence.ts'
import {
  type NewView,
  readNewView,
  readViewChange,
  type ViewChange,
  writeNewView,
  writeViewChange,
} from './new-view.ts'
import { readSigned, type Signed, writeSigned } from './signed.ts'
import { type Ballot, readBallot, writeBallot } from './statement.ts'

/** "This is where I am: what do I not know yet?" */
export interface Ask {
  readonly epoch: number
  readonly view: number
  readonly height: number
}

/** "This is all that I could contradict": how far the sender has gone, for a node that does not know its own past. */
export interface Recalled {
  readonly nonce: number
  readonly epoch: number
  /** The highest that it has entered or signed a view change for. */
  readonly view: number
  /** The last that it has voted for, or the base of its epoch. */
  readonly ballot: Ballot
}

/** What members say to each other about one authority, beside the votes of a batch. */
export type Message =
  | { readonly type: 'statement'; readonly signed: Signed }
  | { readonly type: 'view-change'; readonly viewChange: ViewChange }
  | { readonly type: 'new-view'; readonly newView: NewView }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'ask'; readonly ask: Ask }
  | { readonly type: 'recall'; readonly nonce: number }
  | { readonly type: 'recalled'; readonly recalled: Recalled }
  | { readonly type: 'evidence'; readonly evidence: Evidence }

const code = {
  statement: 1,
  'view-change': 2,
  'new-view': 3,
  certificate: 4,
  ask: 5,
  recall: 6,
  recalled: 7,
  evidence: 8,
} as const

export function encodeMessage(message: Message): Uint8Array {
  const writer = new ByteWriter().u8(code[message.type])
  switch (message.type) {
    case 'statement':
      writeSigned(writer, message.signed)
      break
    case 'view-change':
      writeViewChange(writer, message.viewChange)
      break
    case 'new-view':
      writeNewView(writer, message.newView)
      break
    case 'certificate':
      writeQuorum(writer, message.certificate)
      break
    case 'ask':
      writer.u32(message.ask.epoch).u32(message.ask.view).u64(message.ask.height)
      break
    case 'recall':
      writer.u32(message.nonce)
      break
    case 'recalled':
      writer.u32(message.recalled.nonce).u32(message.recalled.epoch).u32(message.recalled.view)
      writeBallot(writer, message.recalled.ballot)
      break
    case 'evidence':
      writer.bytes(encodeEvidence(message.evidence))
  }
  return writer.finish()
}

/** Undefined unless the bytes are exactly what `encodeMessage` makes. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  if (bytes[0] === code.evidence) {
    const evidence = bytes.length > 1 + maxEvidenceBytes ? undefined : decodeEvidence(bytes.subarray(1))
    return evidence && { type: 'evidence', evidence }
  }
  return parse(bytes, readMessage)
}

function readMessage(reader: ByteReader): Message {
  switch (reader.u8()) {
    case code.statement:
      return { type: 'statement', signed: readSigned(reader) }
    case code['view-change']:
      return { type: 'view-change', viewChange: readViewChange(reader) }
    case code['new-view']:
      return { type: 'new-view', newView: readNewView(reader) }
    case code.certificate: {
      const certificate = readQuorum(reader)
      return isCertificate(certificate) ? { type: 'certificate', certificate } : reader.refuse()
    }
    case code.ask:
      return { type: 'ask', ask: { epoch: reader.u32(), view: reader.u32(), height: reader.u64() } }
    case code.recall:
      return { type: 'recall', nonce: reader.u32() }
    case code.recalled: {
      const head = { nonce: reader.u32(), epoch: reader.u32(), view: reader.u32() }
      return { type: 'recalled', recalled: { ...head, ballot: readBallot(reader) } }
    }
    default:
      return reader.refuse()
  }
}
