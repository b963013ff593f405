import assert from 'node:assert/strict'
import { NodeBook } from '../../daemon/nodes/book.ts'
import type { NodeRecord } from '../../daemon/nodes/record.ts'

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

function nodeRecord(number: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    ...{ number, peerId: `peer-${number}`, operator: 'somebody', addresses: [], status: 'active' },
    keys: { identity: key(number), vote: key(number), cosign: key(number), log: key(number) },
    ...changes,
  }
}

describe('the book of nodes', () => {
  const bookOf = (...numbers: number[]): NodeBook =>
    new NodeBook(
      'peer-1',
      numbers.map(number => nodeRecord(number)),
    )

  it('has whom it was begun with, and this node among them', () => {
    const book = bookOf(1, 2)
    assert.equal(book.self?.number, 1)
    assert.equal(book.numberOf('peer-2'), 2)
    assert.deepEqual(book.peers.entries(), [[2, 'peer-2']])
  })

  it('tells of a newcomer, who is a peer at once, and has its keys', () => {
    const book = bookOf(1, 2)
    const heard: string[] = []
    book.onChange((node, before) => heard.push(`${node.number} ${before?.status} ${node.status}`))
    book.peers.onAdded(number => heard.push(`peer ${number}`))
    assert.deepEqual(book.admit(nodeRecord(3, { status: 'admitted' })), { ok: true })
    assert.deepEqual(heard, ['3 undefined admitted', 'peer 3'])
    assert.deepEqual(book.keys.get(3)?.vote, key(3))
    assert.equal(book.peers.numberOf('peer-3'), 3)
  })

  it('learns the number of this node, which is no peer of its own', () => {
    const book = bookOf(2, 3)
    const selfNumber = (): number | undefined => book.self?.number
    assert.equal(selfNumber(), undefined)
    book.admit(nodeRecord(4, { peerId: 'peer-1' }))
    assert.equal(selfNumber(), 4)
    assert.deepEqual(book.peers.numbers(), [2, 3])
  })

  it('gives no number and no peer id twice', () => {
    const book = bookOf(1, 2)
    assert.deepEqual(book.admit(nodeRecord(2, { peerId: 'other' })), { ok: false, code: 'number-taken' })
    assert.deepEqual(book.admit(nodeRecord(5, { peerId: 'peer-2' })), { ok: false, code: 'peer-taken' })
    assert.deepEqual(book.update(9, { status: 'banned' }), { ok: false, code: 'unknown-node' })
  })

  it('serves nobody who was banned or retired, keeps what his signatures are judged by, and takes him back', () => {
    const book = bookOf(1, 2, 3)
    const removed: number[] = []
    book.peers.onRemoved(number => removed.push(number))
    book.update(2, { status: 'banned' })
    book.update(3, { status: 'leaving' })
    assert.deepEqual(removed, [2])
    assert.equal(book.numberOf('peer-2'), undefined)
    assert.equal(book.of('peer-2')?.status, 'banned')
    assert.deepEqual(book.keys.get(2)?.log, key(2))
    assert.equal(book.numberOf('peer-3'), 3)
    book.update(2, { status: 'active' })
    assert.equal(book.peers.numberOf('peer-2'), 2)
  })

  it('gives one who left and comes back his new number, and the old one no channel again', () => {
    const book = bookOf(1, 2)
    book.update(2, { status: 'banned' })
    assert.deepEqual(book.admit(nodeRecord(5, { peerId: 'peer-2' })), { ok: false, code: 'peer-taken' })
    book.update(2, { status: 'retired' })
    assert.deepEqual(book.admit(nodeRecord(5, { peerId: 'peer-2' })), { ok: true })
    book.update(2, { status: 'active' })
    assert.deepEqual(book.peers.entries(), [[5, 'peer-2']])
    assert.deepEqual([book.numberOf('peer-2'), book.peers.numberOf('peer-2')], [5, 5])
    assert.deepEqual(book.keys.get(2)?.log, key(2))
  })
})
