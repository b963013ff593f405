import type { Proven } from '../../../consensus/handover/shown.ts'
import { joinBytes, putU32, putU64, readU32, readU64 } from '../../../storage/bytes.ts'
import { sha256 } from '../../../storage/sha256.ts'

/** How far a seal has come when its certificate is shown. Honest authorities show it once it is anchored. */
export type Stage = 'none' | 'certified' | 'anchored'

const bodyBytes = 32 + 4 + 8 + 32
const tagBytes = 8
const secrets = { certified: Buffer.from('members'), anchored: Buffer.from('directory') }
const noTag = new Uint8Array(tagBytes)

/** Keyed hashes stand for the members' certificate, and for the directory's proof that it has it. */
export function encodeFinal(proven: Omit<Proven, 'isAnchored'>, stage: Stage): Uint8Array {
  const body = new Uint8Array(bodyBytes)
  body.set(Buffer.from(proven.authority, 'hex'))
  putU32(body, 32, proven.epoch)
  putU64(body, 36, proven.height)
  body.set(proven.stateRoot, 44)
  const certified = stage === 'none' ? noTag : tag('certified', body)
  return joinBytes([body, certified, stage === 'anchored' ? tag('anchored', body) : noTag])
}

export function verifyFinal(final: Uint8Array): Proven | undefined {
  if (final.length !== bodyBytes + 2 * tagBytes) return undefined
  const body = final.subarray(0, bodyBytes)
  const has = (kind: keyof typeof secrets, at: number): boolean =>
    Buffer.compare(final.subarray(at, at + tagBytes), tag(kind, body)) === 0
  if (!has('certified', bodyBytes)) return undefined
  return {
    authority: Buffer.from(body.subarray(0, 32)).toString('hex'),
    ...{ epoch: readU32(body, 32), height: readU64(body, 36), stateRoot: body.subarray(44) },
    isAnchored: has('anchored', bodyBytes + tagBytes),
  }
}

function tag(kind: keyof typeof secrets, body: Uint8Array): Uint8Array {
  return sha256(joinBytes([secrets[kind], body])).subarray(0, tagBytes)
}
