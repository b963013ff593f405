/** `npm run conformance -- FOLDER`: runs published vectors and test scripts against this code. */
import { readdir } from 'node:fs/promises'
import { basename, join, normalize, resolve, sep } from 'node:path'
import type { FileResult } from './result.ts'
import { runTlog } from './tlog/main.ts'

const exit = { ok: 0, missed: 1, usage: 2 } as const

/** A folder inside etcd-raft/ means the files of that suite that are in it. */
async function runEtcdRaft(folder: string): Promise<FileResult[]> {
  const suite = await import('./etcd-raft/main.ts')
  const [above, inside] = /^(.*[/\\]etcd-raft)[/\\](.+)$/.exec(resolve(folder))?.slice(1) ?? []
  if (above === undefined) return suite.runEtcdRaft(folder)
  return (await suite.runEtcdRaft(above)).filter(({ file }) => normalize(file).startsWith(inside + sep))
}

const suites = [
  { name: 'tlog', extension: '.json', run: runTlog },
  { name: 'etcd-raft', extension: '.txt', run: runEtcdRaft },
]

/** The suites in a folder: by its subfolders' names, by its own name, or else by the kind of files in it. */
async function suitesIn(folder: string): Promise<{ name: string; run: () => Promise<FileResult[]> }[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const below = suites.filter(suite =>
    entries.some(entry => entry.isDirectory() && entry.name === suite.name),
  )
  if (below.length > 0) {
    return below.map(suite => ({ name: `${suite.name}/`, run: () => suite.run(join(folder, suite.name)) }))
  }
  const files = await readdir(folder, { recursive: true })
  const named = suites.filter(suite => basename(folder) === suite.name)
  const itself =
    named.length > 0 ? named : suites.filter(suite => files.some(file => file.endsWith(suite.extension)))
  return itself.map(suite => ({ name: '', run: () => suite.run(folder) }))
}

async function main(args: readonly string[]): Promise<number> {
  const [folder] = args
  if (folder === undefined || args.length > 1) {
    console.error(
      'Usage: npm run conformance -- FOLDER   (a folder with tlog/ or etcd-raft/ in it, or one of these)',
    )
    return exit.usage
  }
  const found = await suitesIn(folder).catch(error => {
    console.error(
      `The folder ${folder} can't be read (${error.code}): give one with tlog/ or etcd-raft/ in it.`,
    )
    return undefined
  })
  if (!found) return exit.usage
  let passed = 0
  let total = 0
  let files = 0
  for (const suite of found) {
    for (const result of await suite.run()) {
      files += 1
      passed += result.passed
      total += result.total
      console.log(`${suite.name}${result.file} ${result.passed}/${result.total}`)
      if (result.firstDifference !== undefined)
        console.log(`  ${result.firstDifference.replaceAll('\n', '\n  ')}`)
    }
  }
  if (files === 0) {
    console.error(
      `Nothing in ${folder} is a vector file known here: give a folder with tlog/ or etcd-raft/ in it.`,
    )
    return exit.usage
  }
  console.log(`${files} files, ${passed}/${total} cases passed`)
  return passed === total ? exit.ok : exit.missed
}

process.exitCode = await main(process.argv.slice(2))
