import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeAdvert, type LedAuthority } from '../../daemon/adverts/advert.ts'
import { encodeGrant, grantMessage } from '../../daemon/disclosure/grant.ts'
import type { LogRecord } from '../../storage/log/record.ts'
import { freeholdHere as freehold } from '../cli/harness.ts'
import { Intruder } from '../e2e/support/intruder.ts'
import { recordsIn, rootFor, speedsByLeaf, windowsOf } from './brute-force.ts'
import { Guilds, orgNames, walkAt } from './guilds.ts'
import { remainder } from './remainder.ts'
import { askAll, certificateIn, type Fetched, fetchAll, leavesIn } from './stranger.ts'

const area = 'area/0000'
/** What nobody is told. The first two orgs have done the same. */
const speeds: Readonly<Record<string, number>> = {
  'org/one': 130,
  'org/two': 130,
  'org/six': -70,
  [area]: 130,
}
/** It can only be one of these, as everybody knows. */
const candidates = [-170, -70, 30, 130, 230]

describe('where those of an org have been', function () {
  this.timeout(60_000)
  let guilds: Guilds
  const intruders: Intruder[] = []
  const fetched = new Map<string, Fetched[]>()
  const heard: Uint8Array[] = []

  before(async () => {
    guilds = await Guilds.found()
    await Promise.all(Object.entries(speeds).map(([name, speed]) => walk(name, speed)))
    // A node of the network that is no member, and somebody whom nobody knows.
    for (const seed of [guilds.keys[3]!.identity.seed, randomBytes(32)]) {
      const intruder = await Intruder.enter(guilds.genesis, 1, seed)
      await intruder.listen(frame => heard.push(frame))
      intruders.push(intruder)
    }
    for (const name of Object.keys(speeds)) {
      const all = await fetchAll(guilds.nodes[0]!.httpUrl, name, guilds.authority(name).origin)
      for (const intruder of intruders) all.push(...(await askAll(intruder, guilds, name)))
      fetched.set(name, all)
    }
    // Its leaders say so once a second, later on a busy machine.
    for (let i = 0; i < 400 && leds().length === 0; i++) await sleep(50)
  })
  after(async () => {
    for (const intruder of intruders) await intruder.leave()
    await guilds.end()
  })

  async function walk(name: string, speed: number): Promise<void> {
    for (const body of walkAt(guilds.authority(name).origin, speed)) {
      await guilds.ask(name, body)
      // So that a tick or two goes by.
      await sleep(200)
    }
    await guilds.settle(name)
  }

  /** What nodes tell each other of orgs that they lead. */
  function leds(): LedAuthority[] {
    return heard.flatMap(frame => decodeAdvert(frame)?.led ?? []).filter(({ group }) => group >= 10)
  }

  /** As node 3, a member, grants it. */
  function grant(name: string, expiresAtMs = Date.now() + 60_000, key = guilds.keys[2]!.log): string {
    const { origin } = guilds.authority(name)
    const unsigned = { member: 3, expiresAtMs, serial: new Uint8Array(randomBytes(16)) }
    const signature = key.sign(grantMessage({ genesisHash: guilds.genesis.hash, origin }, unsigned))
    return Buffer.from(encodeGrant({ ...unsigned, signature })).toString('base64')
  }

  function bodies(name: string, shown?: string): Promise<Response> {
    const { what } = fetched.get(name)!.find(item => item.what.includes('/bodies/'))!
    const headers = shown === undefined ? {} : { authorization: `Bearer ${shown}` }
    return fetch(`${guilds.nodes[0]!.httpUrl}/${what}`, { headers })
  }

  async function recordsOf(name: string): Promise<LogRecord[]> {
    const response = await bodies(name, grant(name))
    return recordsIn(leavesIn(fetched.get(name)!), new Uint8Array(await response.arrayBuffer()))
  }

  it('is shown to whoever holds a grant of a member, and to nobody with another one', async () => {
    for (const name of orgNames) assert.ok((await recordsOf(name)).length >= 3)
    const stale = grant('org/one', Date.now() - 1)
    const forged = grant('org/one', Date.now() + 60_000, guilds.keys[3]!.log)
    for (const shown of [undefined, stale, forged, grant('org/two'), 'AAAA', 'A'.repeat(124)]) {
      const response = await bodies('org/one', shown)
      assert.equal(response.status, 403)
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'not-disclosed')
    }
  })

  it('is shown to whom a member lets read it, who can audit it then, until the member takes that back', async () => {
    const dirOf = (node: number): string => join(guilds.folder, `node-${node}`)
    const genesis = join(dirOf(1), 'genesis.json')
    const grants = async (node: number, ...args: string[]) => {
      const { code, stdout, stderr } = await freehold(['grant', ...args, '--data-dir', dirOf(node)])
      assert.equal(code, 0, stderr)
      return stdout
    }
    const shown = (await grants(1, 'add', 'org/two', '--for', 'an auditor', '--days', '2')).trim()
    assert.match(await grants(1, 'list'), /good +1d 23h +1 +sea\/org\/two\/0 +an auditor\n$/)
    const statuses = async (): Promise<number[]> =>
      await Promise.all(
        guilds.nodes.map(async ({ httpUrl }) => {
          const { what } = fetched.get('org/two')!.find(item => item.what.includes('/bodies/'))!
          return (await fetch(`${httpUrl}/${what}`, { headers: { authorization: `Bearer ${shown}` } })).status
        }),
      )
    assert.deepEqual(await statuses(), [200, 200])

    const file = join(guilds.folder, 'auditors.grant')
    writeFileSync(file, `${shown}\n`)
    const audit = (...args: string[]) =>
      freehold([
        ...['audit', 'org/two', '--from', guilds.nodes[1]!.httpUrl, '--genesis', genesis],
        ...['--data-dir', join(guilds.folder, 'auditor'), ...args],
      ])
    const withheld = await audit()
    assert.equal(withheld.code, 3)
    assert.match(withheld.stdout, /withholds the bodies/)
    const whole = await audit('--grant', file)
    assert.equal(whole.code, 0, whole.stdout + whole.stderr)

    await grants(1, 'remove', /"serial":"([0-9a-f]{8})/.exec(await grants(1, 'list', '--json'))![1]!)
    assert.deepEqual(await statuses(), [403, 200])
    await grants(2, 'remove', file)
    assert.deepEqual(await statuses(), [403, 403])
    for (const node of [1, 2]) assert.match(await grants(node, 'list'), /removed/)
  })

  it('is shown to nobody by a node that cannot read which grants were taken back', async () => {
    const list = join(guilds.folder, 'node-1', 'grants.json')
    const before = readFileSync(list)
    writeFileSync(list, '[{')
    utimesSync(list, 1, 1)
    assert.equal((await bodies('org/one', grant('org/one'))).status, 403)
    writeFileSync(list, before)
    utimesSync(list, 2, 2)
    assert.equal((await bodies('org/one', grant('org/one'))).status, 200)
  })

  it('is for the log of an org, and for one that there is', async () => {
    const dir = join(guilds.folder, 'node-1')
    const refused = async (...args: string[]) => {
      const { code, stderr } = await freehold(['grant', ...args, '--data-dir', dir])
      return [code, stderr]
    }
    assert.deepEqual(await refused('add', area), [
      2,
      'freehold: area/0000 is shown to everybody: it needs no grant.\n',
    ])
    assert.deepEqual(await refused('add', 'org/none'), [
      2,
      'freehold: The genesis file knows no authority org/none.\n',
    ])
    assert.deepEqual(await refused('remove', 'abcd'), [
      1,
      'freehold: There is no grant abcd here, and no such file.\n',
    ])
    assert.deepEqual(await refused('remove', dir), [1, `freehold: ${dir} cannot be read (EISDIR).\n`])
    const keys = join(dir, 'node-keys.json')
    assert.deepEqual(await refused('remove', keys), [1, `freehold: ${keys} is no grant.\n`])
  })

  it('stands in nothing that a stranger is given: no salt, no body, no state, and no count of what is there', async () => {
    const everything = Buffer.concat([
      ...orgNames.flatMap(name => fetched.get(name)!.map(it => it.bytes)),
      ...heard,
    ])
    for (const name of orgNames) {
      for (const { salt, body, kind } of await recordsOf(name)) {
        assert.equal(everything.indexOf(salt), -1)
        if (kind === 3) assert.equal(everything.indexOf(body.subarray(48)), -1)
      }
    }
    assert.ok(leds().length > 0)
    for (const { entities, players, stateRoot } of leds())
      assert.deepEqual([entities, players, stateRoot], [0, 0, ''])
  })

  it('is not found by trying which input gives a leaf, with every 16 bytes of all that a stranger has as its salt', async () => {
    for (const name of Object.keys(speeds)) {
      const { origin } = guilds.authority(name)
      const leaves = leavesIn(fetched.get(name)!)
      const guesses = windowsOf([...fetched.get(name)!.map(it => it.bytes), ...heard])
      const byStrangers = speedsByLeaf(leaves, origin, candidates, guesses)
      assert.deepEqual(byStrangers, name === area ? [speeds[name]] : [], name)
      const salts = (await recordsOf(name)).map(({ salt }) => salt)
      assert.deepEqual(
        speedsByLeaf(leaves, origin, candidates, salts),
        [speeds[name]],
        'who has the salts finds it',
      )
    }
  })

  it('is not found by trying which state gives the root in a certificate, though all the rest is known', async () => {
    for (const name of Object.keys(speeds)) {
      const authority = guilds.authority(name)
      const records = await recordsOf(name)
      const { height, stateRoot } = certificateIn(fetched.get(name)!).seal
      const fits = (known: readonly LogRecord[], isHidden: boolean): number[] =>
        candidates.filter(speed => {
          const root = rootFor({ authority, isHidden, height }, known, walkAt(authority.origin, speed))
          return root !== undefined && Buffer.compare(root, stateRoot) === 0
        })
      const saltless = records.map(record => ({ ...record, salt: new Uint8Array(16) }))
      const found = [...fits(saltless, false), ...fits(saltless, true)]
      assert.deepEqual(found, name === area ? [speeds[name]] : [], name)
      assert.deepEqual(fits(records, name !== area), [speeds[name]], 'who has the salts finds it')
    }
  })

  it('makes no difference: but for hashes, signatures, sizes and times, all that is told of two orgs is the same', () => {
    const of = (name: string): string[] => remainder(fetched.get(name)!, guilds.authority(name))
    assert.deepEqual(of('org/one'), of('org/two'))
    assert.deepEqual(of('org/one'), of('org/six'))
    assert.ok(of('org/one').length > 20)
    assert.notDeepEqual(of('org/one'), of(area))
  })
})
