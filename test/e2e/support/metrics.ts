import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a node's metric counts, summed over all series that have these labels. */
export async function metric(
  httpUrl: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(`${httpUrl}/metrics`)
  if (response.status === 429) {
    await sleep(100)
    return await metric(httpUrl, name, labels)
  }
  assert.equal(response.status, 200)
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const series = (await response.text())
    .split('\n')
    .filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter(line => wanted.every(pair => line.includes(pair)))
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
