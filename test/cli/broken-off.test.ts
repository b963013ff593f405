import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import {
  foundTown,
  playTown,
  publish,
  removeTown,
  type Served,
  serveHttp,
  type Town,
} from '../audit/support/log.ts'
import { bareEnvironment } from '../environment.ts'
import { type Ended, freehold } from './harness.ts'

const main = join(import.meta.dirname, '../../cli/main.ts')

describe('a command that is broken off by Ctrl-C', function () {
  this.timeout(30_000)
  let town: Town
  let served: Served
  let url: string
  let server: Server
  /** What the node does not answer, and that it was asked. */
  let silentOn: RegExp
  let asked: () => void

  before(async () => {
    town = foundTown()
    served = await publish(town, playTown(town, 300))
    const { origin } = town
    const authorities = Buffer.from(JSON.stringify({ authorities: [{ name: 'area/0000', origin }] }))
    const answering = await serveHttp({
      ...served,
      read: path => {
        if (path === 'api/v1/authorities') return Promise.resolve(authorities)
        if (!silentOn.test(path)) return served.read(path)
        asked()
        return new Promise(() => {})
      },
    })
    url = answering.url
    server = answering.server
  })
  after(() => {
    server.closeAllConnections()
    server.close()
    removeTown(town)
  })

  async function brokenOff(silent: RegExp, args: readonly string[]): Promise<Ended> {
    silentOn = silent
    const isAsked = new Promise<void>(resolve => {
      asked = resolve
    })
    const child = spawn(process.execPath, [main, ...args], {
      env: bareEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', text => {
      stdout += text
    })
    child.stderr.on('data', text => {
      stderr += text
    })
    const ended = new Promise<Ended>(resolve => {
      child.on('close', code => resolve({ code, stdout, stderr }))
    })
    await Promise.race([isAsked, ended])
    child.kill('SIGINT')
    return await ended
  }

  it('ends an audit with 130, and says that nothing of it was kept', async () => {
    const common = ['--genesis', town.genesisPath, '--data-dir', join(town.folder, 'auditor')]
    const ended = await brokenOff(/bodies\/001/, ['audit', 'area/0000', '--from', url, ...common])
    const stderr = 'Broken off: nothing of this audit was kept, the next one begins anew.\n'
    assert.deepEqual(ended, { code: 130, stdout: '', stderr })
  })

  it('ends an export of a log with 130, and says how the folder becomes whole', async () => {
    const dir = join(town.folder, 'copy')
    const command = ['log', 'export', 'area/0000', dir, '--url', url, '--data-dir', town.folder]
    const { code, stderr } = await brokenOff(/bodies\/001/, command)
    assert.equal(code, 130)
    assert.match(stderr, /^Broken off: what was copied so far is in [^\n]*the same command again[^\n]*\n$/)
    assert.ok(existsSync(join(dir, 'log', town.origin, 'checkpoint')))
    silentOn = /^$/
    assert.equal((await freehold(command)).code, 0)
  })

  it('ends a proof with 130, and says that none was made', async () => {
    const out = join(town.folder, 'leaf.proof')
    const { code, stderr } = await brokenOff(/api\/v1\//, [
      ...['log', 'prove', '--authority', 'area/0000', '--leaf', '3', '--out', out],
      ...['--url', url, '--genesis', town.genesisPath, '--data-dir', town.folder],
    ])
    assert.deepEqual([code, existsSync(out)], [130, false])
    assert.equal(stderr, 'Broken off: no proof was made, and nothing is kept.\n')
  })
})
