import { Admission } from '../joining/admission.ts'
import type { RunningNetwork } from '../network/options.ts'
import { type NodeRecord, takesPart } from '../nodes/record.ts'
import { realClock } from '../real-ports.ts'
import type { Ground } from './parts.ts'

/** Of addresses, in the directory. */
const maxAddresses = 8
/** For a node whose owner says nothing: nobody else is known to run it. */
const operatorChars = 16

/**
 * This node's own record, once the network has admitted it: at once for one that it knows; a newcomer asks to be brought in, and
 * follows the directory until it finds itself there.
 */
export async function admitted(
  ground: Ground,
  network: RunningNetwork,
  onWaiting: (sentence: string) => void = () => {},
): Promise<NodeRecord> {
  const { book, keys, log, count } = ground
  if (book.self !== undefined) return book.self
  const facts = () => ({
    ...{ identity: keys.identity.publicKey, operator: keys.peerId.slice(-operatorChars) },
    addresses: network.listenAddresses().slice(0, maxAddresses),
    ...{ vote: keys.vote.publicKey, cosign: keys.cosign.publicKey, log: keys.log.publicKey },
    endorsement: keys.endorsement,
  })
  const admission = new Admission({
    ...{ network, clock: realClock, facts, count },
    sponsors: () => {
      const nodes = book.all().filter(node => takesPart(node))
      return nodes.map(({ peerId }) => peerId)
    },
    waits: (code, what) => {
      log.info({ peer: keys.peerId, code }, what)
      onWaiting(what)
    },
  })
  admission.begin()
  const self = await new Promise<NodeRecord>(resolve => {
    book.onChange(node => {
      if (node.peerId === keys.peerId && takesPart(node)) resolve(node)
    })
  })
  admission.stop()
  log.info({ number: self.number }, `The network knows this node as number ${self.number}.`)
  return self
}
