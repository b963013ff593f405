import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { settingFields } from '../../daemon/config/schema.ts'
import { loadConfig, type SettingSources } from '../../daemon/config/settings.ts'
import { SetupError } from '../../daemon/config/setup-error.ts'

describe('configuration', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'freehold-config-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  function load(sources: Partial<SettingSources> & { file?: unknown }) {
    const configFile = join(dir, 'given.json')
    if (sources.file !== undefined) {
      writeFileSync(
        configFile,
        typeof sources.file === 'string' ? sources.file : JSON.stringify(sources.file),
      )
    }
    return loadConfig({
      flags: {},
      env: { HOME: dir },
      ...(sources.file === undefined ? {} : { configFile }),
      ...sources,
    })
  }

  function refusal(sources: Parameters<typeof load>[0], exitCode = 78): string {
    try {
      load(sources)
    } catch (error) {
      assert.ok(error instanceof SetupError, String(error))
      assert.equal(error.exitCode, exitCode)
      assert.ok(!error.message.includes('\n'), error.message)
      return error.message
    }
    return assert.fail('was taken')
  }

  it('takes a flag before the environment, that before the file, and that before the default', () => {
    const file = { httpPort: 1 }
    const env = { HOME: dir, FREEHOLD_HTTP_PORT: '2' }
    assert.equal(load({ flags: { httpPort: '3' }, env, file }).httpPort, 3)
    assert.equal(load({ env, file }).httpPort, 2)
    assert.equal(load({ file }).httpPort, 1)
    assert.equal(load({}).httpPort, 7302)
  })

  it('lets every setting be given in each of the three ways', () => {
    const samples: Record<string, [unknown, string]> = {
      text: ['x', 'x'],
      number: [500, '500'],
      boolean: [false, 'false'],
      list: [['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/2'], '/ip4/127.0.0.1/tcp/1,/ip6/::1/tcp/2'],
    }
    for (const field of settingFields) {
      const word = { logLevel: 'warn', keepBodies: '30d' }[field.name as string]
      const [value, text] = word === undefined ? samples[field.kind]! : [word, word]
      const path = field.name === 'dataDir' || field.name === 'genesis'
      const expected = path ? join(process.cwd(), 'x') : value
      // 500 ms between heartbeats only goes with a longer election time.
      const calm = field.name === 'heartbeatMs' ? { electionMs: 5000 } : {}
      assert.deepEqual(load({ flags: { ...calm, [field.name]: text } })[field.name], expected, field.flag)
      assert.deepEqual(
        load({ flags: calm, env: { HOME: dir, [field.variable]: text } })[field.name],
        expected,
        field.variable,
      )
      assert.deepEqual(load({ flags: calm, file: { [field.name]: value } })[field.name], expected, field.name)
    }
  })

  it("keeps each network's data apart under XDG_DATA_HOME, and ignores a relative one", () => {
    const flags = { network: 'sea' }
    assert.equal(load({ flags, env: { XDG_DATA_HOME: '/data' } }).dataDir, '/data/freehold/sea')
    assert.equal(
      load({ flags, env: { XDG_DATA_HOME: 'data', HOME: '/me' } }).dataDir,
      '/me/.local/share/freehold/sea',
    )
    assert.equal(load({ flags }).genesis, join(dir, '.local/share/freehold/sea/genesis.json'))
  })

  it('reads config.json of the data directory without being asked', () => {
    writeFileSync(join(dir, 'config.json'), '{"gatewayPort":1234}')
    assert.equal(load({ flags: { dataDir: dir } }).gatewayPort, 1234)
  })

  it('names the setting and its source when a value is wrong', () => {
    assert.match(refusal({ flags: { httpPort: 'x' } }, 2), /^--http-port is "x": it must be a whole number/)
    assert.match(
      refusal({ flags: { httpPort: '65536' } }, 2),
      /^--http-port: it must be a whole number from 0 to 65535\.$/,
    )
    assert.match(refusal({ env: { FREEHOLD_METRICS: 'maybe' } }), /^FREEHOLD_METRICS is "maybe"/)
    assert.match(
      refusal({ env: { FREEHOLD_LOG_LEVEL: 'loud' } }),
      /^FREEHOLD_LOG_LEVEL: it must be one of fatal, .*, trace, silent\.$/,
    )
    assert.match(
      refusal({ file: { listen: ['/ip4/127.0.0.1/tcp/1', 'nowhere'] } }),
      /^"listen" in .* \(item 2\): .*multiaddr/,
    )
    assert.match(refusal({ flags: { network: '../up' } }, 2), /^--network: .*characters/)
    assert.match(refusal({ flags: { electionMs: '200' } }, 2), /\(200 ms\) must be at least three times/)
    assert.match(refusal({ file: { heartbeatMs: 900 } }), /three times .*\(900 ms\)/)
    for (const [name, value] of [
      ['logLevel', 3],
      ['metrics', 'yes please'],
      ['httpPort', 1.5],
      ['genesis', 7],
      ['network', []],
      ['listen', '/ip4/1.2.3.4/tcp/1'],
    ] as const)
      assert.match(refusal({ file: { [name]: value } }), /^"\w+" in .*: it must be /)
  })

  it('refuses what it does not know, instead of ignoring it', () => {
    assert.match(refusal({ file: { htpPort: 1 } }), /"htpPort" .*misspelt/)
    assert.match(refusal({ env: { FREEHOLD_HTPPORT: '1' } }), /FREEHOLD_HTPPORT is not a setting/)
  })

  it('says what is wrong with a configuration file', () => {
    assert.match(refusal({ file: '{"httpPort":' }), /given\.json is not JSON/)
    assert.match(refusal({ file: '[]' }), /one JSON object/)
    assert.match(
      refusal({ configFile: join(dir, 'nowhere.json') }),
      /nowhere\.json cannot be read \(ENOENT\)/,
    )
  })
})
