import { fromBase64, hex } from '../../audit/verify/bytes.ts'
import { badProof, finished, type ProveOptions, untilFinal, withActivations } from './proofs.ts'

interface StateAnswer {
  readonly value: Uint8Array | undefined
  readonly path: Uint8Array
  readonly certificate: Uint8Array
}

/**
 * A proof of what a log's state had at a final seal: an entity or a player as it was, or that there was none.
 * @param target an entity's id, 16 bytes, or a player's key, 32
 * @param height of the seal (the newest); nodes hold the state of the newest one only
 * @returns the proof as text (client/protocol/proof-file.ts)
 * @throws ClientError `not-final`, `bad-proof`
 */
export async function stateProofOf(
  origin: string,
  target: Uint8Array,
  options: ProveOptions & { readonly height?: number | undefined },
): Promise<string> {
  const { source, trust, height } = options
  const query = new URLSearchParams({
    authority: origin,
    [target.length === 16 ? 'id' : 'player']: hex(target),
    ...(height === undefined ? {} : { height: String(height) }),
  })
  const { value, path, certificate } = await untilFinal(`The state of ${origin}`, options, async () => {
    const answer = await source.bytes(`api/v1/state-proof?${query}`)
    return answer && stateIn(answer)
  })
  const { activations, decision } = await withActivations(origin, certificate, source)
  if (height !== undefined && decision.seal.height !== height) throw badProof('other-height')
  const { network, genesisHash } = trust
  const common = { network, genesisHash, origin, certificate, activations }
  return await finished({ kind: 'state', ...common, target, value, path }, options)
}

function stateIn(answer: Uint8Array): StateAnswer {
  try {
    const fields = JSON.parse(new TextDecoder().decode(answer)) as Record<string, string | null>
    const bytesOf = (name: string): Uint8Array | undefined => fromBase64(fields[name] ?? '?')
    const [value, path, certificate] = ['value', 'path', 'certificate'].map(bytesOf)
    if (path !== undefined && certificate !== undefined) return { value, path, certificate }
  } catch {
    // As below.
  }
  throw badProof('malformed-state')
}
