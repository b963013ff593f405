/**
 * Planted bugs are mutations of the real source, made while it is loaded: no switch for them stands in the program.
 * A module that is imported under a bug comes, with all that it imports of ours, as a copy of its own, in which the
 * bug's pieces are replaced; so one process can hold the honest program and many others.
 */
import { registerHooks } from 'node:module'
import { type Bug, mutated } from './bug.ts'
import { bugNamed } from './catalogue.ts'

const ROOT = new URL('../../../', import.meta.url).href
const PARAMETER = 'bug'

/** `bug file` of every edit that was made. */
const planted = new Set<string>()
let hooked = false

/**
 * Imports a module, honest when `name` is undefined.
 * @param url as `import.meta.resolve` gives it
 * @throws when there is no such bug, its pieces aren't found, or the module doesn't load the files that they stand in
 */
export async function importUnder<T>(name: string | undefined, url: string): Promise<T> {
  if (name === undefined) return import(url)
  const bug = bugNamed(name)
  if (bug === undefined) throw new Error(`There is no planted bug ${name}.`)
  hook()
  const module = await import(urlUnder(url, name))
  for (const { file } of bug.edits) {
    if (!planted.has(`${name} ${file}`))
      throw new Error(`The planted bug ${name} stands in ${file}, which is not loaded by ${url}.`)
  }
  return module
}

function hook(): void {
  if (hooked) return
  hooked = true
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const name = nameIn(context.parentURL)
      return name === undefined || !isOurs(resolved.url)
        ? resolved
        : { ...resolved, url: urlUnder(resolved.url, name) }
    },
    load(url, context, next) {
      const loaded = next(url, context)
      const name = nameIn(url)
      if (name === undefined || loaded.source === undefined || loaded.source === null) return loaded
      const source =
        typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array)
      return { ...loaded, source: withBug(source.toString(), pathOf(url), bugNamed(name)!) }
    },
  })
}

function withBug(source: string, path: string, { name, edits }: Bug): string {
  let result = source
  for (const edit of edits) {
    if (edit.file !== path) continue
    result = mutated(result, name, edit)
    planted.add(`${name} ${path}`)
  }
  return result
}

function urlUnder(url: string, name: string): string {
  const under = new URL(url)
  under.searchParams.set(PARAMETER, name)
  return under.href
}

function nameIn(url: string | undefined): string | undefined {
  return url?.startsWith(ROOT) ? (new URL(url).searchParams.get(PARAMETER) ?? undefined) : undefined
}

function isOurs(url: string): boolean {
  return url.startsWith(ROOT) && !url.includes('/node_modules/')
}

/** From the root of the repository. */
function pathOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(new URL(ROOT).pathname.length))
}
