/** `npm run build`: `dist/` as it is published, with the `freehold` command, the SDK's types and the map page in it. */
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rulesContentHash } from '../daemon/genesis/rules-hash.ts'
import { bin, root, run } from './tools.ts'

const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
if (run(bin('.bin/tsc'), ['-p', 'tsconfig.build.json']).status !== 0) process.exit(1)

// What tsc does not carry over: generated code, and the rules' sources, whose hash stands in genesis files.
const copied = [
  ...globSync('{audit,cli,client,consensus,daemon,storage,testnet,world}/**/*.pb.{js,d.ts}', { cwd: root }),
  ...globSync('world/**/*.ts', { cwd: root }).filter(path => !path.endsWith('.d.ts')),
]
for (const path of copied) copy(path)

// The sources' page is built by a module that a published package does not need.
const mapBuilder = join(root, 'client/map/build.ts')
if (existsSync(mapBuilder)) {
  const { buildMap } = await import(pathToFileURL(mapBuilder).href)
  await buildMap(join(dist, 'map'))
}

const command = join(dist, 'cli/main.js')
chmodSync(command, 0o755)
if (run(process.execPath, [command, '--version']).status !== 0) fail('dist/cli/main.js does not start.')
if (rulesContentHash(join(dist, 'world')) !== rulesContentHash()) {
  fail('The rules in dist/world do not have the hash of the sources: a network would refuse this build.')
}
console.log(`Built ${dist}`)

function copy(path: string): void {
  const target = join(dist, path)
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(join(root, path), target)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
