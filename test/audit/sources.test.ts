import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { auditAuthority } from '../../audit/audit.ts'
import { exportLog } from '../../cli/log-export.ts'
import type { NodeApi } from '../../cli/node-api.ts'
import { SetupError } from '../../daemon/config/setup-error.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeInput, type Outcome } from '../../world/codec.ts'
import { foundTown, playTown, publish, removeTown, type Served, serveHttp, type Town } from './support/log.ts'

describe('a log over HTTP', function () {
  this.timeout(20_000)
  let town: Town
  let records: LogRecord[]
  let served: Served
  const servers: Server[] = []

  before(async () => {
    town = foundTown()
    records = playTown(town, 400)
    served = await publish(town, records)
  })
  after(() => {
    for (const server of servers) server.close()
    removeTown(town)
  })

  async function serve(change: Partial<Served> = {}): Promise<string> {
    const { url, server } = await serveHttp({ ...served, ...change })
    servers.push(server)
    return url
  }
  const audit = (from: string) => auditAuthority({ authority: 'area/0000', from, genesis: town.genesisPath })

  it('is in order as the node serves it, and every record is told with its outcome', async () => {
    const told: { leaf: number; kind: number; body: Buffer; outcome: Outcome | undefined }[] = []
    const report = await auditAuthority({
      authority: 'area/0000',
      from: await serve(),
      genesis: town.genesisPath,
      onRecord: ({ leaf, record: { kind, body }, applied }) =>
        told.push({ leaf, kind, body: Buffer.from(body), outcome: applied?.outcome }),
    })
    assert.deepEqual(report.findings, [])
    assert.deepEqual(
      told.map(({ leaf, kind, body }) => ({ leaf, kind, body })),
      records.map(({ kind, body }, leaf) => ({ leaf, kind, body: Buffer.from(body) })),
    )
    for (const { leaf, kind, body, outcome } of told) {
      assert.equal(outcome !== undefined, kind === recordKind.input)
      const input = kind === recordKind.input ? decodeInput(body) : undefined
      if (input === undefined || 'code' in input) continue
      assert.deepEqual([outcome!.leaf, outcome!.seq], [leaf, input.seq])
    }
  })

  it('of an org replays with the salts in its roots, and without its bodies is told apart from one that lies', async () => {
    const guild = foundTown(10, 'org')
    const log = await publish(guild, playTown(guild, 300))
    const from = async (change: Partial<Served>): Promise<string> => {
      const { url, server } = await serveHttp({ ...log, ...change })
      servers.push(server)
      return url
    }
    const auditOrg = (of: string) =>
      auditAuthority({ authority: 'org/guild', from: of, genesis: guild.genesisPath })
    const shown = await auditOrg(await from({}))
    assert.deepEqual(shown.findings, [])
    assert.ok(shown.sealedRoots > 1)
    const hidden = await auditOrg(await from({ refuses: path => path.includes('/bodies/') }))
    assert.deepEqual([...new Set(hidden.findings.map(({ code }) => code))], ['bodies-withheld'])
    removeTown(guild)
  })

  it('whose old bodies were dropped is checked leaf by leaf, and said not to be replayed', async () => {
    const report = await audit(await serve({ dropped: path => path.endsWith('bodies/000') }))
    const found = report.findings.map(({ code, firstLeaf, lastLeaf }) => ({ code, firstLeaf, lastLeaf }))
    assert.deepEqual(found, [{ code: 'bodies-dropped', firstLeaf: 0, lastLeaf: 255 }])
    assert.equal(report.ok, false)
    assert.equal(report.records, 0)
    assert.match(report.message, /has dropped these bodies/)
    const api = {
      root: 'memory',
      bytes: async (path: string) => {
        if (path.endsWith('bodies/000')) throw new SetupError('dropped', 'The node has dropped it.')
        return await served.read(path)
      },
    }
    const exported = await exportLog(api as unknown as NodeApi, town.origin, join(town.folder, 'partly'))
    assert.deepEqual([exported.bodies, exported.droppedBundles], [true, 1])
    assert.ok(existsSync(join(town.folder, `partly/log/${town.origin}/tile/entries/000`)))
    // A lie in a leaf is found all the same.
    const path = `log/${town.origin}/tile/entries/000`
    const lying = await serve({
      dropped: asked => asked.endsWith('bodies/000'),
      read: async asked => {
        const bytes = await served.read(asked)
        if (asked === path) bytes![40]! ^= 1
        return bytes
      },
    })
    const codes = (await audit(lying)).findings.map(({ code }) => code)
    assert.ok(codes.length > 1 && codes.includes('bodies-dropped'), codes.join())
  })

  it('is copied into the folder that was named, whatever the node says that its name and size are', async () => {
    const dir = join(town.folder, 'copied')
    const apiOf = (checkpoint: string) =>
      ({ root: 'memory', bytes: async () => Buffer.from(checkpoint) }) as unknown as NodeApi
    for (const origin of ['../../outside', 'town/../../outside', '/town/area/0000/0', '.../area/0000/0', ''])
      await assert.rejects(exportLog(apiOf(''), origin, dir), { code: 'unknown-authority' })
    const root = Buffer.alloc(32).toString('base64')
    for (const said of ['', '<html>', `${town.origin}\n-5\n${root}\n`, `${town.origin}\n1e9\n${root}\n`])
      await assert.rejects(exportLog(apiOf(`${said}\n— x AAAAAAA=\n`), town.origin, dir), { code: 'no-node' })
    // Nobody has so much: what it doesn't serve is missed at once.
    const huge = `${town.origin}\n${2 ** 52}\n${root}\n\n— x ${Buffer.alloc(68).toString('base64')}\n`
    const bytes = async (path: string) => (path.includes('/tile/') ? undefined : Buffer.from(huge))
    const api = { root: 'memory', bytes } as unknown as NodeApi
    await assert.rejects(exportLog(api, town.origin, dir), { code: 'incomplete' })
  })

  it('names the path that is damaged or missing', async () => {
    const path = `log/${town.origin}/tile/entries/000`
    const damaged = await serve({
      read: async asked => {
        const bytes = await served.read(asked)
        if (asked !== path) return bytes
        bytes![38 * 7 + 20]! ^= 4
        return bytes
      },
    })
    assert.deepEqual(
      (await audit(damaged)).findings.map(({ file, firstLeaf, lastLeaf }) => [file, firstLeaf, lastLeaf]),
      [[path, 7, 7]],
    )
    const missing = await serve({ read: async asked => (asked === path ? undefined : served.read(asked)) })
    const [found] = (await audit(missing)).findings
    assert.deepEqual([found!.code, found!.file, found!.lastLeaf], ['missing-file', path, 255])
  })

  it('signed by a member, but not the one that its leaves give, is not believed', async () => {
    const other = await publish(
      town,
      records.slice(0, -1).concat({ ...records.at(-1)!, salt: new Uint8Array(16) }),
    )
    const url = await serve({
      read: async asked => (asked.endsWith('checkpoint') ? other : served).read(asked),
    })
    assert.deepEqual(
      (await audit(url)).findings.map(({ code }) => code),
      ['wrong-root'],
    )
  })

  it('rewritten below its tiles is found by the tile that still says what was signed', async () => {
    const seals = records.flatMap(({ kind }, leaf) => (kind === recordKind.seal ? [leaf] : []))
    const liar = await publish(
      town,
      records.map((record, leaf) => (leaf === 5 ? { ...record, salt: new Uint8Array(16) } : record)),
    )
    const url = await serve({
      read: async asked => (/tile\/1|checkpoint/.test(asked) ? served : liar).read(asked),
    })
    assert.deepEqual(
      (await audit(url)).findings.map(({ code, firstLeaf, lastLeaf }) => [code, firstLeaf, lastLeaf]),
      [
        ['rewritten', 0, 255],
        ['wrong-seal', seals[1], seals[1]],
      ],
    )
  })

  it('of a size that nobody could serve is given up soon', async () => {
    const root = new Uint8Array(32)
    const text = formatCheckpoint({ origin: town.origin, size: 2 ** 52, root, extensions: [] })
    const note = signNote(text, [checkpointSigner(town.origin, town.nodes[0]!.log)])
    const url = await serve({
      read: async asked => (asked.endsWith('checkpoint') ? Buffer.from(note) : served.read(asked)),
    })
    const { findings } = await audit(url)
    assert.ok(findings.some(({ message }) => message.includes('given up')))
  })

  it('signed by a node that is no member is not believed', async () => {
    const stranger = foundTown()
    const url = await serve(await publish({ ...town, nodes: stranger.nodes }, records))
    removeTown(stranger)
    assert.deepEqual(
      (await audit(url)).findings.map(({ code }) => code),
      ['bad-signature'],
    )
  })

  it('is asked for again when the node is busy or answers with a fault', async () => {
    const { url } = await flaky(request => (request % 7 === 3 ? 429 : request % 11 === 4 ? 503 : undefined))
    assert.deepEqual((await audit(url)).findings, [])
  })

  it('whose files have no end is cut off', async () => {
    const endless = createServer(async (request, response) => {
      const bytes = await served.read(request.url!.slice(1))
      if (!request.url!.endsWith('tile/0/000')) return void response.writeHead(bytes ? 200 : 404).end(bytes)
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', pour)
      pour()
    })
    const url = await listen(endless)
    const { findings } = await audit(url)
    assert.ok(findings.length > 0 && findings.every(({ file }) => file.endsWith('tile/0/000')))
    endless.closeAllConnections()
  })

  it('at a node that does not answer, or has not got it, cannot be audited', async () => {
    const { url, server } = await serveHttp(served)
    await new Promise(resolve => server.close(resolve))
    await assert.rejects(audit(url), { code: 'unreachable' })
    await assert.rejects(audit(await serve({ read: async () => undefined })), { code: 'not-found' })
    await assert.rejects(audit(join(town.folder, 'nothing-here')), { code: 'unreachable' })
  })

  it('of an unknown authority, or with a genesis file that is none, is not audited', async () => {
    const url = await serve()
    await assert.rejects(auditAuthority({ authority: 'area/3', from: url, genesis: town.genesisPath }), {
      code: 'unknown-authority',
    })
    const text = Buffer.from(town.genesis.bytes).toString()
    const path = join(town.folder, 'changed.json')
    for (const changed of [
      '{}',
      'null',
      text.trimEnd(),
      text.replace('"town"', '"down"'),
      text.replace(/"log":"(.)/, (_, char) => `"log":"${char === 'A' ? 'B' : 'A'}`),
      text.replace('"members":[1', '"members":[9'),
      text.replace('"kind":"area"', '"kind":"org"'),
    ]) {
      writeFileSync(path, changed)
      await assert.rejects(auditAuthority({ authority: 'area/0000', from: url, genesis: path }), {
        code: 'bad-genesis',
      })
    }
    writeFileSync(path, text.replace(/"contentHash":"./, '"contentHash":"x'))
    await assert.rejects(auditAuthority({ authority: 'area/0000', from: url, genesis: path }), {
      code: 'other-rules',
    })
  })

  async function flaky(statusOf: (request: number) => number | undefined): Promise<{ url: string }> {
    let requests = 0
    const server = createServer(async (request, response) => {
      const status = statusOf(requests++)
      if (status !== undefined) return void response.writeHead(status, { 'retry-after': '0' }).end()
      const bytes = await served.read(request.url!.slice(1))
      response.writeHead(bytes ? 200 : 404).end(bytes)
    })
    return { url: await listen(server) }
  }

  async function listen(server: Server): Promise<string> {
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
})
