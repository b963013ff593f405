/** A gateway over one in-memory area, as a process: for profiling it against real bots. `node serve.ts [seconds]` */
import { TestAuthority } from './authority.ts'
import { startTestGateway } from './server.ts'

const seconds = Number(process.argv[2] ?? 30)
const authority = new TestAuthority({ npcCount: 50 }, { immediate: false })
const gateway = await startTestGateway(authority)
console.log(gateway.url)
setInterval(() => authority.tick(), 100)
setInterval(() => authority.flushBatch(), 10)
setInterval(() => {
  authority.flushFeed()
  const { user, system } = process.cpuUsage()
  const cpu = Math.round((user + system) / 1000)
  console.log(JSON.stringify({ cpuMs: cpu, ...gateway.core.stats, ...Object.fromEntries(gateway.counts) }))
}, 1_000)
setTimeout(() => process.exit(0), seconds * 1_000)
