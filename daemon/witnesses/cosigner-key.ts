import { formatVkey, makeVkey, noteAlgorithm, parseVkey } from '../../storage/log/vkey.ts'

/** The verifier key of whoever cosigns under this name with this Ed25519 key. */
export function cosignerKey(name: string, publicKey: Uint8Array): string {
  return formatVkey(makeVkey(name, noteAlgorithm.cosignature, publicKey))
}

/** The name in a cosigner's verifier key; undefined when it is none. */
export function cosignerName(vkeyText: string): string | undefined {
  const vkey = parseVkey(vkeyText)
  return vkey === undefined || vkey.algorithm === noteAlgorithm.ed25519 ? undefined : vkey.name
}
