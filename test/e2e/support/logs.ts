import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type Checkpoint, parseCheckpoint } from '../../../storage/log/checkpoint.ts'
import { tilePath, tilesOfLevel } from '../../../storage/log/tiles.ts'
import type { BotPromise } from '../../../testnet/bots/bots.ts'
import { until } from './processes.ts'

/** A replica's log as it serves it to everybody: its checkpoint and the leaf hashes below it, in hex. */
export interface ReadLog {
  readonly origin: string
  readonly size: number
  readonly rootHex: string
  readonly leafHashes: readonly string[]
}

export async function readLog(httpUrl: string, origin: string): Promise<ReadLog> {
  const { size, root } = await readCheckpoint(httpUrl, origin)
  const { full, partialWidth } = tilesOfLevel(size, 0)
  const widths = [...Array<number>(full).fill(256), ...(partialWidth > 0 ? [partialWidth] : [])]
  const tiles = await Promise.all(
    widths.map((width, index) => read(`${httpUrl}/log/${origin}/${tilePath(0, index, width)}`)),
  )
  const hashes = Buffer.concat(tiles).toString('hex')
  const leafHashes = Array.from({ length: size }, (_, leaf) => hashes.slice(64 * leaf, 64 * leaf + 64))
  return { origin, size, rootHex: Buffer.from(root).toString('hex'), leafHashes }
}

export async function readCheckpoint(httpUrl: string, origin: string): Promise<Checkpoint> {
  const note = (await read(`${httpUrl}/log/${origin}/checkpoint`)).toString('utf8')
  const checkpoint = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1))
  assert.ok(checkpoint !== undefined, note)
  return checkpoint
}

export interface BrokenPromise {
  readonly httpUrl: string
  readonly promise: BotPromise
  readonly found: string | undefined
}

/** Waits until the promises lie under the replica's checkpoint, and returns those that its log does not keep. */
export async function brokenPromises(
  httpUrl: string,
  origin: string,
  promises: readonly BotPromise[],
): Promise<BrokenPromise[]> {
  const made = promises.filter(promise => promise.origin === origin)
  const last = Math.max(-1, ...made.map(promise => promise.leaf))
  await until(`leaf ${last} is sealed at ${httpUrl}`, async () => {
    const response = await fetch(`${httpUrl}/log/${origin}/checkpoint`)
    return response.status === 200 && (await readCheckpoint(httpUrl, origin)).size > last
  })
  const { leafHashes } = await readLog(httpUrl, origin)
  return made
    .filter(promise => leafHashes[promise.leaf] !== promise.leafHash)
    .map(promise => ({ httpUrl, promise, found: leafHashes[promise.leaf] }))
}

async function read(url: string): Promise<Buffer> {
  const response = await fetch(url)
  assert.equal(response.status, 200, url)
  return Buffer.from(await response.arrayBuffer())
}

/** What a bots' process was promised so far. A last line that is still being written is left out. */
export function readPromises(path: string): BotPromise[] {
  const text = readFileSync(path, 'utf8')
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as BotPromise)
}
