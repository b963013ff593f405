import assert from 'node:assert/strict'
import { enterNodes } from '../../daemon/directory/node-rows.ts'
import { peerIdOfPublicKey } from '../../daemon/network/peer-id.ts'
import { NodeBook } from '../../daemon/nodes/book.ts'
import { factsOf, identityOf, Stage } from '../world/directory/support.ts'

const peerOf = (node: number): string => peerIdOfPublicKey(identityOf(node).publicKey)

/** Node 9 was admitted as number 5, left, and came back as number 6. */
function backAgain() {
  const stage = new Stage().open(1)
  const { state } = stage.directory
  const [first, later] = [new NodeBook(peerOf(1)), new NodeBook(peerOf(1))]
  stage.ask(1, { kind: 'admit', node: factsOf(9) })
  stage.ask(9, { kind: 'open' })
  for (const book of [first, later]) enterNodes(book, state, undefined)
  stage.ask(9, { kind: 'leave' })
  stage.pass(1, 1)
  const { changed } = stage.send(1, { kind: 'admit', node: factsOf(9) })
  enterNodes(first, state, new Set(changed))
  enterNodes(later, state, undefined)
  return { first, later }
}

describe('the book of nodes, as the directory has it', () => {
  it('knows a node that left and came back by its new number, and what it signed under the old one', () => {
    const { first, later } = backAgain()
    for (const book of [first, later]) {
      assert.equal(book.numberOf(peerOf(9)), 6)
      assert.equal(book.peers.get(6), peerOf(9))
      assert.equal(book.peers.has(5), false)
      assert.equal(book.get(5)?.status, 'retired')
      assert.deepEqual(book.keys.get(5)?.vote, book.keys.get(6)?.vote)
    }
  })

  it('retires whom the directory has forgotten, and nobody whom it does not know yet', () => {
    const { first } = backAgain()
    enterNodes(first, new Stage().directory.state, undefined)
    assert.equal(first.numberOf(peerOf(9)), 6)
    assert.equal(first.get(4)?.status, 'admitted')
  })
})
