import type { NodeView } from './view.ts'

/**
 * Which web pages may read what. Logs are public, for verifiers in any page. The rest of the API is for pages that a node
 * of this network served (the map goes on at another node when its own is gone), not for whatever site the owner of
 * the machine happens to visit.
 */

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** The value of Access-Control-Allow-Origin; undefined for none. */
export function allowedOrigin(path: string, origin: string | undefined, view: NodeView): string | undefined {
  if (path.startsWith('/log/')) return '*'
  if (origin === undefined || !(path.startsWith('/api/') || path === '/livez' || path === '/readyz'))
    return undefined
  return isLoopbackOrigin(origin) || view.nodes().some(node => originOf(node.httpUrl) === origin)
    ? origin
    : undefined
}

/**
 * A server that listens on loopback only must not be reached under a foreign name: a page that rebinds its own name to
 * 127.0.0.1 would read it as its own origin.
 */
export function isForeignHost(hostHeader: string | undefined, listensOnLoopback: boolean): boolean {
  if (!listensOnLoopback || hostHeader === undefined) return false
  return !isLoopback(hostHeader.replace(/:\d+$/, ''))
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host) || host === '::1'
}

/** A program on this machine, and no page: a browser names a page's origin whenever it posts. */
export function isFromHere(address: string, origin: string | undefined): boolean {
  return origin === undefined && isLoopback(address.replace(/^::ffff:/, ''))
}

function isLoopbackOrigin(origin: string): boolean {
  const parsed = URL.canParse(origin) ? new URL(origin) : undefined
  return parsed !== undefined && parsed.origin === origin && isLoopback(parsed.hostname)
}

function originOf(url: string | null): string | undefined {
  return url !== null && URL.canParse(url) ? new URL(url).origin : undefined
}

/** For every answer; the page's scripts come from its node alone, and speak to nodes' APIs and gateways. */
export const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self' http: https: ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
} as const
