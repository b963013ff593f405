/** One audit in a process of its own, so that its memory can be told. */
import { auditAuthority } from '../../../audit/audit.ts'

const [from = '', genesis = ''] = process.argv.slice(2)
const began = performance.now()
const report = await auditAuthority({ authority: 'area/0000', from, genesis })
if (!report.ok) throw new Error(report.message)
const ms = performance.now() - began
const { user, system } = process.cpuUsage()
const processorMs = (user + system) / 1000
const peakMiB = process.resourceUsage().maxRSS / 1024
console.log(
  JSON.stringify({ records: report.records, sealedRoots: report.sealedRoots, ms, processorMs, peakMiB }),
)
