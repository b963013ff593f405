import { putU32, readU32 } from '../../storage/bytes.ts'
import { nodeKey } from '../../storage/keys.ts'
import type { Store } from '../../storage/store.ts'
import { Admission } from '../joining/admission.ts'
import type { RunningNetwork } from '../network/options.ts'
import { type NodeRecord, takesPart } from '../nodes/record.ts'
import type { Ground } from './parts.ts'

const numberKey = nodeKey('number')
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
  store: Store,
  onWaiting: (sentence: string) => void = () => {},
): Promise<NodeRecord> {
  const { book, keys, clock, log, count, config } = ground
  if (book.self !== undefined) return book.self
  const facts = () => ({
    ...{ identity: keys.identity.publicKey, operator: config.operator ?? keys.peerId.slice(-operatorChars) },
    addresses: network.listenAddresses().slice(0, maxAddresses),
    ...{ vote: keys.vote.publicKey, cosign: keys.cosign.publicKey, log: keys.log.publicKey },
    endorsement: keys.endorsement,
  })
  const admission = new Admission({
    ...{ network, clock, facts, count },
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
  const value = new Uint8Array(4)
  putU32(value, 0, self.number)
  await new Promise<void>((resolve, reject) => {
    store.write([{ key: numberKey, value }], { sync: true }, error => (error ? reject(error) : resolve()))
  })
  log.info({ number: self.number }, `The network knows this node as number ${self.number}.`)
  return self
}

/** The number that this node was given an earlier time: whether it holds a part of the directory it has to know before it reads that. */
export async function rememberOwn({ book, keys, config }: Ground, store: Store): Promise<void> {
  const value = await store.get(numberKey)
  if (book.self !== undefined || value?.length !== 4) return
  book.admit({
    ...{ number: readU32(value, 0), peerId: keys.peerId, addresses: [], status: 'active' },
    operator: config.operator ?? keys.peerId.slice(-operatorChars),
    keys: {
      ...{ identity: keys.identity.publicKey, vote: keys.vote.publicKey },
      ...{ cosign: keys.cosign.publicKey, log: keys.log.publicKey },
    },
  })
}
