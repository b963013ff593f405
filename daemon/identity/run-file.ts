import { readFileSync, rmSync } from 'node:fs'
import { z } from 'zod'
import { isProcessRunning } from './data-dir.ts'
import { writeFileDurably } from './durable-file.ts'

const runSchema = z.object({
  pid: z.number().int().min(1),
  number: z.number().int(),
  peerId: z.string(),
  network: z.string(),
  httpUrl: z.string(),
  gatewayUrl: z.string(),
  listen: z.array(z.string()),
  startedAt: z.string(),
})

/** What a running node leaves in its data directory, so that other commands find it. */
export type RunInfo = z.infer<typeof runSchema>

export function writeRunFile(path: string, info: RunInfo): void {
  writeFileDurably(path, `${JSON.stringify(info, undefined, 2)}\n`)
}

export function removeRunFile(path: string): void {
  rmSync(path, { force: true })
}

/** The node that runs there; undefined when none does (a file left by a killed one counts as none). */
export function readRunFile(path: string): RunInfo | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  try {
    const parsed = runSchema.safeParse(JSON.parse(text))
    return parsed.success && isProcessRunning(parsed.data.pid) ? parsed.data : undefined
  } catch {
    return undefined
  }
}
