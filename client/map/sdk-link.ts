import { reasonText } from '../../world/codec.ts'
import { formatReceiptFile } from '../protocol/receipt-file.ts'
import type { Client } from '../sdk/client.ts'
import { connect } from '../sdk/connect.ts'
import { ClientError } from '../sdk/errors.ts'
import { randomSeed } from '../sdk/keys.ts'
import { proofTrustOf } from '../sdk/proof-trust.ts'
import { proofOfFinal } from '../sdk/proofs.ts'
import type { Spectate } from './model/link.ts'
import type { Action, EnterWorld, PlayLink, PlayListener } from './model/play.ts'

/** How this page uses the SDK: as somebody who looks on, and as a player. */

const SPECTATOR_CONNECT_MS = 3_000
const PLAYER_CONNECT_MS = 8_000
const ACTION_MS = 15_000

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Looks on under a key of its own that never enters. Goes to no other gateway by itself: the page knows which are alive. */
export const spectate: Spectate = (gatewayUrl, region, listener) => {
  let wanted = region
  let client: Client | undefined
  let isOver = false

  const watch = () => client?.watchPlace(wanted)
  const end = (reason: string) => {
    if (isOver) return
    isOver = true
    client?.close()
    listener.onClose(reason)
  }
  connect({
    gateways: gatewayUrl,
    player: randomSeed(),
    area: region.area,
    connectTimeoutMs: SPECTATOR_CONNECT_MS,
  }).then(
    connected => {
      client = connected
      if (isOver) return client.close()
      client.onState((state, reason) => {
        if (state !== 'open') end(reason)
      })
      watch()
      listener.onOpen(client.view)
    },
    error => end(words(error)),
  )
  return {
    watch(next) {
      wanted = next
      watch()
    },
    close() {
      isOver = true
      client?.close()
    },
  }
}

export const enter: EnterWorld = async ({ gateways, playerKey, genesis, name, area }, listener) => {
  const file = await genesis()
  const client = await connect({
    gateways,
    player: playerKey,
    genesis: file,
    area,
    connectTimeoutMs: PLAYER_CONNECT_MS,
    actionTimeoutMs: ACTION_MS,
    // Somebody who looks on has no reason to hurry the members.
    sealSoon: false,
  })
  const { outcome } = await client.spawn(name).catch(error => {
    client.close()
    throw error
  })
  if (outcome.code !== 'ok') {
    client.close()
    throw new ClientError(outcome.code, reasonText(outcome.code))
  }
  return playLink(client, file, listener)
}

function playLink(client: Client, genesis: Uint8Array, listener: PlayListener): PlayLink {
  const stopListening = client.onState((state, reason) => {
    if (state === 'closed') listener.onClose(closingText(reason))
    else listener.onLink(state === 'open', client.gateway)
  })
  listener.onLink(true, client.gateway)
  return {
    sight: client.view,
    entityId: () => client.view.own?.id,
    async act(action: Action) {
      const done = await client.act(action)
      const { outcome } = done
      const committed = outcome.code === 'ok'
      // The SDK resolves only once the receipt's path and signature hold.
      const whenFinal = () =>
        done.final.then(
          () => true,
          (error: ClientError) => {
            if (error.code === 'fell-off') return false
            throw error
          },
        )
      const save = async (isFinal: boolean) =>
        isFinal
          ? await proofOfFinal(done, await done.final, { trust: proofTrustOf(genesis) })
          : formatReceiptFile(done)
      return { committed, detail: committed ? '' : reasonText(outcome.code), verified: true, whenFinal, save }
    },
    close() {
      stopListening()
      client.close()
    },
  }
}

function closingText(code: string): string {
  if (code === 'session-replaced' || code === 'session-closed') return 'You entered the world somewhere else.'
  return `The session is over (${code}). Enter again to go on.`
}
