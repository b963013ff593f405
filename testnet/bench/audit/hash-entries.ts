/** What `tlog/main.go` does, with the auditor's own hashes: reads a log's entry bundles and hashes them into a root. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fastLeafHash, fastNodeHash } from '../../../audit/crypto.ts'
import { toBase64 } from '../../../audit/verify/bytes.ts'
import { RootOfLeaves } from '../../../audit/verify/merkle.ts'
import { parseEntries, resourcesOf } from '../../../audit/verify/tiles.ts'

const [dir = '', size = '0'] = process.argv.slice(2)
const began = performance.now()
const log = new RootOfLeaves(fastNodeHash)
for (const { path, width } of resourcesOf('entries', Number(size))) {
  for (const entry of parseEntries(readFileSync(join(dir, path)), width)!) log.add(fastLeafHash(entry))
}
const root = toBase64(log.root())
console.log(JSON.stringify({ records: log.size, root, ms: performance.now() - began }))
