import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { type GatewayConfig, GatewayCore, type GatewayPorts } from './core.ts'

const TICK_MS = 20
const BACKLOG_MS = 100
const PING_MS = 15_000
/** How long a closed connection may take to say goodbye itself. */
const CLOSE_MS = 2_000

export interface GatewayServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly config: GatewayConfig
  readonly ports: Omit<GatewayPorts, 'send' | 'close'>
  /** Stands for `config.limits.maxConnections`. */
  readonly maxConnections?: number
}

export interface GatewayServer {
  readonly core: GatewayCore
  readonly port: number
  /** Says goodbye, closes everything and frees the port. */
  stop(): Promise<void>
}

interface Line {
  readonly socket: WebSocket
  readonly tcp: Socket
  answered: boolean
}

/** Serves the gateway over WebSockets. Rejects when the port can't be had (the error has node's `code`). */
export async function startGatewayServer(options: GatewayServerOptions): Promise<GatewayServer> {
  const { config, ports, maxConnections } = options
  const limits = { ...config.limits, ...(maxConnections === undefined ? {} : { maxConnections }) }
  const lines = new Map<number, Line>()
  let lastId = 0

  const core = new GatewayCore(
    { ...config, limits },
    {
      ...ports,
      send(id, bytes) {
        const line = lines.get(id)
        if (line === undefined) return
        inOneWrite(line.tcp)
        line.socket.send(bytes)
      },
      close: (id, code, reason) => {
        const socket = lines.get(id)?.socket
        if (socket !== undefined) closeSoon(socket, code, reason)
      },
    },
  )

  const refused = (): void => ports.count('gateway_refused_total', { code: 'not-websocket' })
  const http = createServer({ connectionsCheckingInterval: 5_000 }, (_request, response) => {
    refused()
    response
      .writeHead(426, { 'content-type': 'text/plain', connection: 'close' })
      .end('This port speaks WebSocket.\n')
  })
  http.on('clientError', (_error, socket) => {
    refused()
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })
  // Compression would cost more than the bytes; clients send little, so a larger message is no client's.
  const server = new WebSocketServer({
    server: http,
    maxPayload: core.limits.maxMessageBytes,
    perMessageDeflate: false,
    clientTracking: false,
  })
  http.headersTimeout = core.limits.handshakeMs
  // Those above are still told that it is full.
  http.maxConnections = core.limits.maxConnections + 100
  // A connection that couldn't be accepted (no descriptors left) is no reason to stop serving the others.
  server.on('error', () => ports.count('gateway_closed_total', { code: 'not-accepted' }))

  server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    socket.on('error', error => {
      if (isTooLong(error)) ports.count('gateway_refused_total', { code: 'oversized' })
    })
    const id = ++lastId
    const line: Line = { socket, tcp: request.socket, answered: true }
    lines.set(id, line)
    request.socket.setNoDelay(true)
    socket.on('pong', () => {
      line.answered = true
    })
    socket.on('message', (data, isBinary) => core.message(id, isBinary ? bytesOf(data) : NOT_BINARY))
    socket.on('close', () => {
      lines.delete(id)
      core.closed(id)
    })
    core.connected(id, request.socket.remoteAddress ?? '')
  })

  const ticking = setInterval(() => core.tick(), TICK_MS)
  const measuring = setInterval(() => {
    for (const [id, { socket }] of lines) core.backlog(id, socket.bufferedAmount)
  }, BACKLOG_MS)
  const pinging = setInterval(() => {
    for (const line of lines.values()) {
      if (!line.answered) line.socket.terminate()
      line.answered = false
      line.socket.ping()
    }
  }, PING_MS)

  function stopTimers(): void {
    for (const timer of [ticking, measuring, pinging]) clearInterval(timer)
  }

  try {
    await listen(http, options.host, options.port)
  } catch (error) {
    stopTimers()
    throw error
  }

  return {
    core,
    port: portOf(http),
    async stop() {
      stopTimers()
      core.stop()
      await new Promise<void>(resolve => {
        http.close(() => resolve())
        setTimeout(() => {
          for (const { socket } of lines.values()) socket.terminate()
          http.closeAllConnections()
        }, 500).unref()
      })
    },
  }
}

/** Shorter than any message: refused as malformed by the core. */
const NOT_BINARY = new Uint8Array(0)

function bytesOf(data: RawData): Uint8Array {
  if (data instanceof Uint8Array) return data
  return data instanceof ArrayBuffer ? new Uint8Array(data) : Buffer.concat(data as Buffer[])
}

/** All that a client is sent in one go, such as the answers to a whole batch, leaves in one system call. */
function inOneWrite(tcp: Socket): void {
  if (tcp.writableCorked > 0) return
  tcp.cork()
  process.nextTick(() => tcp.uncork())
}

/** A peer that doesn't answer the goodbye is cut off. */
function closeSoon(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), CLOSE_MS).unref()
}

function isTooLong(error: Error): boolean {
  return (error as { code?: string }).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
