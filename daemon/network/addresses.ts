/** What can be read off the text of a multiaddr. */
import { BlockList, isIP } from 'node:net'

/** A name or an IP address, and a TCP port. */
const direct = /^\/(ip4|ip6|dns|dns4|dns6|dnsaddr)\/([\w.:-]{1,128})(?:\/tcp\/(\d{1,5}))?$/
const relayed =
  /^\/(?:ip4|ip6|dns|dns4|dns6)\/[\w.:-]{1,128}\/tcp\/\d{1,5}\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,64}\/p2p-circuit$/

/** Of no use to strangers: RFC 1918, 6598, 3927, 4193 and what loopback and "this host" are. */
const inside = new BlockList()
const insideRanges: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
]
for (const [net, bits] of insideRanges) inside.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inside.addSubnet(net, bits, 'ipv6')
}

export interface Place {
  readonly kind: string
  /** An IP address or a name. */
  readonly host: string
  readonly port: number
}

/** Where it leads; undefined for one that goes by a relay or that is no such address. */
export function placeOf(address: string): Place | undefined {
  const match = direct.exec(withoutPeer(address))
  if (match?.[3] === undefined) return undefined
  return { kind: match[1]!, host: match[2]!, port: Number(match[3]) }
}

export function withoutPeer(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}

/** By way of another node: `<its address>/p2p/<it>/p2p-circuit`. */
export function isRelayed(address: string): boolean {
  return address.includes('/p2p-circuit')
}

export function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1(\/|$))/.test(address)
}

/** An IP address that the whole internet has one of. */
export function isPublic(address: string): boolean {
  const place = placeOf(address)
  return place !== undefined && isPublicIp(place.host)
}

export function isPublicIp(host: string): boolean {
  const family = isIP(host)
  return family !== 0 && !inside.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** What may be told to others, and dialled when they tell it. */
export function isDialable(address: string): boolean {
  const match = direct.exec(address)
  return (match?.[3] !== undefined && match[1] !== 'dnsaddr') || relayed.test(address)
}
