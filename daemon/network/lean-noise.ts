import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'

interface Bytes {
  readonly byteLength: number
  getUint16(at: number): number
}

/**
 * Noise hands each message on in pieces (its length, the ciphertext, the tag), and libp2p's TCP makes a system call of
 * every piece. Joined here, a message is one write and, mostly, one packet; the copy costs far less than a call.
 * And its reader throws an error, with a stack trace, each time that it has read everything; here one error serves always.
 */
export function lean<Components>(
  create: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return components => {
    const encrypter = create(components)
    const secureInbound = encrypter.secureInbound.bind(encrypter)
    const secureOutbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (connection, options) =>
      withoutTraces(await secureInbound(joined(connection), options))
    encrypter.secureOutbound = async (connection, options) =>
      withoutTraces(await secureOutbound(joined(connection), options))
    return encrypter
  }
}

function joined(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = data => send(data.subarray())
  return connection
}

const allRead = new RangeError('All has been read.')

function lengthOf(bytes: Bytes): number {
  if (bytes.byteLength < 2) throw allRead
  return bytes.getUint16(0)
}

function withoutTraces(secured: SecuredConnection): SecuredConnection {
  const { connection } = secured as { connection: { decoder?: { lengthDecoder: (bytes: Bytes) => number } } }
  if (connection.decoder !== undefined) connection.decoder.lengthDecoder = lengthOf
  return secured
}
