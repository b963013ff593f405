import { sha256, verifyEd25519 } from './crypto.ts'
import { type Genesis, originOf } from './genesis.ts'
import { wrapped } from './report.ts'
import { describeSigners } from './signers.ts'
import { type Logs, refusal, strangersWord, type Verdict } from './verdict.ts'
import { equalBytes, fromBase64, toBase64, utf8 } from './verify/bytes.ts'
import {
  type Contradiction,
  contradictionIn,
  isSignedBy,
  parseVoteEvidence,
  type SignedStatement,
  type VoteEvidence,
} from './verify/vote-evidence.ts'

export const VOTE_EVIDENCE_HEAD = 'freehold.evidence/v1 finality'

/** The file's one line; undefined when the text is anything else. */
export function parseVoteEvidenceFile(text: string): VoteEvidence | undefined {
  const line = text.slice(VOTE_EVIDENCE_HEAD.length + 1, -1)
  const bytes = fromBase64(line)
  if (bytes === undefined || `${VOTE_EVIDENCE_HEAD}\n${toBase64(bytes)}\n` !== text) return undefined
  return parseVoteEvidence(bytes)
}

const what: Readonly<Record<Contradiction, string>> = {
  'rival-votes': 'voted for two seals of one height.',
  'hidden-vote': 'hid, when it gave up a view, what it had voted for there.',
  'rival-contents': 'proposed two contents for one leaf.',
}

/** Verified when it proves that its signer lied. */
export function verifyVoteEvidence(text: string, genesis: Genesis, logs: Logs): Verdict {
  const evidence = parseVoteEvidenceFile(text)
  if (evidence === undefined) return refusal('evidence', 'The evidence is malformed.')
  const { first, second } = evidence
  const area = genesis.areas.find(it => equalBytes(sha256(utf8(originOf(genesis, it))), first.authority))
  const signers = area && logs(originOf(genesis, area))
  if (signers === undefined) return refusal('evidence', 'The genesis file knows no such log.')
  if (typeof signers === 'string') return refusal('evidence', signers)
  const kind = contradictionIn(evidence)
  if (kind === undefined) return refusal('evidence', 'The two statements do not contradict each other.')
  const { signer } = first.by
  const key = genesis.nodes.get(signer)?.voteKey
  if (key === undefined || ![first, second].every(statement => isSignedBy(statement, key, verifyEd25519)))
    return refusal('evidence', 'No node of the genesis file signed both statements.')
  if (!signers.has(signer))
    return refusal('evidence', strangersWord(signers, [signer]), { code: 'not-a-member', signer })
  const facts = { origin: signers.origin, contradiction: kind, signer, epoch: first.epoch }
  return {
    ok: true,
    kind: 'evidence',
    facts,
    message: [
      ...wrapped(`Proven: ${describeSigners(signers, [signer])}, ${what[kind]}`),
      `Log: ${facts.origin}, epoch ${facts.epoch}`,
      ...[first, second].map(describe),
      'No honest node signs both.',
    ].join('\n'),
  }
}

function describe(statement: SignedStatement): string {
  if (statement.kind === 5)
    return `  leaf ${statement.leaf}, term ${statement.term}, view ${statement.view}:\n    ${toBase64(statement.hash)}`
  const { view, height, hash } = statement.ballot
  if (statement.kind === 3 || statement.kind === 4)
    return `  gave up all below view ${statement.view}, highest known: height ${height}, view ${view}`
  return `  vote ${statement.kind} in view ${view} at height ${height}:\n    ${toBase64(hash)}`
}
