import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** Titles, and the bold words that begin a paragraph. */
function sectionsOf(doc: string): string[] {
  const found = read(doc).matchAll(/^(?:#+ +(.+?)|(?:[-*] )?\*\*(.+?)\.?\*\*.*)$/gm)
  return [...found].map(([, title, bold]) => (title ?? bold)!)
}

/** Where a doc is named with one of its sections: in comments as `docs/x.md, "Y"`, in docs as `](x.md), "Y"`. */
function* namedIn(path: string): Generator<{ path: string; doc: string; section: string }> {
  const text = read(path).replace(/\n *\*? */g, ' ')
  const links = path.endsWith('.md') ? /\]\(([\w-]+\.md)\), "([^"]+)"/g : /docs\/([\w-]+\.md), "([^"]+)"/g
  for (const [, doc, section] of text.matchAll(links))
    yield { path, doc: `docs/${doc}`, section: section!.replace(/[,.]$/, '') }
}

describe('a section that a comment or a doc names', () => {
  it('is there', () => {
    const rooms = '{audit,cli,client,consensus,daemon,storage,testnet,world,scripts}/**/*.ts'
    const named = globSync([rooms, 'docs/*.md'], { cwd: root }).flatMap(path => [...namedIn(path)])
    const missing = named.filter(({ doc, section }) => !sectionsOf(doc).includes(section))
    assert.deepEqual(missing, [])
    assert.ok(named.length > 10)
  })
})
