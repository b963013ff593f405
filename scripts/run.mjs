// Runs a TypeScript entry point on the pinned Node, installing the pinned packages first if they are missing
// or older than the lock file. Plain JavaScript on any Node from 20 up: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const installed = join(root, 'node_modules', '.freehold-installed')
const node = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

function lockHash() {
  return createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')
}

function isInstalled() {
  return existsSync(node) && existsSync(installed) && readFileSync(installed, 'utf8') === lockHash()
}

function install() {
  console.error('freehold: installing the pinned packages (once) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  // Output goes to stderr: stdout belongs to the command (`npm start -- --json`).
  const result = spawnSync(npm, ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (result.status !== 0) {
    console.error('freehold: npm ci failed; is the network there? Its own message is above.')
    process.exit(1)
  }
  writeFileSync(installed, lockHash())
}

if (!isInstalled()) install()

const [entry, ...rest] = process.argv.slice(2)
if (entry === undefined) {
  console.error('usage: node scripts/run.mjs ENTRY.ts [ARGUMENT …]')
  process.exit(2)
}
const child = spawn(node, [join(root, entry), ...rest], { stdio: 'inherit' })

// A terminal's Ctrl-C reaches the child by itself (same process group); a signal sent to this process alone is
// passed on. Either way the child decides when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
})
