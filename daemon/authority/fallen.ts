import { decodeAttestation } from '../../client/protocol/attestation.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import type { InputBatch } from './batch.ts'

/** An input of a batch that was not proposed with it: the gateway's signature is over its hash. */
export interface LeftOut {
  readonly hash: Uint8Array
}

/** A gateway's batch as it is found in the log, where some of its inputs may be left out. */
export interface LoggedBatch extends Pick<InputBatch, 'gateway' | 'signature'> {
  readonly bodies: readonly (Uint8Array | LeftOut)[]
}

/** The batches of inputs among records that fell off a log: attestations, each with the inputs that follow it. */
export function loggedBatches(records: readonly LogRecord[]): LoggedBatch[] {
  const batches: LoggedBatch[] = []
  records.forEach(({ kind, body }, at) => {
    const attested = kind === recordKind.attestation ? decodeAttestation(body) : undefined
    if (attested === undefined) return
    let next = at + 1
    const bodies: (Uint8Array | LeftOut)[] = []
    for (const hash of attested.slots) {
      if (hash !== undefined) bodies.push({ hash })
      else if (records[next]?.kind === recordKind.input) bodies.push(records[next++]!.body)
      // A faulty leader's, which attests what is not there: nothing of it can be proposed again.
      else return
    }
    batches.push({ gateway: attested.gateway, signature: attested.signature, bodies })
  })
  return batches
}
