import type { FoundingOperator } from '../../daemon/genesis/build.ts'
import { generateSeed, signingKeyOf } from '../../daemon/identity/signing-key.ts'

/** An operator of a network that is soon gone: nobody keeps these keys. */
export function passingOperators(): FoundingOperator[] {
  const key = (): Uint8Array => signingKeyOf(generateSeed()).publicKey
  return [{ name: 'o', key: key(), recoveryKey: key() }]
}
