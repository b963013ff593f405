import { equalBytes, readU16 } from '../../storage/bytes.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import {
  headerBytes,
  type LogRecord,
  leafHash,
  recordKind,
  recordVersion,
  saltBytes,
} from '../../storage/log/record.ts'
import { rootOfSubtree } from '../../storage/log/subtree.ts'
import { sha256 } from '../../storage/sha256.ts'
import { decodeManifest, type Manifest } from '../../storage/snapshot/manifest.ts'
import { decodeSeal, type Seal } from '../authority/bodies.ts'
import type { DecidedPoint } from './decided.ts'
import type { SnapshotReply } from './snapshot.pb.js'
import { decodeInfo, type SnapshotInfo } from './snapshots.ts'

/** What was asked for. */
export interface WantedSnapshot {
  readonly origin: string
  /** Leaves in the log at the state. */
  readonly size: number
  /** Raft's entry that led to it; undefined where no Raft instance goes on from there. */
  readonly index: number | undefined
  /** Who the members of an epoch are, where that is known here. */
  readonly membersIn: (epoch: number) => readonly number[] | undefined
  /** What the members have decided, past the snapshot's seal. */
  readonly final: Pick<DecidedPoint, 'size' | 'root'>
}

export interface ProvenManifest {
  readonly bytes: Uint8Array
  readonly manifest: Manifest
  readonly info: SnapshotInfo
}

/**
 * A manifest that somebody sent, once it is certain that the members have decided the state it is of: the seal's record leads
 * to the final root, and names the state and the place, and by `previous` the checkpoint before it. Undefined: it is not.
 */
export function proveManifest(wanted: WantedSnapshot, reply: SnapshotReply): ProvenManifest | undefined {
  const { final, size, index } = wanted
  const { leaf, data, proof } = reply
  const record = reply.record && recordOf(reply.record)
  const manifest = data && decodeManifest(data)
  if (record === undefined || manifest === undefined || data === undefined || proof === undefined)
    return undefined
  if (!(Number.isSafeInteger(leaf) && leaf < final.size)) return undefined
  const root = rootOfSubtree({ first: leaf, height: 0 }, leafHash(record), final.size, proof)
  const seal = decodeSeal(record.body)
  const info = decodeInfo(manifest.sealInfo, manifest.stateRoot)
  if (root === undefined || !equalBytes(root, final.root) || seal === undefined || info === undefined)
    return undefined
  const isOfSeal =
    seal.asOfSize === size &&
    equalBytes(seal.stateRoot, manifest.stateRoot) &&
    info.size === size &&
    (index === undefined || info.index === index) &&
    info.mark.height === seal.height &&
    info.epoch === seal.epoch
  return isOfSeal && follows(wanted, seal, info) ? { bytes: data, manifest, info } : undefined
}

/**
 * Whether what the snapshot says of the seal before is what the proven one names as `previous`, and what a replica goes on by
 * (members, tick) is what the proven one can follow. The rest of that seal, its time and state, and the count of
 * inputs are the sender's word: they are shown, until the proven seal takes its place, and decide nothing.
 */
function follows(
  { origin, membersIn }: WantedSnapshot,
  seal: Seal,
  { lastSeal, epoch }: SnapshotInfo,
): boolean {
  if (lastSeal === undefined) return seal.height === 1
  const { size, root, checkpointHash } = lastSeal
  const { height, tick, nextMembers } = lastSeal.seal
  const members = membersIn(epoch) ?? nextMembers
  const text = formatCheckpoint({ origin, size, root, extensions: [] })
  return (
    height === seal.height - 1 &&
    tick <= seal.tick &&
    nextMembers.join() === members.join() &&
    equalBytes(checkpointHash, seal.previous) &&
    equalBytes(sha256(Buffer.from(text)), checkpointHash)
  )
}

/** header 4 ‖ salt 16 ‖ body, of a seal. */
function recordOf(bytes: Uint8Array): LogRecord | undefined {
  if (bytes.length < headerBytes + saltBytes || bytes[0] !== recordVersion) return undefined
  if (bytes[1] !== recordKind.seal) return undefined
  return {
    kind: recordKind.seal,
    rulesVersion: readU16(bytes, 2),
    salt: bytes.subarray(headerBytes, headerBytes + saltBytes),
    body: bytes.subarray(headerBytes + saltBytes),
  }
}
