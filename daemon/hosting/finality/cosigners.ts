import { cosignatureMessage, formatTimestamped } from '../../../storage/log/cosignature.ts'
import type { NoteVerifier } from '../../../storage/log/note.ts'
import { noteVerifier } from '../../../storage/log/note-keys.ts'
import { makeVkey, noteAlgorithm, type Vkey } from '../../../storage/log/vkey.ts'
import type { SigningKey } from '../../identity/signing-key.ts'
import type { LogCosigning, PublishedLog } from '../log-view.ts'
import { Cosigning, type CosigningOptions } from './cosigning.ts'

/** Under which name and key a node cosigns what it has decided, in all its logs (C2SP tlog-cosignature). */
export function memberCosigner(network: string, node: number, publicKey: Uint8Array): Vkey {
  return makeVkey(`${network}/member/${node}`, noteAlgorithm.cosignature, publicKey)
}

export interface CosignersOptions extends Omit<CosigningOptions, 'logOf' | 'verifierOf'> {
  readonly self: number
  readonly networkName: string
  readonly key: SigningKey
  /** Every node's public key for cosignatures. */
  readonly keyOf: (node: number) => Uint8Array
  readonly logOf: (group: number) => PublishedLog | undefined
}

/** How the logs of this node get their members' cosignatures. */
export function memberCosigning(options: CosignersOptions): (group: number) => LogCosigning {
  const { self, networkName, key, keyOf, clock } = options
  const { name, keyId } = memberCosigner(networkName, self, key.publicKey)
  const verifiers = new Map<number, NoteVerifier>()
  const verifierOf = (node: number): NoteVerifier => {
    const known = verifiers.get(node) ?? noteVerifier(memberCosigner(networkName, node, keyOf(node)))
    verifiers.set(node, known)
    return known
  }
  const cosigning = new Cosigning({ ...options, verifierOf })
  return group => ({
    cosign: text => {
      const timestampSeconds = Math.floor(clock.wallMs() / 1000)
      const signature = key.sign(cosignatureMessage(timestampSeconds, text))
      return { name, keyId, signature: formatTimestamped({ timestampSeconds, signature }) }
    },
    gather: (size, text, take) => cosigning.gather(group, size, text, take),
    shown: () => cosigning.decided(group),
  })
}
