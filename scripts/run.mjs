// Runs a TypeScript entry point on the pinned Node, installing the pinned packages first if they are missing
// or differ from the lock file. Plain JavaScript on any Node from 20 up: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === 'win32'
const node = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}

// npm writes node_modules/.package-lock.json last, so an install that was cut short counts as missing. Optional
// packages are for other platforms and may be absent.
function isInstalled() {
  const installedLock = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(node) || !existsSync(installedLock)) return false
  const installed = packagesOf(installedLock)
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '') return true
    const found = installed[path]
    if (found === undefined) return wanted.optional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

function install() {
  console.error('freehold: installing the pinned packages (once) …')
  // Output goes to stderr: stdout belongs to the command (`npm start -- --json`).
  const result = spawnSync(
    windows ? 'npm.cmd' : 'npm',
    ['ci', '--no-fund', '--no-audit', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell: windows,
    },
  )
  if (result.status === 0) return
  console.error('freehold: npm ci failed; is the network there? Its own message is above.')
  process.exit(1)
}

if (!isInstalled()) install()

const [entry, ...rest] = process.argv.slice(2)
if (entry === undefined) {
  console.error('usage: node scripts/run.mjs ENTRY.ts [ARGUMENT …]')
  process.exit(2)
}
// Halves the processor time that a command takes to start. Inherited by whatever it starts, as the nodes of a testnet.
const env = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'), ...process.env }
const child = spawn(node, [join(root, entry), ...rest], { stdio: 'inherit', env })

// Signals are always passed on: whether a Ctrl-C also reached the child by its process group cannot be known here.
// The child counts signals that arrive together as one (cli/signals.ts), so that one Ctrl-C is one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))

child.on('error', error => {
  console.error(
    `freehold: the pinned Node does not start (${error.message}); remove node_modules and try again.`,
  )
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (constants.signals[signal] ?? 1)
})
