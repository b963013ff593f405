/**
 * Makes a lie to find: `npm run -s lie -- area/0000 export lie --keys DIR/node-1/node-keys.json --genesis genesis.json`
 * reads an exported log, plants a lie in it (`--lie`, of those in lies.ts), makes all files of the log anew and signs them as
 * that node. For networks whose keys are at hand, to try an audit on.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { auditAuthority, type ToldLog } from '../../audit/audit.ts'
import type { Row } from '../../audit/export/log-files.ts'
import { KIND_NAMES } from '../../audit/verify/record-kinds.ts'
import { parseLinks } from '../../client/protocol/proof-file.ts'
import { readNodeKeys } from '../../daemon/identity/node-keys.ts'
import { LIES, type Lie, tellLie } from './lies.ts'

const usage = `lie: npm run -s lie -- AREA EXPORTED-DIR NEW-DIR --keys FILE --genesis FILE [--lie ${Object.keys(LIES).join('|')}]`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string' },
    genesis: { type: 'string' },
    lie: { type: 'string', default: 'broken-rule' },
  },
})
const [authority, from, to] = positionals
const { keys: keyFile, genesis } = values
const lie = values.lie as Lie
if (
  authority === undefined ||
  from === undefined ||
  to === undefined ||
  !keyFile ||
  !genesis ||
  !(lie in LIES)
) {
  console.error(usage)
  process.exit(2)
}

let told: ToldLog | undefined
const rows: Row[] = []
await auditAuthority({
  ...{ authority, from, genesis },
  onLog: log => (told = log),
  onRecord: ({ leaf, record: { kind, rulesVersion, salt, body } }) =>
    rows.push({ leaf, kind: KIND_NAMES[kind]!, rules: rulesVersion, salt: salt.slice(), body: body.slice() }),
})
if (told === undefined || rows.length === 0) {
  console.error(`lie: ${from} does not have all records of ${authority}.`)
  process.exit(1)
}
const keys = readNodeKeys(keyFile)
const nodes = [...told.genesis.nodes.values()]
const node = nodes.find(({ logKey }) => Buffer.compare(logKey, keys.log.publicKey) === 0)?.number ?? 0
const links = join(from, 'log', told.origin, 'certificates')
const certificate = existsSync(links) ? parseLinks(readFileSync(links, 'utf8'))?.certificate : undefined
const planted = tellLie(lie, { told, rows, certificate }, { node, keys }, to)
if (planted === undefined) {
  console.error('lie: that log has no record, or no certificate, to tell that lie with.')
  process.exit(1)
}
console.log(`At leaf ${planted.leaf} of ${rows.length}, ${LIES[lie]}: ${planted.dir}`)
