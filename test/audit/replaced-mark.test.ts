import assert from 'node:assert/strict'
import { auditAuthority } from '../../audit/audit.ts'
import { formatBrokenRules } from '../../audit/broken-rules.ts'
import { fastLeafHash, fastNodeHash } from '../../audit/crypto.ts'
import { type Finding, Findings } from '../../audit/findings.ts'
import { readGenesis } from '../../audit/genesis.ts'
import { Replay } from '../../audit/replay/replay.ts'
import { concat } from '../../audit/verify/bytes.ts'
import { RootOfLeaves } from '../../audit/verify/merkle.ts'
import { stateRoot } from '../../audit/verify/state.ts'
import { verifyBytes } from '../../audit/verify-file.ts'
import { decodeSeal, encodeMark, encodeSeal } from '../../daemon/authority/bodies.ts'
import type { PendingMark } from '../../daemon/authority/replica.ts'
import { type LogRecord, recordKind } from '../../storage/log/record.ts'
import { decodeInput, encodeInput } from '../../world/codec.ts'
import {
  exportTo,
  foundTown,
  newReplica,
  playTown,
  publish,
  removeTown,
  sha256,
  type Town,
} from './support/log.ts'
import { memberRefuses } from './support/member.ts'

type State = ReturnType<Replay['stateAtMark']>

describe('a seal of a mark that another one has replaced', function () {
  this.timeout(30_000)
  let town: Town
  let played: LogRecord[]
  let exports = 0

  before(() => {
    town = foundTown()
    played = playTown(town, 300)
  })
  after(() => removeTown(town))

  /** As of a leader in doubt: two marks of one height, and a seal for each. The first mark ends at `markSize`. */
  function logOfDoubt(firstRoot?: Uint8Array): { log: LogRecord[]; markSize: number } {
    const replica = newReplica(town)
    const log: LogRecord[] = []
    const add = (kind: number, body: Uint8Array): void => {
      log.push({ ...played.at(-1)!, kind, body })
      replica.applyRecords(log.slice(-1), [])
    }
    replica.applyRecords(played, [])
    log.push(...played)
    const last = decodeSeal(played.at(-1)!.body)!
    const height = last.height + 1
    const seal = ({ size, stateRoot }: PendingMark): Uint8Array => {
      const { tick } = replica.rules
      return encodeSeal({ ...last, height, asOfSize: size, stateRoot, previous: replica.previousHash, tick })
    }
    add(recordKind.mark, encodeMark({ height }))
    const first = { ...replica.pendingMark! }
    add(recordKind.mark, encodeMark({ height }))
    const second = { ...replica.pendingMark! }
    add(recordKind.seal, seal({ ...first, stateRoot: firstRoot ?? first.stateRoot }))
    add(recordKind.seal, seal(second))
    assert.equal(replica.lastSeal?.seal.height, height)
    return { log, markSize: first.size }
  }

  /** What the auditor finds, after what a member that is asked to vote has found too. */
  async function findings(log: readonly LogRecord[]): Promise<readonly Finding[]> {
    const from = await exportTo(town, await publish(town, log), `doubt-${exports++}`)
    const report = await auditAuthority({ authority: town.origin, from, genesis: town.genesisPath })
    assert.equal(memberRefuses(town, log), report.findings.length > 0)
    return report.findings
  }

  /** The state that `log` leads to at its first `size` leaves. */
  function stateAt(log: readonly LogRecord[], size: number): State {
    const genesis = readGenesis(town.genesisPath)
    const replay = new Replay(genesis, genesis.areas[0]!, new Findings(), () => '')
    for (const [leaf, record] of log.slice(0, size).entries())
      replay.apply(leaf, record, () => new Uint8Array(32))
    return replay.stateAtMark()
  }

  /** What somebody who has the log makes of it, to accuse its signer of its last seal. */
  async function accuse(
    log: readonly LogRecord[],
    from: number,
    state: State,
    code: 'wrong-seal' | 'wrong-state-root',
  ) {
    const roots = new RootOfLeaves(fastNodeHash)
    for (const { kind, rulesVersion, salt, body } of log.slice(0, from)) {
      const header = Uint8Array.of(1, kind, rulesVersion >> 8, rulesVersion & 255)
      roots.add(fastLeafHash(concat(header, sha256(concat(salt, body)))))
    }
    const { published } = await publish(town, log)
    const [firstLeaf, lastLeaf] = [log.length - 1, log.length - 1]
    const checkpoint = (await published.checkpoint())!
    const records = log.slice(from)
    const claimed = {
      code,
      firstLeaf,
      lastLeaf,
      from,
      state,
      edge: roots.edge,
      records,
      path: [],
      checkpoint,
    }
    return await verifyBytes(Buffer.from(formatBrokenRules(claimed)!), readGenesis(town.genesisPath))
  }

  it('is nothing to blame a leader in doubt for, and proves nothing against it', async () => {
    const { log, markSize } = logOfDoubt()
    assert.deepEqual(await findings(log), [])
    const verdict = await accuse(log, markSize, stateAt(log, markSize), 'wrong-seal')
    assert.equal(verdict.ok, false)
    assert.match(verdict.message, /not what the members sealed/)
  })

  it('gets no vote with a state of its own, which is found and accuses nobody else', async () => {
    const { markSize } = logOfDoubt()
    const inputAt = played.findLastIndex(({ kind }) => kind === recordKind.input)
    const input = decodeInput(played[inputAt]!.body)
    assert.ok('action' in input && input.action.kind === 'move')
    const action = { ...input.action, vxMmPerTick: input.action.vxMmPerTick + 1 }
    const other = played.with(inputAt, { ...played[inputAt]!, body: encodeInput({ ...input, action }) })
    const state = stateAt(other, played.length)
    const root = stateRoot(
      state.map(({ key, value }) => ({
        key: sha256(key),
        value: concat(Uint8Array.of(key.length), key, value),
      })),
    )
    const { log } = logOfDoubt(root)
    const found = await findings(log)
    assert.deepEqual(
      found.map(({ code, firstLeaf }) => [code, firstLeaf]),
      [['wrong-seal', log.length - 2]],
    )
    assert.equal((await accuse(log, markSize, state, 'wrong-seal')).ok, false)
  })
})
