import assert from 'node:assert/strict'
import { checkMachinePaths, checkSource } from '../../scripts/rules.ts'
import { blankNonCode, importsOf } from '../../scripts/source-text.ts'

function messages(path: string, text: string): string[] {
  return checkSource({ path, text }).map(finding => finding.message)
}

describe('the rules of the house', () => {
  const banned = [
    'const now = Date.now()',
    'const now = new Date()',
    'const now = performance.now()',
    'const r = Math.random()',
    'setTimeout(run, 5)',
    'globalThis.setInterval(run, 5)',
    'setImmediate(run)',
    "import net from 'node:net'",
    "import { get } from 'node:http'",
    "import { readFile } from 'node:fs/promises'",
    "import { readFileSync } from 'fs'",
    "const fs = await import('node:fs')",
    'crypto.getRandomValues(bytes)',
    "import { hash, randomBytes } from 'node:crypto'",
    'const text = `now ${Date.now()}`',
  ]
  const deciding = [
    'consensus/raft/raw-node.ts',
    'world/rules.ts',
    'storage/log/tree.ts',
    'audit/verify/tlog.ts',
    'daemon/authority/area.ts',
    'daemon/gateway/core.ts',
    'daemon/gateway/session.ts',
    'daemon/hosting/engine.ts',
  ]
  for (const text of banned) {
    it(`refuses in every part that decides: ${text}`, () => {
      for (const path of deciding) assert.notDeepEqual(messages(path, text), [], path)
    })
    it(`allows where the world is met: ${text}`, () => {
      for (const path of ['daemon/node.ts', 'daemon/gateway/server.ts', 'testnet/main.ts']) {
        assert.deepEqual(messages(path, text), [], path)
      }
    })
  }

  it('lets nothing be asked over HTTP without a limit', () => {
    for (const path of ['cli/audit.ts', 'client/map/main.tsx', 'audit/source/http.ts', 'daemon/node.ts'])
      assert.equal(messages(path, 'await fetch(url)').length, 1, path)
    assert.equal(messages('cli/audit.ts', 'await globalThis.fetch(url)').length, 1)
    assert.deepEqual(messages('testnet/x.ts', 'this.#fetch(it); it.fetch(x); prefetch(y)'), [])
    for (const path of ['client/protocol/http.ts', 'test/client/http.test.ts'])
      assert.deepEqual(messages(path, 'await fetch(url)'), [], path)
  })

  it('lets the one disk of storage be a disk', () => {
    assert.deepEqual(messages('storage/store-level.ts', "import { mkdirSync } from 'node:fs'"), [])
  })

  it('does not mistake words in comments, strings and patterns for code', () => {
    const text = [
      '// Date.now() would be wrong here',
      '/* nor setTimeout(x)',
      '   nor Math.random() */',
      "const a = 'Date.now()'",
      'const b = "it\'s Math.random()"',
      'const c = `setTimeout(${a}) Math.random()`',
      'const d = /Date.now()["\'`]/',
      'const e = a / b / c',
      'const date = new Date(atMs)',
      'const nonce = ports.randomBytes(16)',
    ].join('\n')
    assert.deepEqual(messages('consensus/x.ts', text), [])
  })

  it('finds code behind all of those, on its line', () => {
    const text = 'const d = /["\'`/]/\nconst c = `${{ a: `}` }.a}`\n/* `\n */ Math.random()'
    assert.deepEqual(
      checkSource({ path: 'consensus/x.ts', text }).map(finding => finding.line),
      [4],
    )
  })

  it('keeps the length and the lines of what it blanks', () => {
    const text = "a('x\\'y') /* \n\n */ `q${b}\n`"
    const blanked = blankNonCode(text)
    assert.equal(blanked.length, text.length)
    assert.equal(blanked.split('\n').length, text.split('\n').length)
    assert.equal(blanked.replace(/\s/g, ''), 'a()b')
  })

  it('keeps transcendental functions and locales out of the world, and only there', () => {
    for (const text of [
      'Math.sin(x)',
      'Math.atan2(y, x)',
      'Math.hypot(x, y)',
      'x ** 2',
      'a.localeCompare(b)',
    ]) {
      assert.equal(messages('world/rules.ts', text).length, 1, text)
      assert.deepEqual(messages('consensus/x.ts', text), [], text)
    }
    assert.deepEqual(messages('world/rules.ts', 'Math.sqrt(x) + Math.trunc(y) + Math.max(a, b)'), [])
  })

  it('lets imports go one way', () => {
    const allowed = [
      ['cli/start.ts', '../daemon/node.ts'],
      ['daemon/node.ts', '../consensus/groups/host.ts'],
      ['daemon/http/server.ts', '../../client/protocol/frames.ts'],
      ['consensus/groups/host.ts', '../../storage/store.ts'],
      ['client/sdk.ts', '../audit/verify/receipt.ts'],
      ['client/sdk.ts', '../world/codec.ts'],
      ['audit/audit.ts', '../world/world.ts'],
      ['world/rules.ts', './codec.ts'],
      ['test/x.test.ts', '../cli/main.ts'],
    ]
    const refused = [
      ['daemon/node.ts', '../cli/main.ts'],
      ['daemon/node.ts', '../testnet/main.ts'],
      ['daemon/node.ts', '../client/sdk.ts'],
      ['daemon/node.ts', '../audit/audit.ts'],
      ['consensus/raft/raw-node.ts', '../../world/world.ts'],
      ['consensus/raft/raw-node.ts', '../../daemon/ports.ts'],
      ['storage/log/tree.ts', '../../consensus/raft/raw-node.ts'],
      ['world/rules.ts', '../storage/store.ts'],
      ['client/sdk.ts', '../world/world.ts'],
      ['client/sdk.ts', '../storage/log/tree.ts'],
      ['audit/verify/tlog.ts', '../../storage/log/tree.ts'],
      ['audit/verify/tlog.ts', '../../world/codec.ts'],
    ]
    for (const [path, target] of allowed)
      assert.deepEqual(messages(path!, `import { x } from '${target}'`), [], path)
    for (const [path, target] of refused) {
      assert.equal(messages(path!, `import type { x } from '${target}'`).length, 1, `${path} → ${target}`)
      assert.equal(messages(path!, `export {\n  x,\n} from '${target}'`).length, 1, `${path} → ${target}`)
      assert.equal(messages(path!, `const x = await import('${target}')`).length, 1, `${path} → ${target}`)
    }
  })

  it('lets the verifier import nothing but @noble, and the world nothing at all', () => {
    assert.deepEqual(messages('audit/verify/tlog.ts', "import { sha256 } from '@noble/hashes/sha2.js'"), [])
    assert.equal(messages('audit/verify/tlog.ts', "import { hash } from 'node:crypto'").length, 1)
    assert.equal(messages('world/rules.ts', "import { z } from 'zod'").length, 1)
    assert.equal(messages('world/rules.ts', "import 'node:assert'").length, 1)
  })

  it('sees every form of import', () => {
    const text =
      "import 'a'\nimport b from 'b'\nimport {\n  c,\n} from 'c'\nexport * from 'd'\nconst e = import('e')"
    assert.deepEqual(
      importsOf(text).map(found => `${found.specifier} ${found.line}`),
      ['a 1', 'b 2', 'c 5', 'd 6', 'e 7'],
    )
  })

  it("finds paths of somebody's machine", () => {
    for (const folder of ['work', 'root', 'home']) {
      const text = `see\n"/${folder}/x/y"`
      assert.deepEqual(
        checkMachinePaths({ path: 'docs/a.md', text }).map(finding => finding.line),
        [2],
      )
    }
    assert.deepEqual(
      checkMachinePaths({ path: 'docs/a.md', text: 'https://example.org/home/ src/home/x' }),
      [],
    )
  })
})
