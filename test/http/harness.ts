import { connect } from 'node:net'
import { type HttpOptions, type HttpServer, startHttp } from '../../daemon/http/server.ts'
import { createLogger } from '../../daemon/log.ts'
import { createMetrics, type Metrics } from '../../daemon/metrics/metrics.ts'
import { fakeNode } from './fake-node.ts'

export interface Served {
  readonly server: HttpServer
  readonly metrics: Metrics
  readonly port: number
}

export async function serve(change: Partial<HttpOptions> = {}): Promise<Served> {
  const metrics = createMetrics({ process: false })
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    view: fakeNode(),
    genesis: Buffer.from('{"format":1}\n'),
    config: { maxSessions: 7, dataDir: 'secret', genesis: 'secret' },
    metrics,
    serveMetrics: true,
    log: createLogger('silent'),
    bring: async () => ({ kind: 'unanswered' }),
    nowMs: () => performance.now(),
    ...change,
  })
  return { server, metrics, port: Number(new URL(server.url).port) }
}

/** Sends bytes as they are and returns everything that comes back until the server closes. */
export function sendRaw(port: number, bytes: Uint8Array | string, timeoutMs = 8000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let answer = ''
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no end after ${timeoutMs} ms; so far: ${answer.slice(0, 200)}`))
    }, timeoutMs)
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    // A server that closes while more is being written resets the connection; what it said before still counts.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}
