import {
  type Attestation,
  decodeAttestation,
  encodeAttestation,
} from '../../../../client/protocol/attestation.ts'
import { SIGNATURE_BYTES } from '../../../../client/protocol/session.ts'
import type { Authority } from '../../../../daemon/authority/authority.ts'
import { encodeMark, encodeSeal } from '../../../../daemon/authority/bodies.ts'
import type { AuthorityHost } from '../../../../daemon/hosting/authority-host.ts'
import { LogReader } from '../../../../storage/log/log-store.ts'
import {
  encodeBatch,
  hashBytes,
  type LogRecord,
  recordKind,
  saltBytes,
} from '../../../../storage/log/record.ts'
import { encodeTick } from '../../../../world/codec.ts'
import type { SimRandom } from '../../random.ts'
import { readOnly } from '../final.ts'
import { type Fault, type Field, type Node, pick, pickNode } from './fault.ts'

const NOBODYS_NUMBER = 99
const LOOK_BACK_LEAVES = 200

/**
 * A leader logs a move of a player who did not ask for it, and goes on as if it was right. It answers nobody any more: whoever
 * asked for another input at that place in the session would be told what became of the forged one.
 */
export const FORGING_FAULTS = {
  'forging-leader': { counters: ['input-forged'], inject: field => void forge(field) },
  /** A leader logs what the rules pass by, or time that is not there yet, and goes on. */
  'unruly-leader': { counters: ['record-out-of-order'], inject: breakRules },
} satisfies Record<string, Fault>

async function forge(field: Field): Promise<void> {
  const node = pickNode(field)
  for (const host of node.program?.engine.authorities() ?? []) {
    if (!host.authority.serving) continue
    const { group } = host.authority.identity
    const records = await forgery(field, node, host)
    if (records === undefined || !host.authority.serving) continue
    host.offer = () => {}
    host.authority.inputs.drain()
    host.authority.intents.drain()
    node.program?.engine.driver.propose(group, encodeBatch(records))
    field.simulation.countFault('input-forged')
  }
}

function breakRules(field: Field): void {
  const { random } = field.simulation
  const { program } = pickNode(field)
  for (const { authority } of program?.engine.authorities() ?? []) {
    if (!authority.serving) continue
    const { group, rulesVersion } = authority.identity
    const { kind, body, version = rulesVersion } = pick(random, outOfOrder(random, authority))
    field.judge.forged(group, body)
    const record = { kind, rulesVersion: version, salt: random.bytes(saltBytes), body }
    program?.engine.driver.propose(group, encodeBatch([record]))
    field.simulation.countFault('record-out-of-order')
  }
}

interface OutOfOrder {
  readonly kind: number
  readonly body: Uint8Array
  readonly version?: number
}

function outOfOrder(random: SimRandom, { replica, identity }: Authority): readonly OutOfOrder[] {
  const { tick } = replica.rules
  // No clock shows this time, so that the bytes stand nowhere else.
  const timeMs = random.below(2 ** 40)
  const { epoch, members } = replica.regime
  const root = random.bytes(hashBytes)
  const seal = { epoch, nextMembers: members, tick, timeMs, previous: root, stateRoot: root, asOfSize: 1 }
  return [
    { kind: recordKind.charter, body: random.bytes(identity.charterBody.length) },
    { kind: recordKind.mark, body: encodeMark({ height: 2 ** 40 + random.below(2 ** 40) }) },
    { kind: recordKind.seal, body: encodeSeal({ ...seal, height: replica.nextHeight }) },
    { kind: recordKind.seal, body: random.bytes(99) },
    { kind: recordKind.intent, body: random.bytes(99) },
    { kind: recordKind.tick, body: encodeTick({ tick: 0, timeMs }) },
    { kind: recordKind.tick, body: encodeTick({ tick: 2 ** 40, timeMs }) },
    { kind: recordKind.tick, body: encodeTick({ tick: tick + 1, timeMs }), version: 2 },
  ]
}

async function forgery(field: Field, node: Node, host: AuthorityHost): Promise<LogRecord[] | undefined> {
  const { random } = field.simulation
  const { group, rulesVersion } = host.authority.identity
  const players = field.players.filter(({ area }) => area.group === group)
  if (players.length === 0) return undefined
  const { rules } = host.authority.replica
  const body = pick(random, players).neverAsked((player, session) => rules.lastSeq(player, session))
  field.judge.forged(group, body)
  const record = (kind: number, bytes: Uint8Array): LogRecord => {
    return { kind, rulesVersion, salt: random.bytes(saltBytes), body: bytes }
  }
  const input = record(recordKind.input, body)
  const attestation = await madeUp(field, node, group)
  if (attestation === undefined) return [input]
  return [record(recordKind.attestation, encodeAttestation({ ...attestation, slots: [undefined] })), input]
}

/** A signature that nobody made, an old one of a gateway, one of a node that there is not, or none at all. */
async function madeUp(
  field: Field,
  { disk }: Node,
  group: number,
): Promise<Omit<Attestation, 'slots'> | undefined> {
  const { random } = field.simulation
  const signature = random.bytes(SIGNATURE_BYTES)
  const gateway = pick(random, field.realm.nodes).number
  const dice = random.below(4)
  if (dice === 0) return undefined
  if (dice === 1) return { gateway: NOBODYS_NUMBER, signature }
  if (dice === 2) return { gateway, signature }
  let old: Attestation | undefined
  const reader = new LogReader(readOnly(disk), group)
  for await (const { records } of reader.batches(Math.max(0, (await sizeOf(reader)) - LOOK_BACK_LEAVES))) {
    for (const { kind, body } of records)
      if (kind === recordKind.attestation) old = decodeAttestation(body) ?? old
  }
  return old ?? { gateway, signature }
}

async function sizeOf(reader: LogReader): Promise<number> {
  let size = 0
  for await (const { firstLeaf, records } of reader.batches(0)) size = firstLeaf + records.length
  return size
}
