import { isLinkable } from './link.ts'

const maxRecords = 64
const maxAddresses = 16
const maxDepth = 3

/** The texts of a name's TXT records; rejects where there are none. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>

/**
 * Puts the addresses of `_dnsaddr.<name>` (TXT records `dnsaddr=<multiaddr>`, libp2p's addressing specification) in place of
 * each `/dnsaddr/<name>`; those may be names again. What can't be resolved is left out.
 */
export async function resolveDnsaddrs(nodes: readonly string[], resolveTxt: ResolveTxt): Promise<string[]> {
  let found: readonly string[] = nodes
  for (let depth = 0; depth < maxDepth; depth++) {
    if (!found.some(isName)) break
    const resolved = await Promise.all(found.map(each => (isName(each) ? lookUp(each, resolveTxt) : [each])))
    found = [...new Set(resolved.flat())].slice(0, maxAddresses)
  }
  return found.filter(each => !isName(each))
}

function isName(address: string): boolean {
  return address.startsWith('/dnsaddr/')
}

async function lookUp(address: string, resolveTxt: ResolveTxt): Promise<string[]> {
  try {
    const records = await resolveTxt(`_dnsaddr.${address.slice('/dnsaddr/'.length)}`)
    return records.slice(0, maxRecords).flatMap(parts => {
      const text = /^dnsaddr=(.{1,512})$/.exec(parts.join(''))?.[1]
      const plain = text?.replace(/\/p2p\/[^/]+$/, '')
      return plain !== undefined && isLinkable(plain) ? [plain] : []
    })
  } catch {
    return []
  }
}
