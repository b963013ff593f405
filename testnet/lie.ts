/**
 * Makes a lie to find: `npm run -s lie -- area/0000 export lie --keys DIR/node-1/node-keys.json --genesis genesis.json`
 * reads an exported log, turns time back in its middle, makes all files of the log anew and signs them as that node. So
 * the node shows two faces, and the new one breaks the rules. For networks whose keys are at hand, to try an audit on.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { auditAuthority, type ToldLog } from '../audit/audit.ts'
import { LogFiles, type Row, write } from '../audit/export/log-files.ts'
import { KIND_NAMES } from '../audit/verify/record-kinds.ts'
import { checkpointSigner } from '../daemon/hosting/log-view.ts'
import { readNodeKeys } from '../daemon/identity/node-keys.ts'
import { formatCheckpoint } from '../storage/log/checkpoint.ts'
import { signNote } from '../storage/log/note.ts'
import { recordKind } from '../storage/log/record.ts'
import { decodeTick, encodeTick } from '../world/codec.ts'

const usage = 'lie: npm run -s lie -- AREA EXPORTED-DIR NEW-DIR --keys FILE --genesis FILE'
const backTicks = 20

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keys: { type: 'string' }, genesis: { type: 'string' } },
})
const [authority, from, to] = positionals
const { keys: keyFile, genesis } = values
if (authority === undefined || from === undefined || to === undefined || !keyFile || !genesis) {
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
const tickName = KIND_NAMES[recordKind.tick]!
const ticks = rows.filter(({ kind }) => kind === tickName)
const lie = ticks[Math.floor(ticks.length / 2)]
if (told === undefined || lie === undefined) {
  console.error('lie: in that log no time has gone by.')
  process.exit(1)
}
const { tick, timeMs } = decodeTick(lie.body)!
const dir = join(to, 'log', told.origin)
const files = new LogFiles(dir)
for (const row of rows) {
  const body = row === lie ? encodeTick({ tick: Math.max(0, tick - backTicks), timeMs }) : row.body
  files.add({ ...row, body })
}
files.end()
const text = formatCheckpoint({ origin: told.origin, size: files.size, root: files.root(), extensions: [] })
const signer = checkpointSigner(told.origin, readNodeKeys(keyFile).log)
write(join(dir, 'charter'), rows[0]!.body)
write(join(dir, 'checkpoint'), Buffer.from(signNote(text, [signer])))
console.log(
  `At leaf ${lie.leaf} of ${files.size}, tick ${tick} is now ${Math.max(0, tick - backTicks)}: ${dir}`,
)
