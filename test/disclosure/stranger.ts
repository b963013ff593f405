import { encoded } from '../../client/protocol/encode.ts'
import { type Certificate, decodeCertificate } from '../../consensus/finality/certificate.ts'
import { encodeFrame } from '../../consensus/finality/frame.ts'
import { encodeMessage } from '../../consensus/finality/message.ts'
import { encodeSubscribe } from '../../daemon/feed/codec.ts'
import { encodeCosignRequest } from '../../daemon/hosting/finality/cosign-codec.ts'
import { writeSnapshotRequest } from '../../daemon/hosting/snapshot.pb.js'
import { encodeSyncRequest } from '../../daemon/hosting/sync.ts'
import { encodeFinalRequest } from '../../daemon/routing/final-codec.ts'
import { encodeReadRequest } from '../../daemon/routing/read-codec.ts'
import { sha256 } from '../../storage/sha256.ts'
import type { Intruder } from '../e2e/support/intruder.ts'
import { framesOf, type Guilds, inputOf } from './guilds.ts'

export interface Fetched {
  readonly what: string
  readonly status: number
  readonly bytes: Uint8Array
}

const player = Buffer.from(sha256(Buffer.from('player'))).toString('hex')

/** All that a node's HTTP API has of an authority, whatever the answer. */
export async function fetchAll(root: string, name: string, origin: string, headers = {}): Promise<Fetched[]> {
  const read = async (what: string): Promise<Fetched> => {
    const response = await fetch(`${root}/${what}`, { headers })
    return { what, status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) }
  }
  const checkpoint = await read(`log/${origin}/checkpoint`)
  const size = Number(Buffer.from(checkpoint.bytes).toString().split('\n')[1])
  const tile = (section: string): string => {
    const at = `${section}/${String(Math.floor((size - 1) / 256)).padStart(3, '0')}`
    return `log/${origin}/${size % 256 === 0 ? at : `${at}.p/${size % 256}`}`
  }
  const here = `authority=${encodeURIComponent(name)}`
  const paths = [
    ...['status', 'nodes', 'peers', 'authorities', 'config', 'genesis'].map(path => `api/v1/${path}`),
    ...['livez', 'readyz', 'metrics', '', `log/${origin}/charter`],
    ...[tile('tile/0'), tile('tile/entries'), tile('bodies'), `log/${origin}/bodies/000`],
    ...['kept', 'certificates', 'snapshot/1/manifest', 'snapshot/1/0'].map(path => `log/${origin}/${path}`),
    ...[`api/v1/certificate?${here}`, `api/v1/leaves?${here}&from=0&limit=1000`],
    ...[`api/v1/entity?${here}&player=${player}`, `api/v1/entity?${here}&player=${player}&consistency=local`],
    ...Array.from({ length: Math.min(size, 12) }, (_, leaf) => `api/v1/proof?${here}&leaf=${leaf}`),
  ]
  const fetched = [checkpoint]
  for (const path of paths) fetched.push(await read(path))
  return fetched
}

/** All that a node says to another program on the nodes' own protocols, when it is asked for an authority. */
export async function askAll(from: Intruder, guilds: Guilds, name: string): Promise<Fetched[]> {
  const { group, origin } = guilds.authority(name)
  const snapshot = { group, size: 1, finalSize: 1, kind: 1, first: 0, height: 0 }
  const target = sha256(Buffer.from('player'))
  const ask = encodeMessage({ type: 'ask', ask: { epoch: 1, view: 0, height: 0 } })
  const recall = encodeMessage({ type: 'recall', nonce: 7 })
  const requests: [string, Uint8Array][] = [
    ['sync/1', encodeSyncRequest({ group, from: 0, to: 1_000 })],
    ['snapshot/1', encoded(writeSnapshotRequest, snapshot)],
    ['final/1', encodeFinalRequest({ group, batch: 1, asks: [{ leaves: [0], soon: true, epoch: 1 }] })],
    ['feed/1', encodeSubscribe(group)],
    ['read/1', encodeReadRequest({ group, batch: 1, targets: [target] })],
    ['cosign/1', encodeCosignRequest({ group, size: 1 })],
    [
      'finality/1',
      encodeFrame(
        undefined,
        [],
        [ask, recall].map(bytes => ({ group, bytes })),
      ),
    ],
    ['raft/1', Uint8Array.of(0)],
    ['raft/1', Uint8Array.of(1)],
  ]
  const heard = await Promise.all(
    requests.map(async ([protocol, bytes]) => {
      const frames = await framesOf(from, protocol, bytes, 50).catch(() => [])
      return frames.map(frame => ({ what: protocol, status: 200, bytes: frame }))
    }),
  )
  // A look would be answered with what it sees.
  const look = inputOf(origin, 4, { kind: 'look', target: 'ab'.repeat(16), aspect: 0 })
  const looked = await guilds.offer(from, name, look, 4).catch(() => undefined)
  const answer = {
    what: 'intent/2',
    status: 200,
    bytes: new Uint8Array(Buffer.from(JSON.stringify(looked ?? ''))),
  }
  return [...heard.flat(), answer]
}

/** The public leaves, 36 bytes each. */
export function leavesIn(fetched: readonly Fetched[]): Uint8Array[] {
  const bundle = fetched.find(({ what }) => what.includes('/tile/entries/'))!.bytes
  return Array.from({ length: bundle.length / 38 }, (_, i) => bundle.slice(38 * i + 2, 38 * i + 38))
}

export function certificateIn(fetched: readonly Fetched[]): Certificate {
  return decodeCertificate(fetched.find(({ what }) => what.startsWith('api/v1/certificate'))!.bytes)!
}
