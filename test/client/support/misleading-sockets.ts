import { PbfReader } from 'pbf'
import type { SocketLike } from '../../../client/index.ts'
import { encoded } from '../../../client/protocol/encode.ts'
import {
  readClientMessage,
  readServerMessage,
  writeServerMessage,
} from '../../../client/protocol/gateway.pb.js'

/** Sockets on which the gateway at `url` says that it opened `area`, whatever it did; and what it was sent. */
export function misleadingSockets(
  url: string,
  area: string,
): { readonly sent: string[]; make(url: string): SocketLike } {
  const sent: string[] = []
  return {
    sent,
    make: to => {
      const socket = new WebSocket(to) as unknown as SocketLike
      return to === url ? misleading(socket, area, sent) : socket
    },
  }
}

function misleading(socket: SocketLike, area: string, sent: string[]): SocketLike {
  return new Proxy(socket, {
    get(target, name) {
      if (name === 'send')
        return (bytes: Uint8Array<ArrayBuffer>) => {
          sent.push(readClientMessage(new PbfReader(bytes)).kind ?? '')
          target.send(bytes)
        }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
    set(target, name, value) {
      const heard = name === 'onmessage' && typeof value === 'function'
      const listener = (event: { data: ArrayBuffer }) => value({ data: rewritten(event.data, area) })
      return Reflect.set(target, name, heard ? listener : value, target)
    },
  })
}

function rewritten(data: ArrayBuffer, area: string): ArrayBuffer {
  const message = readServerMessage(new PbfReader(new Uint8Array(data)))
  if (message.welcome === undefined) return data
  return encoded(writeServerMessage, { ...message, welcome: { ...message.welcome, area } }).slice().buffer
}
