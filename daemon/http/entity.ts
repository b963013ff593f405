import { decodeEntity } from '../../world/codec.ts'
import type { StateProofAnswer } from '../hosting/state-proofs.ts'
import { HttpError } from './errors.ts'
import type { Consistency, ReadView } from './view.ts'

/** A read as the API shows it. A local one says what this node's replica has, which may be older than what its owner has. */
export function entityAnswer(read: ReadView, consistency: Consistency): object {
  if (read.kind === 'refused')
    throw new HttpError(400, read.code, `The authority refused the read: ${read.code}.`)
  if (read.kind !== 'state') throw new HttpError(503, read.kind, 'The owner can not answer now: ask again.')
  const { entity, size, tick, byLease } = read.state
  return {
    consistency,
    by: consistency === 'local' ? null : byLease ? 'lease' : 'quorum',
    size,
    tick,
    entity: entity === undefined ? null : shown(entity),
    bytes: entity === undefined ? null : Buffer.from(entity).toString('base64'),
  }
}

/** A proof of the state as the API gives it: bytes in base64. */
export function stateProofBody(answer: StateProofAnswer): object {
  if (answer.kind === 'not-held')
    throw new HttpError(
      409,
      'not-held',
      `Only the state at the newest final seal is held: height ${answer.height}.`,
    )
  if (answer.kind !== 'proof') throw new HttpError(503, answer.kind, 'Nothing can be proven now: ask again.')
  const { value, path, certificate } = answer
  return {
    value: value === undefined ? null : base64(value),
    path: base64(path),
    certificate: base64(certificate),
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

function shown(bytes: Uint8Array): object | null {
  const entity = decodeEntity(bytes)
  if (entity?.kind !== 'character') return entity ?? null
  return { ...entity, player: Buffer.from(entity.player).toString('hex') }
}
