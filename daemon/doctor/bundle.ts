import { existsSync, readFileSync } from 'node:fs'
import { dataDirFiles } from '../identity/data-dir.ts'

/** Of a log its end, so that a bundle can be sent. */
const logMaxBytes = 1024 * 1024
const withheld = '(withheld)'
/** Grants are shown as bearer tokens; keys are PEM, or 32 bytes in base64 or hex next to a name that says so. */
const secretForms = [
  /(Bearer )[\w+/=.-]{16,}/g,
  /("?(?:seed|secret|private\w*|password|token|authorization)"?\s*[:=]\s*"?)[\w+/=.-]{16,}/gi,
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?=-----END|$)/g,
]

/** The end of a log without what must not leave the machine. */
export function logTail(path: string): string {
  const bytes = readFileSync(path)
  const tail = bytes.subarray(Math.max(0, bytes.length - logMaxBytes)).toString('utf8')
  return secretForms.reduce((text, form) => text.replace(form, `$1${withheld}`), tail)
}

/**
 * The bundle's text, if none of the node's secrets stands in it: its keys, and its grants. That no part of it had a reason
 * to hold one is no proof that none does. @throws Error when one does
 */
export function bundleText(dataDir: string, parts: Readonly<Record<string, unknown>>): string {
  const text = `${JSON.stringify({ format: 1, ...parts }, undefined, 1)}\n`
  const leaked = secretsOf(dataDir).some(secret => text.includes(secret))
  if (leaked) throw new Error('A key or a grant of this node stands in it; it was not written.')
  return text
}

function secretsOf(dataDir: string): string[] {
  const { nodeKeys, grants } = dataDirFiles(dataDir)
  const texts = [nodeKeys, grants].filter(existsSync).map(path => readFileSync(path, 'utf8'))
  return texts.flatMap(text => {
    const seeds = text.match(/[A-Za-z0-9+/]{43}=/g) ?? []
    return [...seeds, ...seeds.map(seed => Buffer.from(seed, 'base64').toString('hex'))]
  })
}
