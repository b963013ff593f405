/** Lies to find in a log, each of which somebody with a node's keys could tell. */
import { join } from 'node:path'
import type { ToldLog } from '../../audit/audit.ts'
import { LogFiles, type Row, write } from '../../audit/export/log-files.ts'
import { KIND_NAMES } from '../../audit/verify/record-kinds.ts'
import { formatLinks } from '../../client/protocol/proof-file.ts'
import { signBatch } from '../../consensus/finality/batcher.ts'
import { decodeCertificate, encodeQuorum } from '../../consensus/finality/certificate.ts'
import { sealHash } from '../../consensus/finality/seal.ts'
import { type Statement, statementKind } from '../../consensus/finality/statement.ts'
import { decodeSeal, encodeSeal } from '../../daemon/authority/bodies.ts'
import { checkpointSigner } from '../../daemon/hosting/log-view.ts'
import type { NodeKeys } from '../../daemon/identity/node-keys.ts'
import { formatCheckpoint } from '../../storage/log/checkpoint.ts'
import { signNote } from '../../storage/log/note.ts'
import { recordKind } from '../../storage/log/record.ts'
import { sha256 } from '../../storage/sha256.ts'
import { decodeTick, encodeTick } from '../../world/codec.ts'

export const LIES = {
  'broken-rule': 'time is turned back in the middle',
  'state-root': 'a seal in the middle names another state',
  'dropped-input': 'an input in the middle is left out',
  'two-faces': 'the last seal is another record that says the same',
  'changed-leaf': 'a record is another than the one that was signed, below the honest signature',
  'too-few': 'the last seal is another one, and one member alone has decided it',
} as const

export type Lie = keyof typeof LIES

export interface HonestLog {
  readonly told: ToldLog
  readonly rows: readonly Row[]
  /** The members' certificate, where the copy has one. */
  readonly certificate: Uint8Array | undefined
}

export interface Liar {
  /** In the genesis file. */
  readonly node: number
  readonly keys: NodeKeys
}

export interface ToldLie {
  /** Of the log's files. */
  readonly dir: string
  /** Where it is, in the honest log. */
  readonly leaf: number
}

const backTicks = 20

/** Makes all files of the log anew, with the lie in them, below `to`. Undefined when the log has nothing to lie about so. */
export function tellLie(lie: Lie, log: HonestLog, liar: Liar, to: string): ToldLie | undefined {
  const found = lieAt(lie, log)
  if (found === undefined || (lie === 'too-few' && log.certificate === undefined)) return undefined
  const { origin, note } = log.told
  const dir = join(to, 'log', origin)
  const files = new LogFiles(dir)
  for (const row of log.rows) {
    if (row.leaf !== found.leaf) files.add(row)
    else if (found.instead !== undefined) files.add(found.instead)
  }
  files.end()
  const text = formatCheckpoint({ origin, size: files.size, root: files.root(), extensions: [] })
  const signed = lie === 'changed-leaf' ? note : signNote(text, [checkpointSigner(origin, liar.keys.log)])
  write(join(dir, 'checkpoint'), Buffer.from(signed))
  write(join(dir, 'charter'), log.rows[0]!.body)
  if (lie === 'too-few') write(join(dir, 'certificates'), decidedAlone(log.certificate!, files.root(), liar))
  return { dir, leaf: found.leaf }
}

/** The leaf, and what stands there; nothing when it is left out. */
function lieAt(
  lie: Lie,
  { rows }: HonestLog,
): { readonly leaf: number; readonly instead: Row | undefined } | undefined {
  const among = (kind: number): Row | undefined => {
    const ofKind = rows.filter(row => row.kind === KIND_NAMES[kind])
    return ofKind[Math.floor(ofKind.length / 2)]
  }
  const at = (row: Row | undefined, change: (row: Row) => Partial<Row> | undefined) => {
    const changed = row && change(row)
    return row && { leaf: row.leaf, instead: changed && { ...row, ...changed } }
  }
  const otherSalt = ({ salt }: Row): Partial<Row> => ({ salt: sha256(salt).subarray(0, salt.length) })
  switch (lie) {
    case 'broken-rule':
      return at(among(recordKind.tick), ({ body }) => {
        const { tick, timeMs } = decodeTick(body)!
        return { body: encodeTick({ tick: Math.max(0, tick - backTicks), timeMs }) }
      })
    case 'state-root':
      return at(among(recordKind.seal), ({ body }) => {
        const seal = decodeSeal(body)!
        return { body: encodeSeal({ ...seal, stateRoot: sha256(seal.stateRoot) }) }
      })
    case 'dropped-input':
      return at(among(recordKind.input), () => undefined)
    case 'changed-leaf':
      return at(among(recordKind.input), otherSalt)
    case 'two-faces':
    case 'too-few':
      return at(rows.at(-1), otherSalt)
  }
}

/** What a quorum would have to sign, signed by one. */
function decidedAlone(certificate: Uint8Array, root: Uint8Array, { node, keys }: Liar): Uint8Array {
  const { seal: honest, epoch, view } = decodeCertificate(certificate)!
  const seal = { ...honest, root }
  const ballot = { view, height: seal.height, hash: sealHash(seal) }
  const vote: Statement = { kind: statementKind.vote2, authority: seal.authority, epoch, ballot }
  const item = { group: 0, statement: vote, peers: [] }
  const { signatures } = signBatch(node, [item], message => keys.vote.sign(message))
  const alone = encodeQuorum({ kind: 2, seal, epoch, view, votes: signatures })
  return Buffer.from(formatLinks({ activations: [], certificate: alone }))
}
