import { view } from '../../audit/verify/bytes.ts'

const SALT_BYTES = 16
const HEAD_BYTES = SALT_BYTES + 4

/** Salt and body of one record of a bodies bundle (docs/protocol.md): per leaf salt 16 ‖ u32 length ‖ body. */
export function bodyIn(
  bundle: Uint8Array,
  index: number,
): { readonly salt: Uint8Array; readonly body: Uint8Array } | undefined {
  const numbers = view(bundle)
  let at = 0
  for (let i = 0; at + HEAD_BYTES <= bundle.length; i++) {
    const end = at + HEAD_BYTES + numbers.getUint32(at + SALT_BYTES)
    if (end > bundle.length) return undefined
    if (i === index)
      return { salt: bundle.slice(at, at + SALT_BYTES), body: bundle.slice(at + HEAD_BYTES, end) }
    at = end
  }
  return undefined
}
