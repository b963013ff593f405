import assert from 'node:assert/strict'
import { PublishedLog } from '../../daemon/hosting/log-view.ts'
import { batchOp, LogReader } from '../../storage/log/log-store.ts'
import { encodeBatch, type LogRecord, leafData, leafHashes, recordKind } from '../../storage/log/record.ts'
import { MerkleLog } from '../../storage/log/tree.ts'
import { MemoryStore } from '../../storage/store-memory.ts'

describe('a published log', () => {
  it('tells each leaf and the length of its body, up to its checkpoint', async () => {
    const records: LogRecord[] = Array.from({ length: 9 }, (_, i) => ({
      ...{ kind: recordKind.input, rulesVersion: 1, salt: new Uint8Array(16).fill(i) },
      body: new Uint8Array(100 * i),
    }))
    const store = new MemoryStore()
    for (const first of [0, 3, 6]) {
      const batch = encodeBatch(records.slice(first, first + 3))
      const ops = [batchOp(1, first, { index: first + 1, term: 1, batch })]
      await new Promise<void>(resolve => store.write(ops, { sync: false }, () => resolve()))
    }
    const log = new MerkleLog(async () => undefined)
    log.append(leafHashes(records))
    const signer = { name: 'sea/area/0/0', keyId: 1, sign: () => new Uint8Array(64) }
    const published = new PublishedLog(signer.name, log, new LogReader(store, 1), signer, new Uint8Array())
    assert.deepEqual(await published.leaves(0, 9), [])
    const root = await log.rootAt(8)
    published.publish({ size: 8, root })
    assert.deepEqual(
      await published.leaves(4, 9),
      records
        .slice(4, 8)
        .map(record => ({ data: leafData(record), bodyBytes: record.body.length, dropped: false })),
    )
  })
})
