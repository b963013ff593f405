import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recoverPromised } from '../../consensus/groups/liveness/support-disk.ts'
import { recoverGroup } from '../../consensus/groups/raft-disk.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { type OwnStore, openOwnStore } from '../../daemon/identity/own-store.ts'
import { nodeKey } from '../../storage/keys.ts'
import { openLevelStore } from '../../storage/store-level.ts'

describe("a node's own store", () => {
  const instance = { group: 7, epoch: 1, view: 0 }
  let dir: string
  let births = 0

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-store-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  function open(hasRun = true, wipe = false): Promise<OwnStore> {
    return openOwnStore({
      ...{ files: dataDirFiles(dir), hasRun, wipe },
      ...{ instances: [instance], birth: ++births },
    })
  }

  /** What a start finds: which store it is, whether it is in the place of a lost one, and whether its groups may vote. */
  async function start(hasRun = true, wipe = false) {
    const { store, incarnation, isNew } = await open(hasRun, wipe)
    const recovered = await recoverGroup(store, instance)
    const promisedMs = await recoverPromised(store)
    await store.close()
    return {
      incarnation: incarnation.incarnation,
      isNew,
      abstains: recovered?.rejoin !== undefined,
      promisedMs,
    }
  }

  const whole = { incarnation: 1, isNew: false, abstains: false, promisedMs: 0 }
  /** It waits out the longest promise that it may have made. */
  const lost = (incarnation: number) => ({ incarnation, isNew: true, abstains: true, promisedMs: 2000 })

  it('is the first one of new keys, and stays it', async () => {
    assert.deepEqual(await start(false), whole)
    assert.deepEqual(await start(), whole)
  })

  it('is a new one when it is gone, and says so to every group, also after a start that ended early', async () => {
    await start(false)
    rmSync(dataDirFiles(dir).store, { recursive: true })
    assert.deepEqual(await start(), lost(2))
    assert.deepEqual(await start(), { ...lost(2), isNew: false })
    // As if the crash had come before anything was written into it.
    rmSync(dataDirFiles(dir).store, { recursive: true })
    await (await openLevelStore(dataDirFiles(dir).store)).close()
    assert.deepEqual(await start(), lost(3))
  })

  it('is a lost one when it is older than what stands beside the keys', async () => {
    await start(false)
    const { store } = dataDirFiles(dir)
    cpSync(store, join(dir, 'backup'), { recursive: true })
    assert.deepEqual(await start(true, true), lost(2))
    rmSync(store, { recursive: true })
    cpSync(join(dir, 'backup'), store, { recursive: true })
    assert.deepEqual(await start(), lost(3))
  })

  it('is set aside when a person says so, and nothing of it is deleted', async () => {
    await start(false)
    const { setAside, store } = await open(true, true)
    await store.close()
    assert.ok(existsSync(join(setAside!, 'CURRENT')))
    const again = await open(true, true)
    await again.store.close()
    assert.notEqual(again.setAside, setAside)
  })

  it('is not the first one of keys that ran elsewhere, when a person says so', async () => {
    assert.deepEqual(await start(false, true), lost(2))
  })

  it('is believed when it is newer than what stands beside the keys', async () => {
    await start(false)
    const { incarnation } = dataDirFiles(dir)
    const old = readFileSync(incarnation)
    await start(true, true)
    writeFileSync(incarnation, old)
    assert.deepEqual(await start(), { ...lost(2), isNew: false })
    rmSync(incarnation)
    assert.deepEqual(await start(), { ...lost(2), isNew: false })
  })

  it('of a program that knew of no incarnations is the first', async () => {
    const old = await openLevelStore(dataDirFiles(dir).store)
    const value = Uint8Array.of(1)
    await new Promise<void>(done => old.write([{ key: nodeKey('x'), value }], { sync: true }, () => done()))
    await old.close()
    assert.deepEqual(await start(), whole)
  })

  it('is refused when what stands beside the keys is damaged', async () => {
    await start(false)
    writeFileSync(dataDirFiles(dir).incarnation, '{')
    await assert.rejects(start(), { code: 'bad-incarnation', exitCode: 78 })
  })
})
