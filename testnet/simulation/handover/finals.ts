import type { Proven } from '../../../consensus/handover/shown.ts'
import { joinBytes, putU32, putU64, readU32, readU64 } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'

/** How far a seal has come when its certificate is shown. Honest authorities show it once it is anchored. */
export type Stage = 'none' | 'certified' | 'anchored'

const nameBytes = 32
const headBytes = nameBytes + 4 + 8 + 32
const tagBytes = 8
const secrets = { certified: Buffer.from('members'), anchored: Buffer.from('directory') }
const noTag = new Uint8Array(tagBytes)

/** Keyed hashes stand for the members' certificate, and for the directory's proof that it has it. */
export function encodeFinal(proven: Omit<Proven, 'isAnchored'>, stage: Stage): Uint8Array {
  const ancestors = Buffer.from(proven.ancestors.join(''), 'hex')
  const body = new Uint8Array(headBytes + ancestors.length)
  body.set(ancestors, headBytes)
  body.set(Buffer.from(proven.authority, 'hex'))
  putU32(body, 32, proven.epoch)
  putU64(body, 36, proven.height)
  body.set(proven.stateRoot, 44)
  const certified = stage === 'none' ? noTag : tag('certified', body)
  return joinBytes([body, certified, stage === 'anchored' ? tag('anchored', body) : noTag])
}

export function verifyFinal(final: Uint8Array): Proven | undefined {
  const end = final.length - 2 * tagBytes
  if (end < headBytes || (end - headBytes) % nameBytes !== 0) return undefined
  const body = final.subarray(0, end)
  const has = (kind: keyof typeof secrets, at: number): boolean =>
    Buffer.compare(final.subarray(at, at + tagBytes), tag(kind, body)) === 0
  if (!has('certified', end)) return undefined
  const ancestors: string[] = []
  for (let at = headBytes; at < end; at += nameBytes) ancestors.push(nameAt(body, at))
  return {
    ...{ authority: nameAt(body, 0), epoch: readU32(body, 32), height: readU64(body, 36) },
    ...{ stateRoot: body.subarray(44, headBytes), isAnchored: has('anchored', end + tagBytes), ancestors },
  }
}

function nameAt(body: Uint8Array, at: number): string {
  return Buffer.from(body.buffer, body.byteOffset + at, nameBytes).toString('hex')
}

function tag(kind: keyof typeof secrets, body: Uint8Array): Uint8Array {
  return sha256(joinBytes([secrets[kind], body])).subarray(0, tagBytes)
}
