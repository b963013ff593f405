import assert from 'node:assert/strict'
import { decodeFrame, encodeFrame } from '../../../consensus/finality/frame.ts'
import { encodeMessage } from '../../../consensus/finality/message.ts'
import { Cluster } from './cluster.ts'

const GROUPS = 5
/** As the cluster has it. */
const RESEND_MS = 200

/** A member that the others have left behind. */
function leftBehind(): Cluster {
  const cluster = new Cluster(4, 4, { groups: GROUPS })
  cluster.loses = (from, to) => from === 4 || to === 4
  for (let group = 1; group <= GROUPS; group++)
    for (const number of [1, 2, 3]) cluster.node(number).host.suspect(group)
  cluster.settle()
  cluster.run(1_000)
  return cluster
}

describe('a peer that can be reached again', () => {
  it('costs no more when it says so ten times a second and asks each time: once per authority and time of waiting', () => {
    const cluster = leftBehind()
    const sent: Record<string, number> = {}
    cluster.loses = (from, _to, frame) => {
      const messages = from === 1 ? (decodeFrame(frame, from)?.messages ?? []) : []
      for (const { message } of messages) sent[message.type] = (sent[message.type] ?? 0) + 1
      return true
    }
    const bytes = encodeMessage({ type: 'ask', ask: { epoch: 0, view: 0, height: 0 } })
    const asks = Array.from({ length: GROUPS }, (_, i) => ({ group: i + 1, bytes }))
    const { host } = cluster.node(1)
    for (let i = 0; i < 20; i++) {
      host.peerUp(4)
      host.receive(4, encodeFrame(undefined, [], asks))
      cluster.run(100)
    }
    const periods = 2_000 / RESEND_MS + 1
    assert.ok(sent.ask! >= GROUPS && sent.ask! <= GROUPS * periods, `${sent.ask} asks`)
    // Its asks alone are answered twice as often.
    const answers = sent['new-view']!
    assert.ok(answers >= GROUPS && answers <= 2 * GROUPS * periods, `${answers} answers`)
  })

  it('is asked once more a moment later when it came twice: the first answer may have gone down with the first line', () => {
    const cluster = leftBehind()
    const { host } = cluster.node(4)
    // Only what node 4 asks by itself counts here.
    cluster.loses = (_from, to) => to === 4
    host.peerUp(1)
    cluster.settle()
    cluster.loses = () => false
    host.peerUp(1)
    cluster.settle()
    assert.equal(cluster.node(4).status().view, 0)
    cluster.run(2 * RESEND_MS)
    assert.equal(cluster.node(4).status().view, 1)
  })
})
