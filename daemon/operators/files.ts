import { existsSync, readFileSync, statSync } from 'node:fs'
import { badConfiguration, SetupError } from '../config/setup-error.ts'
import { canonicalJson, type Json } from '../genesis/canonical-json.ts'

const MAX_BYTES = 64 * 1024

/** The text of a small file that somebody handed on. @throws SetupError `unreadable-file` */
export function readSmallFile(path: string): string {
  try {
    const { size } = statSync(path)
    if (size > MAX_BYTES)
      throw new SetupError('unreadable-file', `${path} is too long: it has ${size} bytes.`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof SetupError) throw error
    throw new SetupError(
      'unreadable-file',
      `${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
}

/** Nothing is written over what cannot be made again. @throws SetupError `already-there` */
export function refuseExisting(path: string): void {
  if (existsSync(path))
    throw badConfiguration('already-there', `${path} is there already: name a file that is not.`)
}

/** Undefined for what is no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Canonical, and to be read by people: keys sorted, a line each, whole numbers only. */
export function readableJson(value: Json): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(value)), undefined, 2)}\n`
}

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
