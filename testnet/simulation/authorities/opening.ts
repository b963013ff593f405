import type { Challenge, ClientMessage } from '../../../client/protocol/gateway.pb.js'
import { challengeMessage, grantMessage, PROTOCOL_VERSION_MAX } from '../../../client/protocol/session.ts'
import type { SigningKey } from '../../../daemon/identity/signing-key.ts'

const GRANT_MS = 3_600_000

/** What a client answers to a gateway's challenge: good for an hour by that gateway's clock. */
export function openMessage(
  { gatewayId, nonce, genesisHash, nowMs }: Challenge,
  player: SigningKey,
  session: SigningKey,
  area: string,
): ClientMessage {
  const [playerKey, sessionKey] = [player.publicKey, session.publicKey]
  const expiresAtMs = nowMs + GRANT_MS
  const asked = { genesisHash: genesisHash!, gatewayId, nonce: nonce! }
  return {
    kind: 'open',
    open: {
      version: PROTOCOL_VERSION_MAX,
      playerKey,
      sessionKey,
      expiresAtMs,
      playerSignature: player.sign(grantMessage({ ...asked, sessionKey, expiresAtMs })),
      sessionSignature: session.sign(challengeMessage({ ...asked, playerKey })),
      area,
    },
  }
}
