import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runScript } from './harness.ts'

const root = join(import.meta.dirname, '../..')

/** Says when it was asked to end, and ends only when asked twice. */
const STUBBORN = `
import { stopSignals } from '${join(root, 'cli/signals.ts')}'
const { graceful, atOnce } = stopSignals()
graceful.addEventListener('abort', () => console.log('graceful'))
atOnce.addEventListener('abort', () => { console.log('at once'); process.exit(9) })
setInterval(() => {}, 1000)
console.log('ready')
`

describe('signals', () => {
  let dir: string
  let child: ChildProcess | undefined
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-signals-'))
    writeFileSync(join(dir, 'stubborn.ts'), STUBBORN)
  })
  afterEach(() => {
    child?.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })

  async function startStubborn(
    args: string[],
    detached = false,
  ): Promise<{ said: () => string; ended: Promise<unknown[]> }> {
    let text = ''
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached })
    child = started
    const ended = once(started, 'exit')
    started.stdout.on('data', chunk => {
      text += chunk
    })
    await until(() => text.includes('ready'))
    return { said: () => text, ended }
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + 5000
    while (!condition()) {
      assert.ok(performance.now() < deadlineMs, 'it did not come')
      await sleep(10)
    }
  }
  const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

  /** A project of its own around the real run.mjs, so that a test can never set off an install in this one. */
  function fakeProject(): string {
    mkdirSync(join(dir, 'scripts'))
    copyFileSync(join(root, 'scripts/run.mjs'), join(dir, 'scripts/run.mjs'))
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
    copyFileSync(join(root, 'node_modules/.package-lock.json'), join(dir, 'package-lock.json'))
    return join(dir, 'scripts/run.mjs')
  }

  it('that come together are one request to end; a later one means at once', async () => {
    const { said, ended } = await startStubborn([join(dir, 'stubborn.ts')])
    child!.kill('SIGINT')
    child!.kill('SIGTERM')
    await until(() => said().includes('graceful'))
    child!.kill('SIGINT')
    await sleep(400)
    assert.ok(!said().includes('at once'))
    child!.kill('SIGINT')
    assert.deepEqual(await ended, [9, null])
    assert.ok(said().includes('at once'))
  })

  it('reach the program through scripts/run.mjs, and a Ctrl-C on the whole group counts once', async () => {
    const { said, ended } = await startStubborn([fakeProject(), 'stubborn.ts'], true)
    process.kill(-child!.pid!, 'SIGINT')
    await until(() => said().includes('graceful'))
    await sleep(400)
    assert.ok(!said().includes('at once'), said())
    child!.kill('SIGTERM')
    assert.deepEqual(await ended, [9, null], 'the exit code comes through')
  })

  it('run.mjs installs what the lock file says when it differs, and keeps stdout clean', async () => {
    const script = fakeProject()
    const lock = JSON.parse(readFileSync(join(dir, 'package-lock.json'), 'utf8'))
    const path = Object.keys(lock.packages).find(name => name !== '' && !lock.packages[name].optional)!
    lock.packages[path].version = '0.0.0-other'
    writeFileSync(join(dir, 'package-lock.json'), JSON.stringify(lock))
    writeFileSync(join(dir, 'hello.ts'), "const greeting: string = 'hello'\nconsole.log(greeting)\n")
    const npm = join(dir, 'npm')
    writeFileSync(npm, `#!/bin/sh\necho "noise"\necho "$@" > "${dir}/npm-was-called"\n`)
    chmodSync(npm, 0o755)
    const { code, stdout, stderr } = await runScript(script, ['hello.ts'], {
      PATH: `${dir}:${process.env['PATH']}`,
    })
    assert.deepEqual([code, stdout], [0, 'hello\n'], stderr)
    assert.match(readFileSync(join(dir, 'npm-was-called'), 'utf8'), /^ci /)
    assert.match(stderr, /installing the pinned packages[\s\S]*noise/)
  })

  it('run.mjs installs nothing when all is there', async () => {
    const script = fakeProject()
    writeFileSync(join(dir, 'npm'), `#!/bin/sh\ntouch "${dir}/npm-was-called"\n`, { mode: 0o755 })
    writeFileSync(join(dir, 'hello.ts'), "console.log('hello', process.versions.node.split('.')[0])\n")
    const { stdout, stderr } = await runScript(script, ['hello.ts'], {
      PATH: `${dir}:${process.env['PATH']}`,
    })
    assert.deepEqual([stdout, stderr], ['hello 24\n', ''])
    assert.ok(!existsSync(join(dir, 'npm-was-called')))
  })
})
