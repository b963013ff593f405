import { DivergenceError } from '../../../daemon/authority/errors.ts'
import { VettedLog } from '../../../daemon/hosting/finality/vetted-log.ts'
import { verifySignature } from '../../../daemon/identity/signing-key.ts'
import { GatewaySignatures } from '../../../daemon/routing/gateway-signatures.ts'
import type { LogRecord } from '../../../storage/log/record.ts'
import { newReplica, type Town } from './log.ts'

/** Whether a member that executes these records, an entry each, votes for nothing behind some of them. */
export function memberRefuses(town: Town, records: readonly LogRecord[]): boolean {
  const replica = newReplica(town)
  let refused = false
  const vetted = new VettedLog(
    {
      ...{ origin: town.identity.origin, rulesVersion: town.identity.rulesVersion },
      signatures: new GatewaySignatures(verifySignature, (key, message, signature, done) =>
        done(verifySignature(key, message, signature)),
      ),
      keyOf: gateway => town.nodes[gateway - 1]?.identity.publicKey,
      reader: { batches: async function* () {} },
      checked: () => {},
      forged: () => {
        refused = true
      },
    },
    0,
    0,
  )
  try {
    for (const record of records) {
      vetted.applied(replica.applyRecords([record], []))
    }
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error
    return true
  }
  return refused || vetted.size < records.length
}
