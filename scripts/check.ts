/** `npm run check`: format and lint (Biome), types (tsc), the house's own rules, and generated files that are stale. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkMachinePaths, checkSource, type Finding, type SourceFile } from './rules.ts'
import { bin, root, run, runNode } from './tools.ts'

const MAX_TEXT_BYTES = 1_000_000

const steps: Record<string, () => boolean> = {
  'lint and format': () => runNode(bin('@biomejs/biome/bin/biome'), ['check', '--error-on-warnings', '.']),
  types: () => run(bin('.bin/tsc'), ['-p', '.']).status === 0,
  'rules of the house': () => report(treeFiles().flatMap(findingsIn)),
  'generated files': () => report(staleProtobuf()),
}

const failed: string[] = []
for (const [name, step] of Object.entries(steps)) {
  const ok = step()
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name}`)
  if (!ok) failed.push(name)
}
process.exit(failed.length === 0 ? 0 : 1)

/** Files that git has, or would take. */
function treeFiles(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  })
  const paths = [...new Set(listed.toString().split('\0'))].filter(
    path => path !== '' && path !== 'package-lock.json',
  )
  return paths.flatMap(path => {
    const text = readText(path)
    return text === undefined ? [] : [{ path, text }]
  })
}

function readText(path: string): string | undefined {
  try {
    const bytes = readFileSync(join(root, path))
    return bytes.length > MAX_TEXT_BYTES || bytes.includes(0) ? undefined : bytes.toString()
  } catch {
    return undefined // listed by git, deleted from the tree
  }
}

function findingsIn(file: SourceFile): Finding[] {
  const isSource = /\.(?:ts|tsx|js|mjs)$/.test(file.path)
  return [...checkMachinePaths(file), ...(isSource ? checkSource(file) : [])]
}

function report(findings: Finding[]): boolean {
  for (const { path, line, message } of findings) console.log(`${path}:${line}: ${message}`)
  return findings.length === 0
}

function staleProtobuf(): Finding[] {
  return globSync('{client,consensus,daemon,storage,world}/**/*.proto', { cwd: root }).flatMap(path => {
    const generated = path.replace(/\.proto$/, '.pb.js')
    const fresh = execFileSync(process.execPath, [bin('pbf/bin/pbf'), path], { cwd: root }).toString()
    if (readText(generated) === fresh) return []
    return [{ path: generated, line: 1, message: `is not what ${path} generates; run pbf again` }]
  })
}
