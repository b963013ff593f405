import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { formatReceiptFile, parseReceiptFile } from '../../client/index.ts'
import { decidedOn, decidedTown } from '../audit/support/decided.ts'
import { publish, removeTown, serveHttp, type Town } from '../audit/support/log.ts'
import { receiptFileOf } from '../audit/support/receipts.ts'
import { freehold } from './harness.ts'

describe('freehold log prove', function () {
  this.timeout(30_000)
  let town: Town
  let server: Server
  let receipt: string
  let common: string[]

  before(async () => {
    const { records, certificate, ...decided } = decidedTown()
    town = decided.town
    const served = decidedOn(await publish(town, records), certificate)
    const { url, server: http } = await serveHttp(served)
    server = http
    receipt = receiptFileOf(town, records)
    common = ['--url', url, '--genesis', town.genesisPath, '--wait', '1', '--json']
  })
  after(() => {
    server.close()
    removeTown(town)
  })

  async function prove(receiptText: string, ...more: string[]) {
    const file = join(town.folder, 'mine.receipt')
    writeFileSync(file, receiptText)
    return await freehold(['log', 'prove', file, ...common, ...more])
  }

  it('makes a receipt a proof in a file, which freehold verify accepts offline', async () => {
    const out = join(town.folder, 'mine.proof')
    const { code, stdout, stderr } = await prove(receipt, '--out', out)
    assert.equal(code, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { file: out })
    const verified = await freehold(['verify', out, '--genesis', town.genesisPath, '--json'])
    const { ok, kind, facts } = JSON.parse(verified.stdout)
    assert.deepEqual([verified.code, ok, kind, facts.outcome], [0, true, 'record-proof', 'ok'])
    assert.equal(Number(facts.leaf), parseReceiptFile(receipt)!.receipt.leaf)
    writeFileSync(out, readFileSync(out, 'utf8').replace('\noutcome ok\n', '\noutcome dead\n'))
    assert.equal((await freehold(['verify', out, '--genesis', town.genesisPath])).code, 3)
  })

  it('says the command that verifies the file, as it is to be run here', async () => {
    const out = join(town.folder, 'said.proof')
    const args = ['--authority', 'area/0000', '--leaf', '3', '--out', out]
    const { stdout } = await freehold(['log', 'prove', ...args, ...common.filter(each => each !== '--json')])
    const [, command] = /^It is final\. To verify: freehold (.*)\n$/.exec(stdout)!
    assert.equal((await freehold(command!.split(' '))).code, 0)
  })

  it('ends with 3 when the promise was not kept, and writes nothing', async () => {
    const promise = parseReceiptFile(receipt)!
    const other = { ...promise, receipt: { ...promise.receipt, leaf: promise.receipt.leaf + 1 } }
    const out = join(town.folder, 'none.proof')
    const { code, stderr } = await prove(formatReceiptFile(other), '--out', out)
    assert.equal(code, 3, stderr)
    assert.match(stderr, /another record: the promise was not kept/)
    assert.ok(!existsSync(out))
  })
})
