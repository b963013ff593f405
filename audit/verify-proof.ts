import { type ProofFacts, type ProofFault, type ProofTrust, verifyProof } from '../client/protocol/proof.ts'
import { type OpenedRecord, type OpenedState, PROOF_HEAD, parseProof } from '../client/protocol/proof-file.ts'
import { inputLines, outcomeLines, stateLines } from '../client/protocol/proof-lines.ts'
import { verifyEd25519 } from './crypto.ts'
import { type Genesis, originOf } from './genesis.ts'
import { wrapped } from './report.ts'
import type { Verdict } from './verdict.ts'
import { hex, toBase64 } from './verify/bytes.ts'
import { kindName } from './verify/record-kinds.ts'

/** What of the genesis file a proof is checked against. */
export function proofTrust(genesis: Genesis): ProofTrust {
  const { network, hash: genesisHash, nodes, areas } = genesis
  const founders = areas.map(area => {
    const members = [...area.members].sort((a, b) => a - b)
    const voters = members.map(node => ({ node, key: nodes.get(node)!.voteKey }))
    const origin = originOf(genesis, area)
    return [origin, { origin, epoch: area.epoch, members: voters }] as const
  })
  const logKeys = new Map([...nodes].map(([number, { logKey }]) => [number, logKey]))
  const cosignKeys = new Map([...nodes].map(([number, { cosignKey }]) => [number, cosignKey]))
  return { network, genesisHash, logKeys, cosignKeys, founders: new Map(founders) }
}

/** Checks a proof that somebody kept: `freehold.proof/v1`. */
export async function verifyHeldProof(text: string, genesis: Genesis): Promise<Verdict> {
  const kind = text.startsWith(`${PROOF_HEAD} state\n`) ? 'state-proof' : 'record-proof'
  const opened = parseProof(text)
  if (!opened.ok) return refusal(kind, opened.code)
  const { proof } = opened
  const checks = { ed25519: verifyEd25519, mlDsa44: undefined }
  const verdict = await verifyProof(proof, proofTrust(genesis), checks)
  if (!verdict.ok) return refusal(kind, verdict.code)
  const { decidedBy, members, liars, epoch } = verdict.facts
  const { height, size, timeMs, tick } = proof.decision.seal
  const facts = {
    ...{ origin: proof.origin, height, size, tick, timeMs, epoch, decidedBy: decidedBy.join(' ') },
    ...(proof.kind === 'record' ? recordFacts(proof, verdict.facts) : stateFacts(proof)),
  }
  const chain = proof.chain.length
  return {
    ok: true,
    kind,
    facts,
    message: [
      ...(proof.kind === 'record' ? recordText(proof) : stateText(proof)),
      `Final: decided by nodes ${facts.decidedBy} of ${members} members at height ${height},`,
      `  ${size} leaves, ${dateOf(timeMs)} by their leader's clock`,
      chain === 0
        ? '  The genesis file names these members.'
        : `  ${chain} ${chain === 1 ? 'certificate leads' : 'certificates lead'} from the genesis file's members to these.`,
      `This rests on the genesis file with SHA-256`,
      `  ${hex(genesis.hash)}`,
      liars === 0
        ? '  and on none of the members having lied (fewer than four outvote nobody).'
        : `  and on at most ${liars} of the members having lied.`,
    ]
      .flatMap(wrapped)
      .join('\n'),
  }
}

function refusal(kind: Verdict['kind'], code: ProofFault): Verdict {
  return { ok: false, kind, facts: { code }, message: `NOT proven. ${faults[code]}` }
}

function dateOf(timeMs: number): string {
  return timeMs <= 8.64e15 ? `${new Date(timeMs).toISOString().slice(0, 19)}Z` : `time ${timeMs}`
}

function recordFacts(
  { tlog, leafData, held, receipt }: OpenedRecord,
  { signedBy, cosignedBy }: ProofFacts,
): Verdict['facts'] {
  const kind = kindName(leafData[1]!)
  return {
    ...{ signers: signedBy.join(' '), cosigners: cosignedBy.join(' ') },
    ...{ leaf: tlog.index, recordKind: kind, bodyHash: hex(leafData.subarray(4)) },
    ...(held === undefined ? {} : { body: toBase64(held.body) }),
    ...(held === undefined || kind !== 'input' ? {} : factsOf(inputLines(held.body))),
    ...(receipt === undefined
      ? {}
      : { ...factsOf(outcomeLines(receipt.outcome)), promisedBy: receipt.signer }),
  }
}

function stateFacts({ target, value }: OpenedState): Verdict['facts'] {
  const lines = value === undefined ? [] : stateLines(target, value)
  const about = target.length === 16 ? { entity: hex(target) } : { player: hex(target) }
  const found = value === undefined ? { exists: 'no' } : { exists: 'yes', value: toBase64(value) }
  return { ...factsOf(lines), ...about, ...found }
}

function factsOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map(line => [line.split(' ', 1)[0]!, line.slice(line.indexOf(' ') + 1)]))
}

function recordText({ origin, tlog, leafData, held, receipt }: OpenedRecord): string[] {
  const kind = kindName(leafData[1]!)
  const article = /^[aeiou]/.test(kind) ? 'an' : 'a'
  const lines = held === undefined || kind !== 'input' ? [] : inputLines(held.body)
  const promised = receipt === undefined ? [] : outcomeLines(receipt.outcome)
  return [
    `Proven: leaf ${tlog.index} of ${origin} is ${article} ${kind}`,
    ...(held === undefined ? ['SHA-256 of its salt and body:', `  ${hex(leafData.subarray(4))}`] : []),
    ...lines,
    ...promised.map(line => `${line}, as node ${receipt!.signer} promised`),
  ]
}

function stateText({ origin, target, value, decision }: OpenedState): string[] {
  const what = target.length === 16 ? 'entity' : 'player'
  const { tick } = decision.seal
  if (value === undefined) return [`Proven: ${origin} had no ${what}`, `  ${hex(target)}`, `at tick ${tick}`]
  const lines = stateLines(target, value)
  return [`Proven: ${origin} had ${what}`, `  ${hex(target)}`, `at tick ${tick}:`, ...lines]
}

const faults: Readonly<Record<ProofFault, string>> = {
  'too-large': 'It is larger than any proof.',
  'unknown-form': 'It is no proof in a form that is known here.',
  'malformed-header': 'Its first lines are malformed.',
  'malformed-record': 'The record in it is malformed.',
  'malformed-tlog-proof': 'The tlog-proof in it is malformed.',
  'malformed-state': 'The state in it is malformed.',
  'malformed-certificate': 'A certificate in it is malformed.',
  'not-canonical': 'Its lines do not say what its bytes say.',
  'other-network': 'It is of another network.',
  'unknown-log': 'The genesis file knows no such log.',
  'other-log': 'A certificate in it is of another log.',
  'broken-chain': 'Its certificates do not lead from the first members to the last.',
  'not-a-quorum': 'A certificate in it is not signed by a quorum of the members.',
  'malformed-checkpoint': 'The checkpoint is malformed.',
  'unsigned-checkpoint': 'No node of the network signed the checkpoint.',
  'wrong-signature': 'A signature of the checkpoint is wrong.',
  'unknown-signature': 'Somebody whom the genesis file does not know signed the checkpoint.',
  'other-checkpoint': 'The checkpoint is not the one that was decided.',
  'not-included': 'The leaf is not in the log under that checkpoint.',
  'wrong-body': 'The body is not the one that its leaf names.',
  'wrong-receipt': 'The receipt is not for this record, or its signature is wrong.',
  'wrong-state': 'The state under that seal is another.',
}
