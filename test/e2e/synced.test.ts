import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client, Done } from '../../client/index.ts'
import { dataDirFiles } from '../../daemon/identity/data-dir.ts'
import { join as joinWorld } from './support/client.ts'
import { foundSingle, serving, temporaryFolder } from './support/node.ts'
import { freeholdMain, processesOn, type Running, startProgram } from './support/processes.ts'

const traced = 'trace=fdatasync,fsync,write,writev,pwrite64,pwritev,sendto,sendmsg'

describe('a receipt of a node under strace', function () {
  this.timeout(60_000)
  const folder = temporaryFolder()
  let strace: Running | undefined
  let client: Client | undefined

  after(async () => {
    client?.close()
    // Strace would leave what it traces behind.
    for (const pid of processesOn(folder.path)) process.kill(pid, 'SIGKILL')
    await strace?.ended
    folder.remove()
  })

  it('is written to the player only after a completed sync of the file that its action was written to', async function () {
    if (spawnSync('strace', ['-V']).status !== 0) {
      console.log('      strace is not here: nothing is shown about syncs on a real disk')
      this.skip()
    }
    // One replica is a quorum: what it has on its disk is all that a receipt stands on.
    const home = foundSingle(join(folder.path, 'node'))
    const file = join(folder.path, 'trace')
    const options = ['-f', '--seccomp-bpf', '-ttt', '-y', '-xx', '-s', '200000', '-e', traced, '-o', file]
    const command = [process.execPath, freeholdMain, 'start', '--data-dir', home, '--log-level', 'silent']
    strace = startProgram('strace', [...options, ...command])
    const { gatewayUrl, pid } = await serving(strace, home)

    client = await joinWorld(gatewayUrl, dataDirFiles(home).genesis)
    const done: Done[] = [await client.spawn('diver')]
    for (let i = 0; i < 20; i++) {
      done.push(await client.act({ kind: 'move', vxMmPerTick: 0, vyMmPerTick: i % 2 === 0 ? 1 : -1 }))
    }
    client.close()
    process.kill(pid, 'SIGTERM')
    await strace.ended

    const calls = parseTrace(readFileSync(file, 'latin1'))
    for (const { body, receipt } of done) {
      // A record's head and its body lie one behind the other: LevelDB's block border can cut only one of them.
      const needles = [hex(receipt.salt), hex(body.subarray(32, 52))]
      const stored = calls.find(
        ({ name, text }) => name.includes('write') && text.includes('/store/') && has(text, needles),
      )
      const answered = calls.find(
        ({ text }) => text.includes('socket:') && has(text, [hex(receipt.signature)]),
      )
      assert.ok(stored !== undefined, `leaf ${receipt.leaf} was never written`)
      assert.ok(answered !== undefined, `the receipt of leaf ${receipt.leaf} never left`)
      const synced = calls.find(
        call => /sync$/.test(call.name) && call.path === stored.path && call.began > stored.ended,
      )
      assert.ok(synced !== undefined, `leaf ${receipt.leaf} was never synced`)
      assert.ok(
        synced.ended < answered.began,
        `leaf ${receipt.leaf}: answered at ${answered.began}, synced at ${synced.ended}`,
      )
    }
  })
})

interface SystemCall {
  readonly name: string
  /** The file behind the first argument. */
  readonly path: string
  readonly text: string
  /** Lines of the trace, which are in the order of events. */
  readonly began: number
  readonly ended: number
}

function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = []
  const unfinished = new Map<string, Omit<SystemCall, 'ended'>>()
  for (const [line, text] of trace.split('\n').entries()) {
    const [, pid, rest] = /^(\d+) +[\d.]+ (.*)$/.exec(text) ?? []
    if (pid === undefined || rest === undefined) continue
    const resumed = rest.startsWith('<... ')
    const succeeded = !/ = -1 /.test(rest.slice(-80))
    if (resumed) {
      const call = unfinished.get(pid)
      unfinished.delete(pid)
      if (call !== undefined && succeeded) calls.push({ ...call, ended: line })
      continue
    }
    const [, name, path] = /^(\w+)\(\d+<([^>]*)>/.exec(rest) ?? []
    if (name === undefined || path === undefined) continue
    const call = { name, path: plainPath(path), text: `${plainPath(path)} ${rest}`, began: line }
    if (rest.endsWith('<unfinished ...>')) unfinished.set(pid, call)
    else if (succeeded) calls.push({ ...call, ended: line })
  }
  return calls.sort((a, b) => a.began - b.began)
}

/** Strace writes paths in hex too. */
function plainPath(path: string): string {
  return path.replace(/\\x([0-9a-f]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

function has(text: string, needles: readonly string[]): boolean {
  return needles.some(needle => text.includes(needle))
}
