import type { Socket } from 'node:net'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Logger } from '../log.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { BringCommand } from './commands.ts'
import { errorBody, HttpError, notFound } from './errors.ts'
import { COMMANDS_URL, LIMITS, type RateLimit, RateLimiter, shapeProblem } from './limits.ts'
import { allowedOrigin, isForeignHost, isFromHere, isLoopback, SECURITY_HEADERS } from './origin-policy.ts'
import { addRoutes } from './routes.ts'
import { loadStaticFiles } from './static-files.ts'
import type { NodeView } from './view.ts'

export interface HttpOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly view: NodeView
  /** The genesis file's bytes. */
  readonly genesis: Uint8Array
  /** The node's settings; /api/v1/config shows them without its paths. */
  readonly config: Readonly<Record<string, unknown>>
  readonly metrics: Metrics
  /** Whether /metrics is served; refusals are counted all the same. */
  readonly serveMetrics: boolean
  /** The built map page, where there is one. */
  readonly pageDir?: string | undefined
  /** The way to the directory for what operators command. */
  readonly bring: BringCommand
  readonly log: Logger
  readonly nowMs: () => number
  /** Requests of one address. */
  readonly rate?: RateLimit
}

export interface HttpServer {
  /** As `http://127.0.0.1:7302`. */
  readonly url: string
  close(): Promise<void>
}

const DEFAULT_RATE: RateLimit = { perSecond: 500, burst: 1000 }

/** Rejects with the system's error when it cannot listen (`EADDRINUSE` …). */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, metrics, serveMetrics, pageDir } = options
  const refused = (code: string): void => metrics.count('http_refused', { code })
  const server = fastify({
    logger: false,
    bodyLimit: 1,
    requestTimeout: LIMITS.requestTimeoutMs,
    connectionTimeout: LIMITS.idleTimeoutMs,
    keepAliveTimeout: LIMITS.idleTimeoutMs,
    forceCloseConnections: true,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    http: {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headersTimeoutMs,
      connectionsCheckingInterval: 1000,
    },
    clientErrorHandler: (error, socket) => answerGarbage(error, socket, refused),
    frameworkErrors: (_error, _request, reply) => {
      refused('bad-request')
      sendError(reply as FastifyReply, new HttpError(400, 'bad-request', 'The URL is malformed.'))
    },
  })
  server.server.maxConnections = LIMITS.connections
  server.server.on('drop', () => refused('too-many-connections'))
  guard(server, options, refused)
  addRoutes(server, {
    ...options,
    metrics: serveMetrics ? metrics : undefined,
    files: pageDir === undefined ? new Map() : loadStaticFiles(pageDir),
  })
  try {
    await server.listen({ host, port })
  } catch (error) {
    await server.close()
    throw error
  }
  return { url: urlOf(server, host), close: () => server.close() }
}

function guard(server: FastifyInstance, options: HttpOptions, refused: (code: string) => void): void {
  const { view, metrics, log, nowMs } = options
  const limiter = new RateLimiter(options.rate ?? DEFAULT_RATE)
  const onLoopback = isLoopback(options.host)

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    const problem = findProblem(request, onLoopback)
    if (problem !== undefined) {
      // What follows on this connection may be the body that nobody wants to read.
      reply.header('connection', 'close')
      throw problem
    }
    const waitMs = limiter.take(request.ip, nowMs())
    if (waitMs > 0) {
      reply.header('retry-after', String(Math.ceil(waitMs / 1000)))
      throw new HttpError(
        429,
        'too-many-requests',
        `Too many requests from ${request.ip}; wait ${waitMs} ms.`,
      )
    }
    const origin = allowedOrigin(request.url, request.headers.origin, view)
    if (origin !== undefined) reply.header('access-control-allow-origin', origin).header('vary', 'Origin')
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store')
  })
  server.addHook('onResponse', async (request, reply) => {
    metrics.count('http_requests', {
      route: request.routeOptions.url ?? 'none',
      status: String(reply.statusCode),
    })
  })
  server.setNotFoundHandler(request => {
    throw notFound(`There is no ${request.url.replace(/\?.*$/, '')} here.`)
  })
  server.setErrorHandler((error, request, reply) => {
    if (error instanceof HttpError) {
      refused(error.code)
      return sendError(reply, error)
    }
    const { statusCode } = error as { statusCode?: number }
    if (statusCode !== undefined && statusCode < 500) {
      refused('bad-request')
      return sendError(reply, new HttpError(statusCode, 'bad-request', 'The request is malformed.'))
    }
    log.error({ err: error, url: request.url }, 'an HTTP request failed')
    metrics.count('http_failed')
    return sendError(reply, new HttpError(500, 'internal', 'The node failed to answer; its log says why.'))
  })
}

function findProblem(request: FastifyRequest, onLoopback: boolean): HttpError | undefined {
  const { host, 'content-length': contentLength, 'transfer-encoding': transferEncoding } = request.headers
  const shape = shapeProblem({ method: request.method, url: request.url, contentLength, transferEncoding })
  if (shape !== undefined) return shape
  if (request.method === 'POST' && !isFromHere(request.ip, request.headers.origin))
    return new HttpError(
      403,
      'not-from-here',
      `${COMMANDS_URL} takes commands from programs on this node's own machine only.`,
    )
  if (!isForeignHost(host, onLoopback)) return undefined
  return new HttpError(
    421,
    'foreign-host',
    'This node listens on loopback only: reach it as 127.0.0.1 or localhost.',
  )
}

function sendError(reply: FastifyReply, error: HttpError): FastifyReply {
  if (error.status === 405) reply.header('allow', 'GET, HEAD')
  reply.header('cache-control', 'no-store')
  return reply.code(error.status).type('application/json; charset=utf-8').send(error.body)
}

const GARBAGE: Readonly<Record<string, HttpError>> = {
  HPE_HEADER_OVERFLOW: new HttpError(
    431,
    'headers-too-large',
    `Headers have at most ${LIMITS.headerBytes} bytes.`,
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpError(408, 'request-timeout', 'The request took too long to arrive.'),
}
const NOT_HTTP = new HttpError(400, 'not-http', 'That is not HTTP/1.1.')

/** What Node's parser refused never becomes a request: answer on the bare socket and close it. */
function answerGarbage(
  error: Error & { code?: string },
  socket: Socket,
  refused: (code: string) => void,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy()
    return
  }
  const answer = GARBAGE[error.code ?? ''] ?? NOT_HTTP
  refused(answer.code)
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(errorBody(answer.code, answer.message))
  const head = [
    `HTTP/1.1 ${answer.status} ${answer.code}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** A server on all addresses is named by one that other programs of this machine reach. */
function urlOf(server: FastifyInstance, host: string): string {
  const address = server.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
