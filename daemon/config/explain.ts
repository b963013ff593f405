import { SetupError } from './setup-error.ts'

/** Errors whose message already is a sentence for a person. */
const PLAIN = new Set(['SetupError', 'StoreError', 'NetworkError'])

type SystemError = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string }

/**
 * One line for what stopped a node: what is wrong, and what to do. Undefined for an error that nobody foresaw, which
 * is better shown whole.
 */
export function explain(error: unknown): SetupError | undefined {
  for (const inner of chainOf(error)) {
    if (inner instanceof SetupError) return inner
    if (PLAIN.has(inner.name))
      return new SetupError(String((inner as SystemError).code), oneLine(inner.message))
    const message = explainSystem(inner as SystemError)
    if (message !== undefined)
      return new SetupError((inner as SystemError).code!, message, 1, { cause: error })
  }
  return undefined
}

/** The error, what it wraps, and what those wrap, outermost first. */
function chainOf(error: unknown): Error[] {
  const found: Error[] = []
  const waiting = [error]
  while (waiting.length > 0 && found.length < 20) {
    const next = waiting.shift()
    if (!(next instanceof Error) || found.includes(next)) continue
    found.push(next)
    waiting.push(next.cause, ...(next instanceof AggregateError ? next.errors : []))
  }
  return found
}

function explainSystem(error: SystemError): string | undefined {
  const where = error.path ?? 'the data directory'
  const address = `${error.address ?? ''}${error.port === undefined ? '' : `:${error.port}`}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `Another program listens on ${address}: stop it, or give this node another port (see freehold start --help).`
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${address}: give one of its own, or 0.0.0.0 for all.`
    case 'EACCES':
    case 'EPERM':
      return address === ''
        ? `${where} may not be read or written: give this user the right to, or name another directory.`
        : `Listening on ${address} is not permitted: take a port above 1023.`
    case 'EROFS':
      return `${where} is on a read-only file system: name another directory with --data-dir.`
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return `The disk that holds ${where} is full: free some space and start the node again.`
    case 'EMFILE':
    case 'ENFILE':
      return 'Too many files are open: raise the limit (ulimit -n 65536) and start the node again.'
    case 'EISDIR':
      return `${where} is a directory where a file should be: name another one.`
    case 'ENOTFOUND':
      return `There is no host ${error.hostname}: give an address of this machine.`
    case 'EEXIST':
    case 'ENOTDIR':
      return `A part of ${where} is a file where a directory should be: name another directory.`
    default:
      return undefined
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ')
}
