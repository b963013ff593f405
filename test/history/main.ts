/** `npm run history -- FILE`: decides a history that `freehold testnet --history FILE` wrote. Prints one line of JSON. */
import { readFileSync } from 'node:fs'
import { checkHistory } from './check.ts'
import { parseHistory } from './operation.ts'

const path = process.argv[2]
if (path === undefined || process.argv.length !== 3) {
  process.stderr.write('usage: npm run history -- FILE\n')
  process.exit(2)
}
const report = checkHistory(parseHistory(readFileSync(path, 'utf8')))
process.stdout.write(`${JSON.stringify(report)}\n`)
process.exitCode = report.findings.length === 0 && report.ok > 0 ? 0 : 1
