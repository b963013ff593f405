import type { Stream } from '@libp2p/interface'
import type { Cancel, Clock } from '../ports.ts'
import { withoutPeer } from './addresses.ts'
import { type ChannelOwner, StreamChannel } from './channel.ts'
import {
  greetingMaxBytes,
  Handshake,
  type HandshakeRules,
  type HandshakeStep,
  type Refusal,
} from './handshake.ts'
import type { Link } from './links.ts'
import { helloProtocol } from './names.ts'
import type { Greeted } from './options.ts'

/** From the connection's opening to the end of the handshake. */
const handshakeTimeoutMs = 5000

export type HandshakeEnd = { readonly greeted: Greeted } | { readonly refusal: Refusal }

/** Carries one handshake over its stream and calls `ended` once. */
export function greetOver(
  stream: Stream,
  link: Link,
  rules: HandshakeRules,
  ended: (end: HandshakeEnd) => void,
): void {
  const handshake = new Handshake(
    rules,
    link.peer,
    link.dialler,
    withoutPeer(link.connection.remoteAddr.toString()),
  )
  let over = false
  const end = (outcome: HandshakeEnd): void => {
    if (over) return
    over = true
    ended(outcome)
  }
  const owner: ChannelOwner = {
    onFault: (_channel, fault) =>
      end({ refusal: { by: 'us', code: 'malformed', reason: `Its greeting failed: ${fault}.` } }),
    onEnd: () => end({ refusal: { by: 'them', code: 'broken-off', reason: 'It broke the handshake off.' } }),
  }
  const facts = {
    peer: link.peer,
    protocol: helloProtocol,
    opener: link.dialler ? ('us' as const) : ('them' as const),
    connectionId: link.connection.id,
    maxFrameBytes: greetingMaxBytes,
  }
  const channel = new StreamChannel(stream, facts, owner)
  const act = (step: HandshakeStep): void => {
    if (step.send !== undefined) channel.send(step.send)
    if (step.outcome === undefined) return
    end(step.outcome)
    // The dialler's last frame must get out, so the side that answered closes the stream.
    if (!link.dialler && 'greeted' in step.outcome) channel.close('the handshake is over')
  }
  channel.onFrame(frame => act(handshake.receive(frame)))
  act(handshake.start())
}

/** Calls `late` when the handshake is not over in time. */
export function handshakeDeadline(clock: Clock, late: (refusal: Refusal) => void): Cancel {
  const reason = `The handshake took more than ${handshakeTimeoutMs} ms.`
  return clock.after(handshakeTimeoutMs, () => late({ by: 'us', code: 'timeout', reason }))
}
