import { globSync, readFileSync } from 'node:fs'

/** The rooms that read what others have made. */
const rooms = ['storage', 'consensus', 'daemon', 'client', 'audit', 'world']
const declared = /^export (?:async )?(?:function|const) ((?:decode|parse)[A-Z]\w*)/gm

/** `<file>#<export>` of everything that is called a decoder or a parser. */
export function declaredParsers(root: string): string[] {
  return rooms
    .flatMap(room => globSync(`${room}/**/*.ts`, { cwd: root }))
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => !file.endsWith('.d.ts'))
    .flatMap(file => {
      const text = readFileSync(`${root}/${file}`, 'utf8')
      return [...text.matchAll(declared)].map(([, name]) => `${file}#${name}`)
    })
    .sort()
}
