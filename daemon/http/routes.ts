import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { formatLinks } from '../../client/protocol/proof-file.ts'
import { tileWidth } from '../../storage/log/tree.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { type BringCommand, bringCommand } from './commands.ts'
import { entityAnswer, stateProofBody } from './entity.ts'
import { badRequest, HttpError, notFound } from './errors.ts'
import { readLeaves } from './leaves.ts'
import { COMMANDS_URL, LIMITS } from './limits.ts'
import { parseLogUrl, type ServedResource } from './log-path.ts'
import type { StaticFile } from './static-files.ts'
import type { AuthorityView, LogView, NodeView } from './view.ts'

export interface RouteSources {
  readonly view: NodeView
  /** The network's genesis file, byte by byte. */
  readonly genesis: Uint8Array
  /** The node's settings. */
  readonly config: Readonly<Record<string, unknown>>
  /** None when metrics are off. */
  readonly metrics: Metrics | undefined
  readonly files: ReadonlyMap<string, StaticFile>
  readonly bring: BringCommand
}

const JSON_TYPE = 'application/json; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const BYTES_TYPE = 'application/octet-stream'
const IMMUTABLE = 'public, max-age=31536000, immutable'

const authority = z.string().min(1).max(200)
const count = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,14})$/, 'must be a whole number')
  .transform(Number)
const proofQuery = z.strictObject({ authority, leaf: count })
const activationsQuery = z.strictObject({ authority })
const certificateQuery = z.strictObject({ authority, leaf: count.optional() })
const leavesQuery = z.strictObject({
  authority,
  from: count.default(0),
  limit: count.pipe(z.number().min(1).max(1000)).default(100),
})
const target = {
  authority,
  id: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 lower-case hex digits')
    .optional(),
  player: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
    .optional(),
}
const isOne = ({ id, player }: { id?: string | undefined; player?: string | undefined }) =>
  (id === undefined) !== (player === undefined)
const entityQuery = z
  .strictObject({ ...target, consistency: z.enum(['linearizable', 'local']).default('linearizable') })
  .refine(isOne, 'give either id or player')
const stateProofQuery = z
  .strictObject({ ...target, height: count.optional() })
  .refine(isOne, 'give either id or player')
const evidenceQuery = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be 16 lower-case hex digits')
    .optional(),
})
const noQuery = z.strictObject({})

export function addRoutes(server: FastifyInstance, sources: RouteSources): void {
  addHealth(server, sources)
  addApi(server, sources)
  addDirectory(server, sources)
  addLogs(server, sources.view)
  addPage(server, sources)
}

function addHealth(server: FastifyInstance, { view, metrics }: RouteSources): void {
  server.get('/livez', () => ({ live: true }))
  server.get('/readyz', (_request, reply) => {
    const reasons = view.notReady()
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons })
  })
  if (metrics === undefined) return
  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}

function addApi(server: FastifyInstance, { view, genesis, config }: RouteSources): void {
  // Where a node keeps its files is nobody's business.
  const { dataDir: _dataDir, genesis: _genesis, ...shown } = config
  const read = (path: string, answer: () => unknown): void => {
    server.get(`/api/v1/${path}`, request => {
      parseQuery(noQuery, request.query)
      return answer()
    })
  }
  read('status', () => view.status())
  read('nodes', () => ({ nodes: view.nodes() }))
  read('peers', () => ({ peers: view.peers() }))
  read('authorities', () => ({ authorities: view.authorities() }))
  read('config', () => shown)
  server.get('/api/v1/genesis', (_request, reply) => reply.type(JSON_TYPE).send(Buffer.from(genesis)))

  server.get('/api/v1/proof', async (request, reply) => {
    const query = parseQuery(proofQuery, request.query)
    const log = findLog(view, query.authority)
    if (query.leaf >= log.size) throw beyond(log, query.leaf)
    const proof = await log.proof(query.leaf)
    if (proof === undefined) throw notFound(`There is no proof for leaf ${query.leaf}.`)
    return reply.type(TEXT_TYPE).send(proof)
  })
  server.get('/api/v1/certificate', async (request, reply) => {
    const { authority: name, leaf } = parseQuery(certificateQuery, request.query)
    const { origin } = findAuthority(view, name)
    const found =
      leaf === undefined ? view.certificate(origin) : await findLog(view, name).certificateOver(leaf)
    return send(reply, BYTES_TYPE, 'no-store', found)
  })
  server.get('/api/v1/activations', request => {
    const { origin } = findAuthority(view, parseQuery(activationsQuery, request.query).authority)
    return { activations: view.activations(origin).map(bytes => Buffer.from(bytes).toString('base64')) }
  })
  server.get('/api/v1/evidence', (request, reply) => {
    const { id } = parseQuery(evidenceQuery, request.query)
    if (id === undefined) return reply.send({ evidence: view.evidence() })
    const file = view.evidenceFile(id)
    if (file === undefined) throw notFound(`This node has no evidence ${id}.`)
    return send(reply, TEXT_TYPE, 'no-store', file)
  })
  server.get('/api/v1/state-proof', async request => {
    const { authority: name, id, player, height } = parseQuery(stateProofQuery, request.query)
    const found = findAuthority(view, name)
    requireDisclosure(view, found.origin, request)
    const target = new Uint8Array(Buffer.from((id ?? player)!, 'hex'))
    const answer = await view.stateProof(found.origin, target, height)
    if (answer === undefined) throw notHosted(found)
    return stateProofBody(answer)
  })
  server.get('/api/v1/entity', async request => {
    const { authority: name, id, player, consistency } = parseQuery(entityQuery, request.query)
    const found = findAuthority(view, name)
    requireDisclosure(view, found.origin, request)
    const target = new Uint8Array(Buffer.from((id ?? player)!, 'hex'))
    const read = await view.read(found.name, target, consistency)
    if (read === undefined) throw notHosted(found)
    return entityAnswer(read, consistency)
  })
  server.get('/api/v1/leaves', async request => {
    const query = parseQuery(leavesQuery, request.query)
    const log = findLog(view, query.authority)
    const { origin } = findAuthority(view, query.authority)
    const discloses = view.discloses(origin, grantOf(request))
    return { size: log.size, leaves: await readLeaves(log, { ...query, discloses }) }
  })
}

function addDirectory(server: FastifyInstance, { view, bring }: RouteSources): void {
  server.get('/api/v1/directory', request => {
    parseQuery(noQuery, request.query)
    const directory = view.directory()
    if (directory !== undefined) return directory
    throw new HttpError(
      503,
      'not-known',
      'This node has heard nothing of the directory yet: ask again, or ask another one.',
    )
  })
  server.post(COMMANDS_URL, { bodyLimit: LIMITS.commandBytes }, request => bringCommand(request.body, bring))
}

function addLogs(server: FastifyInstance, view: NodeView): void {
  server.get('/log/*', async (request, reply) => {
    const path = parseLogUrl(request.url.slice('/log/'.length))
    if (path === undefined) {
      throw notFound(
        'No such path in a log: see C2SP tlog-tiles (checkpoint, tile/…, tile/entries/…), bodies/…, charter, certificates, kept and snapshot/….',
      )
    }
    const log = view.log(path.origin)
    if (log === undefined) throw notFound(`This node does not host the log ${path.origin}.`)
    const { kind } = path.resource
    if (kind === 'bodies' || kind === 'snapshot') requireDisclosure(view, path.origin, request)
    return sendResource(reply, log, path.resource, () => view.activations(path.origin))
  })
}

async function sendResource(
  reply: FastifyReply,
  log: LogView,
  resource: ServedResource,
  activations: () => readonly Uint8Array[],
): Promise<FastifyReply> {
  switch (resource.kind) {
    case 'checkpoint':
      return send(reply, TEXT_TYPE, 'no-store', await log.checkpoint())
    case 'charter':
      return send(reply, JSON_TYPE, IMMUTABLE, log.charter())
    case 'certificates': {
      const { certificate } = log
      const links = certificate && formatLinks({ activations: activations(), certificate })
      return send(reply, TEXT_TYPE, 'no-store', links)
    }
    case 'kept':
      return send(reply, TEXT_TYPE, 'no-store', keptText(await log.kept()))
    case 'snapshot':
      return send(reply, BYTES_TYPE, 'no-store', await log.snapshot(resource.size, resource.piece))
    case 'tile':
      return send(
        reply,
        BYTES_TYPE,
        IMMUTABLE,
        await log.tile(resource.level, resource.index, resource.width),
      )
    case 'entries':
      return send(reply, BYTES_TYPE, IMMUTABLE, await log.entries(resource.index, resource.width))
    case 'bodies':
      // A body may be erased later, so no cache may keep it.
      return send(reply, BYTES_TYPE, 'no-store', await bodiesOf(log, resource.index, resource.width))
  }
}

/** docs/protocol.md, "Served over HTTP". */
function keptText({ bodiesFrom, snapshots }: Awaited<ReturnType<LogView['kept']>>): string {
  const lines = ['freehold.kept/v1', `bodies ${bodiesFrom}`, ...snapshots.map(size => `snapshot ${size}`)]
  return `${lines.join('\n')}\n`
}

async function bodiesOf(log: LogView, index: number, width: number): Promise<Uint8Array | undefined> {
  const bodies = await log.bodies(index, width)
  if (bodies !== undefined) return bodies
  const first = index * tileWidth
  for (let leaf = first; leaf < Math.min(first + width, log.size); leaf++) {
    const bodiesFrom = await log.bodiesFrom(leaf)
    if (bodiesFrom > leaf) throw dropped(leaf, bodiesFrom)
  }
  return undefined
}

function dropped(leaf: number, bodiesFrom: number): HttpError {
  const problem = `This node has dropped the body of leaf ${leaf}; it has those from leaf ${bodiesFrom} on. Another member may have it still.`
  return new HttpError(410, 'dropped', problem, { bodiesFrom })
}

function send(
  reply: FastifyReply,
  type: string,
  cacheControl: string,
  data: Uint8Array | string | undefined,
) {
  if (data === undefined) throw notFound('That part of the log is not there (yet).')
  const payload = typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return reply.type(type).header('cache-control', cacheControl).send(payload)
}

function addPage(server: FastifyInstance, { files }: RouteSources): void {
  server.get('/*', (request, reply) => {
    const file = files.get(request.url.replace(/\?.*$/, ''))
    if (file === undefined) throw notFound('There is nothing here.')
    reply.header('etag', file.etag).header('cache-control', file.cacheControl)
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return reply.type(file.type).send(file.bytes)
  })
}

function parseQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw badRequest(`${where}${issue.message}`)
}

/** @param name an authority's name, as `area/0231`, or its log's origin */
function findAuthority(view: NodeView, name: string): AuthorityView {
  const found = view.authority(name)
  if (found === undefined) throw notFound(`There is no authority ${name}.`)
  return found
}

function requireDisclosure(view: NodeView, origin: string, request: FastifyRequest): void {
  if (view.discloses(origin, grantOf(request))) return
  const why = `What ${origin} holds is for its members and for whoever holds a grant: ask a member for one.`
  throw new HttpError(403, 'not-disclosed', why)
}

/** `Authorization: Bearer <base64>` */
function grantOf({ headers }: FastifyRequest): string | undefined {
  return /^Bearer ([A-Za-z0-9+/]{1,200}={0,2})$/.exec(headers.authorization ?? '')?.[1]
}

function findLog(view: NodeView, name: string): LogView {
  const found = findAuthority(view, name)
  const log = view.log(found.origin)
  if (log === undefined) throw notHosted(found)
  return log
}

function notHosted({ name, members }: AuthorityView): HttpError {
  const numbers = members.map(member => member.number).join(', ')
  return new HttpError(404, 'not-hosted', `This node has no replica of ${name}; ask node ${numbers}.`)
}

function beyond(log: LogView, leaf: number): HttpError {
  return notFound(`Leaf ${leaf} is not under the checkpoint yet, which covers ${log.size} leaves.`)
}
