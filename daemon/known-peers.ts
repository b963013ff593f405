import { nodeKey } from '../storage/keys.ts'
import type { Store } from '../storage/store.ts'
import type { KnownPeer, KnownPeerStore } from './network/options.ts'

const knownPeersKey = nodeKey('peers')

/** Addresses of peers, kept from one start to the next; without them the genesis file's are tried. */
export function knownPeersIn(store: Store): KnownPeerStore {
  return {
    async load() {
      const bytes = await store.get(knownPeersKey)
      if (bytes === undefined) return []
      try {
        return JSON.parse(new TextDecoder().decode(bytes)) as KnownPeer[]
      } catch {
        return []
      }
    },
    save(peers) {
      const value = new TextEncoder().encode(JSON.stringify(peers))
      store.write([{ key: knownPeersKey, value }], { sync: false }, () => {})
    },
  }
}
