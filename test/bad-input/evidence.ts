import { parseVoteEvidence, type VoteEvidence } from '../../audit/verify/vote-evidence.ts'
import { parseVoteEvidenceFile } from '../../audit/vote-evidence.ts'
import { encodeEvidence } from '../../consensus/finality/evidence.ts'
import { formatVoteEvidence } from '../../daemon/evidence/vote-evidence.ts'
import { evidence } from './consensus.ts'
import { type Parser, parser, textParser } from './parser.ts'

/** What the auditor has read, as the members of an authority write it. */
function asMembers({ first, second }: VoteEvidence) {
  return { first: { statement: first, by: first.by }, second: { statement: second, by: second.by } }
}

/** The auditor's own readers of what members hold against each other. */
export const evidenceParsers: readonly Parser[] = [
  textParser(
    'audit/vote-evidence.ts#parseVoteEvidenceFile',
    () => [formatVoteEvidence(evidence)],
    parseVoteEvidenceFile,
    read => formatVoteEvidence(asMembers(read)),
  ),
  parser(
    'audit/verify/vote-evidence.ts#parseVoteEvidence',
    () => [encodeEvidence(evidence)],
    parseVoteEvidence,
    read => encodeEvidence(asMembers(read)),
  ),
]
