import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { WitnessAnswer } from './witness.ts'

/** A request is a checkpoint with its signatures, and at most 63 hashes. */
const maxRequestBytes = 64 * 1024
const requestTimeoutMs = 10_000
const maxConnections = 1_000

export interface WitnessService {
  /** Answers the body of a request; throws when it cannot keep what it saw. */
  addCheckpoint(body: Uint8Array): WitnessAnswer | Promise<WitnessAnswer>
}

export interface RunningWitness {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Serves `POST /add-checkpoint`; `GET /` says who this is.
 * @param about plain text for people, made anew for each
 */
export async function serveWitness(
  witness: WitnessService,
  about: () => string,
  host: string,
  port: number,
): Promise<RunningWitness> {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs })
  server.maxConnections = maxConnections
  server.on('request', (request, response) => answer(witness, about, request, response))
  await listening(server, host, port)
  const { address, family, port: bound } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function answer(
  witness: WitnessService,
  about: () => string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
  }
  const say = (status: number, why: string): void => send(status, 'text/plain; charset=utf-8', `${why}\n`)
  if (request.url === '/' && request.method === 'GET') return say(200, about())
  if (request.url !== '/add-checkpoint') return say(404, 'There is nothing here.')
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST')
    return say(405, 'It takes a POST.')
  }
  const parts: Buffer[] = []
  let sizeBytes = 0
  request.on('data', (part: Buffer) => {
    sizeBytes += part.length
    if (sizeBytes <= maxRequestBytes) parts.push(part)
    else if (!response.headersSent) {
      response.setHeader('connection', 'close')
      say(413, `A request has at most ${maxRequestBytes} bytes.`)
    }
  })
  request.on('end', async () => {
    if (sizeBytes > maxRequestBytes) return
    try {
      const { status, type, body } = await witness.addCheckpoint(Buffer.concat(parts))
      send(status, type, body)
    } catch (error) {
      // What cannot be kept is not cosigned.
      say(500, `The witness cannot keep what it sees: ${(error as Error).message}`)
    }
  })
}
