import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'

/** The player's Ed25519 secret key (32 bytes) as this browser keeps it, and the file that carries it elsewhere. */

const STORED_AS = 'freehold.playerKey'
const FILE_KIND = 'freehold-player-key/1'
const KEY_BYTES = 32

export interface PlayerKeyFile {
  readonly kind: typeof FILE_KIND
  readonly secretKey: string
}

function parseHex(text: string | null): Uint8Array | undefined {
  return text !== null && /^[0-9a-f]{64}$/.test(text) ? hexToBytes(text) : undefined
}

/** The key of this browser, made on first use. Without storage (a private window) it lives as long as the page. */
export function loadPlayerKey(storage: Storage | undefined): Uint8Array {
  const stored = parseHex(storage?.getItem(STORED_AS) ?? null)
  if (stored !== undefined) return stored
  const fresh = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  savePlayerKey(storage, fresh)
  return fresh
}

export function savePlayerKey(storage: Storage | undefined, key: Uint8Array): void {
  try {
    storage?.setItem(STORED_AS, bytesToHex(key))
  } catch {
    // A full or forbidden storage: the key still serves this visit, and can be saved as a file.
  }
}

export function exportPlayerKey(key: Uint8Array): string {
  const file: PlayerKeyFile = { kind: FILE_KIND, secretKey: bytesToHex(key) }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** `undefined` when the text is no key file. */
export function importPlayerKey(text: string): Uint8Array | undefined {
  try {
    const file = JSON.parse(text) as Partial<PlayerKeyFile> | null
    if (file?.kind !== FILE_KIND || typeof file.secretKey !== 'string') return undefined
    return parseHex(file.secretKey)
  } catch {
    return undefined
  }
}
