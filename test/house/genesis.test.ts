import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { charterOfAuthority, findArea, parseGenesis as parseAsAuditor } from '../../audit/genesis.ts'
import { SetupError } from '../../daemon/config/setup-error.ts'
import { buildGenesis } from '../../daemon/genesis/build.ts'
import { canonicalJson, type Json } from '../../daemon/genesis/canonical-json.ts'
import {
  charterOf,
  encodeGenesis,
  type Genesis,
  originOf,
  parseGenesis,
  readGenesis,
} from '../../daemon/genesis/genesis.ts'
import { rulesContentHash } from '../../daemon/genesis/rules-hash.ts'
import { type GenesisFile, isDirectory, placesOf } from '../../daemon/genesis/schema.ts'
import { createNodeKeys, readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { passingOperators } from '../../testnet/local/operators.ts'

describe('the genesis file', () => {
  let dir: string
  let genesis: Genesis

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-genesis-'))
    const nodes = [1, 2, 3, 4, 5].map(number => ({
      keys: createNodeKeys(join(dir, `keys-${number}.json`), 'sea'),
      operator: `op-${number}`,
      addresses: [`/ip4/127.0.0.1/tcp/${7000 + number}`],
    }))
    genesis = buildGenesis({
      network: 'sea',
      createdAt: new Date('2026-01-02T03:04:05Z'),
      nodes,
      areas: 4,
      replicas: 3,
      seed: 7,
      operators: passingOperators(),
    })
  })
  after(() => rmSync(dir, { recursive: true, force: true }))

  function refusal(bytes: Uint8Array): string {
    try {
      parseGenesis(bytes, 'g.json')
    } catch (error) {
      assert.ok(error instanceof SetupError, String(error))
      assert.equal(error.exitCode, 78)
      assert.ok(!error.message.includes('\n'), error.message)
      return error.message
    }
    return assert.fail('was taken')
  }

  function changed(change: (file: GenesisFile) => void): Uint8Array {
    const file = structuredClone(genesis.file)
    change(file)
    return encodeGenesis(file)
  }

  it('comes back from its bytes, and its hash is the hash of those', () => {
    const again = parseGenesis(genesis.bytes)
    assert.deepEqual(again.file, genesis.file)
    assert.equal(again.hashHex, hash('sha256', genesis.bytes))
    assert.equal(Buffer.from(genesis.bytes).at(-1), 0x0a)
  })

  it('spreads the replicas over the nodes and lays the areas side by side', () => {
    const authorities = placesOf(genesis.file)
    assert.deepEqual(
      authorities.map(authority => authority.members),
      [
        [1, 2, 3],
        [2, 3, 4],
        [3, 4, 5],
        [1, 4, 5],
      ],
    )
    assert.deepEqual(
      authorities.map(({ name, xMm, yMm }) => [name, xMm, yMm]),
      [
        ['area/0000', 0, 0],
        ['area/0001', 10_000_000, 0],
        ['area/0002', 0, 10_000_000],
        ['area/0003', 10_000_000, 10_000_000],
      ],
    )
    assert.equal(originOf('sea', authorities[3]!), 'sea/area/0003/0')
  })

  it('has one directory, which begins with all that stands in the file, as auditors read it too', () => {
    const { file } = genesis
    const directories = file.authorities.filter(isDirectory)
    assert.deepEqual(
      directories.map(({ name, group, members }) => [name, group, members]),
      [['directory', 5, [1, 2, 3, 4, 5]]],
    )
    const charter = charterOf(file, directories[0]!)
    assert.ok(charter.kind === 'directory')
    assert.deepEqual(
      charter.nodes.map(({ number, operator }) => [number, operator]),
      [1, 2, 3, 4, 5].map(number => [number, `op-${number}`]),
    )
    assert.deepEqual(
      charter.authorities.map(({ name }) => name),
      ['area/0000', 'area/0001', 'area/0002', 'area/0003', 'directory'],
    )
    assert.deepEqual([charter.operators.length, charter.recovery.threshold], [1, 1])
    const audited = parseAsAuditor(genesis.bytes, 'g.json')
    assert.deepEqual(charterOfAuthority(audited, findArea(audited, 'directory')), charter)
  })

  it('is refused without its directory, or with two', () => {
    const directory = genesis.file.authorities.find(isDirectory)!
    const without = changed(file => {
      file.authorities = placesOf(file)
    })
    assert.match(refusal(without), /not one directory/)
    const two = changed(file => {
      file.authorities = [...file.authorities, { ...directory, group: 77 }]
    })
    assert.match(refusal(two), /authority directory stands in it twice/)
    const strangers = changed(file => {
      file.recovery.threshold = 2
    })
    assert.match(refusal(strangers), /directory: .*recovery keys/)
    assert.throws(() => parseAsAuditor(strangers, 'g.json'), /recovery keys/)
  })

  it('has one form only: any other text of the same value is refused', () => {
    const pretty = new TextEncoder().encode(JSON.stringify(genesis.file, undefined, 2))
    assert.match(refusal(pretty), /canonical/)
    assert.match(refusal(Buffer.concat([genesis.bytes, Buffer.from('\n')])), /canonical/)
    assert.match(
      refusal(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), genesis.bytes])),
      /not JSON in UTF-8/,
    )
  })

  it('is refused with the reason when it contradicts itself', () => {
    assert.match(
      refusal(
        changed(file => {
          file.nodes[1]!.number = 1
        }),
      ),
      /node number 1 stands in it twice/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.nodes[1] = { ...file.nodes[0]!, number: 2 }
        }),
      ),
      /peer id .* twice/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.authorities[1]!.group = 1
        }),
      ),
      /group 1 stands in it twice/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.authorities[0]!.members = [1, 9]
        }),
      ),
      /member 9 that is not/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.authorities[0]!.members = [1, 1]
        }),
      ),
      /member twice/,
    )
    assert.match(
      refusal(
        changed(file => {
          placesOf(file)[0]!.quadkey = '3333'
        }),
      ),
      /lies at quadkey 3333/,
    )
    assert.match(
      refusal(
        changed(file => {
          placesOf(file)[0]!.sideMm = 5
        }),
      ),
      /area\/0000: .*sideMm/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.protocol.min = 2
        }),
      ),
      /protocol\.min/,
    )
    assert.match(
      refusal(
        changed(file => {
          file.network = 'lake'
        }),
      ),
      /node 1 did not endorse its keys/,
    )
  })

  it("does not let somebody else's keys be written in", () => {
    const swap = changed(file => {
      file.nodes[0]!.keys = file.nodes[1]!.keys
      file.nodes[0]!.endorsement = file.nodes[1]!.endorsement
    })
    assert.match(refusal(swap), /node 1 did not endorse its keys/)
  })

  it('does not let two nodes have one key, whatever it is for, though both endorse it', () => {
    const roles = ['identity', 'vote', 'cosign', 'log'] as const
    for (const [i, mine] of roles.entries()) {
      if (mine === 'identity') continue
      const his = roles[(i + 1) % roles.length]!
      const seeds = JSON.parse(readFileSync(join(dir, 'keys-1.json'), 'utf8')) as Record<string, string>
      const own = JSON.parse(readFileSync(join(dir, 'keys-2.json'), 'utf8')) as Record<string, string>
      const path = join(dir, `keys-2-${mine}.json`)
      writeFileSync(path, JSON.stringify({ ...own, [mine]: seeds[his] }), { mode: 0o600 })
      const keys = readNodeKeys(path)
      const shared = changed(file => {
        file.nodes[1]!.keys[mine] = Buffer.from(keys[mine].publicKey).toString('base64')
        file.nodes[1]!.endorsement = Buffer.from(keys.endorsement).toString('base64')
      })
      assert.match(refusal(shared), /nodes 1 and 2 have one key \(.{44}\): each needs keys of its own/)
      assert.throws(() => parseAsAuditor(shared, 'g.json'), /nodes 1 and 2 have one key/)
    }
  })

  it('never throws anything but its refusal, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.nat(genesis.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Uint8Array.from(genesis.bytes)
        bytes[at]! ^= flip
        try {
          assert.notEqual(parseGenesis(bytes).hashHex, genesis.hashHex)
        } catch (error) {
          assert.ok(error instanceof SetupError)
        }
      }),
      { numRuns: 150 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => refusal(bytes) !== ''))
  })

  it('says where a file is missing', () => {
    assert.throws(
      () => readGenesis(join(dir, 'none.json')),
      /none\.json cannot be read: make one with freehold init/,
    )
  })
})

describe('canonical JSON', () => {
  const value = fc.letrec<{ any: Json }>(tie => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }),
    ),
  })).any

  it('keeps the value and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(value, json => {
        const text = canonicalJson(json)
        const read = JSON.parse(text)
        assert.equal(canonicalJson(read), text)
        assert.equal(canonicalJson(reversed(read)), text)
      }),
    )
  })

  it('refuses what two programs could write differently', () => {
    for (const number of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(() => canonicalJson(number), RangeError)
    }
  })

  function reversed(json: Json): Json {
    if (Array.isArray(json)) return json.map(reversed)
    if (typeof json !== 'object' || json === null) return json
    return Object.fromEntries(
      Object.entries(json)
        .reverse()
        .map(([key, inner]) => [key, reversed(inner as Json)]),
    )
  }
})

describe("the rules' content hash", () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-rules-'))
    mkdirSync(join(dir, 'inner'))
    writeFileSync(join(dir, 'b.ts'), 'one\ntwo\n')
    writeFileSync(join(dir, 'inner', 'a.ts'), 'x\n')
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('is SHA-256 over sorted paths and texts', () => {
    assert.equal(rulesContentHash(dir), hash('sha256', 'b.ts\none\ntwo\ninner/a.ts\nx\n'))
  })

  it('does not depend on line ends or on what a build adds', () => {
    const before = rulesContentHash(dir)
    writeFileSync(join(dir, 'b.ts'), 'one\r\ntwo\r\n')
    writeFileSync(join(dir, 'b.js'), 'compiled')
    writeFileSync(join(dir, 'b.d.ts'), 'declared')
    assert.equal(rulesContentHash(dir), before)
    writeFileSync(join(dir, 'b.ts'), 'one\nthree\n')
    assert.notEqual(rulesContentHash(dir), before)
  })
})
