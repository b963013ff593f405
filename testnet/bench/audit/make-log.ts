import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LogFiles, write } from '../../../audit/export/log-files.ts'
import { KIND_NAMES } from '../../../audit/verify/record-kinds.ts'
import { inputBatchMessage } from '../../../client/protocol/attestation.ts'
import { sessionIdOf } from '../../../client/protocol/session.ts'
import type { CommittedEntry } from '../../../consensus/groups/types.ts'
import { Ahead } from '../../../daemon/authority/ahead.ts'
import { Authority } from '../../../daemon/authority/authority.ts'
import { bodyHash } from '../../../daemon/authority/batch.ts'
import { Replica } from '../../../daemon/authority/replica.ts'
import type { AuthorityIdentity, Delivery } from '../../../daemon/authority/types.ts'
import { buildGenesis } from '../../../daemon/genesis/build.ts'
import { canonicalJson } from '../../../daemon/genesis/canonical-json.ts'
import { encodeGenesis, type Genesis, originOf, parseGenesis } from '../../../daemon/genesis/genesis.ts'
import { placesOf } from '../../../daemon/genesis/schema.ts'
import { checkpointSigner } from '../../../daemon/hosting/log-view.ts'
import { createNodeKeys, type NodeKeys } from '../../../daemon/identity/node-keys.ts'
import { verifySignature } from '../../../daemon/identity/signing-key.ts'
import { formatCheckpoint } from '../../../storage/log/checkpoint.ts'
import { signNote } from '../../../storage/log/note.ts'
import { recordKind } from '../../../storage/log/record.ts'
import { MerkleLog } from '../../../storage/log/tree.ts'
import { treeEntry } from '../../../storage/state/entry.ts'
import { StateTree } from '../../../storage/state/state-tree.ts'
import { encodeInput, logTagOf } from '../../../world/codec.ts'
import { createWorld } from '../../../world/world.ts'
import { passingOperators } from '../../local/operators.ts'

const players = 200
const gateway = 2
const tickMs = 100
/** Inputs that one gateway sends together. */
const batchInputs = 50

export interface MadeLog {
  /** As `freehold log export` would have written it. */
  readonly folder: string
  readonly genesisPath: string
  readonly origin: string
  /** Records, and bytes of their bodies. */
  readonly records: number
  readonly bodyBytes: number
}

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

/** Lets players walk about under a real leader of one replica until the log has so many records and ends at a seal. */
export function makeLog(folder: string, size: number): MadeLog {
  const { genesis, genesisPath, identity, nodes } = found(folder)
  const { origin } = identity
  const dir = join(folder, 'log', origin)
  const files = new LogFiles(dir)
  let bodyBytes = 0
  play(genesis, identity, nodes, size, (_entry, { entries }) => {
    for (const { kind, rulesVersion, salt, body } of entries.flatMap(entry => entry.records)) {
      bodyBytes += body.length
      files.add({ leaf: files.size, kind: KIND_NAMES[kind]!, rules: rulesVersion, salt, body })
    }
  })
  files.end()
  const text = formatCheckpoint({ origin, size: files.size, root: files.root(), extensions: [] })
  write(join(dir, 'charter'), identity.charterBody)
  write(join(dir, 'checkpoint'), Buffer.from(signNote(text, [checkpointSigner(origin, nodes[0]!.log)])))
  return { folder, genesisPath, origin, records: files.size, bodyBytes }
}

/** What a replica applies of the same play, entry by entry. */
export function playLog(folder: string, size: number, applied: OnApplied): void {
  const { genesis, identity, nodes } = found(folder)
  play(genesis, identity, nodes, size, applied)
}

type OnApplied = (entry: CommittedEntry, delivery: Delivery, replica: Replica) => void

function found(folder: string) {
  const nodes = [1, 2, 3].map(n => createNodeKeys(join(folder, `node-${n}.json`), 'bench'))
  const genesis = parseGenesis(
    encodeGenesis(
      buildGenesis({
        ...{ network: 'bench', createdAt: new Date(0), areas: 1, replicas: 3, seed: 7 },
        operators: passingOperators(),
        nodes: nodes.map(keys => ({ keys, operator: 'o', addresses: ['/ip4/127.0.0.1/tcp/7300'] })),
      }).file,
    ),
  )
  const genesisPath = join(folder, 'genesis.json')
  writeFileSync(genesisPath, genesis.bytes)
  return { genesis, genesisPath, nodes, identity: identityOf(genesis) }
}

function identityOf(genesis: Genesis): AuthorityIdentity {
  const { rules, network, authorities } = genesis.file
  const area = placesOf({ authorities })[0]!
  const charter = { genesisHash: genesis.hashHex, network, rules, authority: area }
  return {
    genesisHash: genesis.hash,
    origin: originOf(network, area),
    isHidden: false,
    group: area.group,
    epoch: area.epoch,
    view: 0,
    members: area.members,
    charterBody: new TextEncoder().encode(canonicalJson(charter)),
    rulesVersion: rules.version,
    tickMs,
    createdAtMs: 0,
  }
}

function play(
  genesis: Genesis,
  identity: AuthorityIdentity,
  nodes: readonly NodeKeys[],
  size: number,
  applied: OnApplied,
): void {
  const { origin } = identity
  const proposed: Uint8Array[] = []
  let salt = 0
  const replica = newReplica(genesis, identity)
  const authority = new Authority(identity, replica, {
    propose: data => {
      proposed.push(data)
      return { ok: true }
    },
    random: {
      bytes: length => sha256(Buffer.from(`salt ${salt++}`)).subarray(0, length),
      below: () => 0,
    },
    signer: { number: 1, sign: message => nodes[0]!.log.sign(message) },
    certifiedHeight: () => undefined,
    ahead: new Ahead(identity, replica, 0),
    count: () => {},
  })
  authority.roleChanged(true, 1, 1)
  authority.committed([{ index: 1, term: 1, data: new Uint8Array(0) }])
  let last: number | undefined
  for (let step = 0, index = 2; replica.log.size < size || last !== recordKind.seal; step++) {
    const nowMs = tickMs * (step + 1)
    for (let first = 0; first < players; first += batchInputs) {
      const bodies = Array.from({ length: batchInputs }, (_, i) => inputOf(origin, first + i, step + 1))
      const message = inputBatchMessage(origin, gateway, bodies.map(bodyHash))
      authority.offer({ gateway, bodies, signature: nodes[gateway - 1]!.identity.sign(message) }, () => {})
    }
    authority.tick(nowMs, nowMs)
    authority.flush(nowMs)
    while (proposed.length > 0) {
      const entry = { index: index++, term: 1, data: proposed.shift()! }
      const delivery = authority.committed([entry])
      applied(entry, delivery, replica)
      last = delivery.entries.at(-1)?.records.at(-1)?.kind ?? last
      authority.outputs.drain()
      authority.flush(nowMs)
    }
  }
}

function newReplica(genesis: Genesis, identity: AuthorityIdentity): Replica {
  const area = placesOf(genesis.file)[0]!
  const world = createWorld({ origin: identity.origin, sha256, verifySignature }, area)
  world.takeDirty()
  const tree = new StateTree()
  for (const { key, value } of world.entries()) {
    const entry = treeEntry(key, value)
    tree.set(entry.key, entry.value)
  }
  const { origin, group, isHidden, charterBody } = identity
  return new Replica({
    ...{ origin, group, isHidden, charterBody, rules: world, tree },
    log: new MerkleLog(async () => undefined),
    regime: { epoch: identity.epoch, members: identity.members },
    lastSeal: undefined,
    pendingMark: undefined,
    actions: 0,
  })
}

function inputOf(origin: string, player: number, seq: number): Uint8Array {
  return encodeInput({
    player: sha256(Buffer.from(`player ${player}`)),
    session: sessionIdOf(Buffer.from(`player ${player}`), 1, sha256),
    seq,
    log: logTagOf(origin, sha256),
    action:
      seq === 1
        ? { kind: 'spawn', name: `player-${player}` }
        : { kind: 'move', vxMmPerTick: ((seq * 37) % 400) - 200, vyMmPerTick: ((player + seq) * 53) % 300 },
  })
}
