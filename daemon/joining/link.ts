/**
 * A link is all that somebody needs to come into a world: `freehold:<network>?genesis=<hash>&node=<address>…`. The hash is that of the
 * genesis file, so that whoever gives the file away can't give another; the addresses are of nodes that may be asked, multiaddrs
 * whose TCP port is left out when it is 7777. A link has exactly one form.
 */
import { isIP } from 'node:net'
import { networkName } from '../config/schema.ts'
import { badUsage } from '../config/setup-error.ts'

export const defaultPort = 7777
export const maxLinkNodes = 8
const maxLinkLength = 2048
const form = /^freehold:([^?]*)\?genesis=([0-9a-f]{64})((?:&node=[^&\s]+)+)$/
const dnsName = /^[a-z0-9.-]{1,253}$/
const address = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)(?:\/tcp\/([1-9]\d{0,4}))?$/
const record = /^\/dnsaddr\/([^/]+)$/

export interface JoinLink {
  readonly network: string
  /** SHA-256 of the genesis file, hex. */
  readonly genesisHash: string
  /** Multiaddrs with a port, or `/dnsaddr/<name>`, which stands for those that the name's TXT records have. */
  readonly nodes: readonly string[]
}

/** @throws SetupError (exit 2) with what is wrong */
export function parseLink(text: string): JoinLink {
  const refuse = (why: string) =>
    badUsage('bad-link', `That is no link to a world: ${why}. Ask for it anew; freehold link prints it.`)
  if (text.length > maxLinkLength) throw refuse(`it is longer than ${maxLinkLength} characters`)
  const match = form.exec(text)
  if (match === null) throw refuse('it must be like freehold:NAME?genesis=HASH&node=ADDRESS')
  const [, network, genesisHash, list] = match as unknown as [string, string, string, string]
  if (!networkName.safeParse(network).success) throw refuse(`"${network}" is no network's name`)
  const written = list.slice('&node='.length).split('&node=')
  if (written.length > maxLinkNodes) throw refuse(`it has more than ${maxLinkNodes} addresses`)
  const nodes = written.map(each => {
    const full = withPort(each)
    if (full === undefined)
      throw refuse(`"${each}" is no address like /ip4/192.0.2.1 or /dnsaddr/example.org`)
    return full
  })
  const link = { network, genesisHash, nodes }
  if (formatLink(link) !== text) throw refuse('it is not written as links are')
  return link
}

export function formatLink({ network, genesisHash, nodes }: JoinLink): string {
  const shown = [...new Set(nodes)].map(each => each.replace(new RegExp(`/tcp/${defaultPort}$`), ''))
  return `freehold:${network}?genesis=${genesisHash}${shown.map(each => `&node=${each}`).join('')}`
}

/** Whether it may stand in a link. */
export function isLinkable(text: string): boolean {
  return withPort(text) !== undefined
}

/** As in a link or with its port; undefined for what may not stand in one. */
function withPort(text: string): string | undefined {
  const name = record.exec(text)?.[1]
  if (name !== undefined) return dnsName.test(name) ? text : undefined
  const match = address.exec(text)
  if (match === null) return undefined
  const [, kind, host, port] = match
  const family = { ip4: 4, ip6: 6 }[kind!]
  const isHost = family === undefined ? dnsName.test(host!) : isIP(host!) === family
  if (!isHost || host !== host!.toLowerCase() || Number(port ?? 1) > 65_535) return undefined
  return port === undefined ? `${text}/tcp/${defaultPort}` : text
}
