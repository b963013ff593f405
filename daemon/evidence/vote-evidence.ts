import { decodeEvidence, type Evidence, encodeEvidence } from '../../consensus/finality/evidence.ts'
import { decodeBase64, encodeBase64 } from '../../storage/log/base64.ts'

export const voteEvidenceHead = 'freehold.evidence/v1 finality'

/** Two statements of one member about an authority's seals that contradict each other, as a file. */
export function formatVoteEvidence(evidence: Evidence): string {
  return `${voteEvidenceHead}\n${encodeBase64(encodeEvidence(evidence))}\n`
}

/** Undefined unless it is what `formatVoteEvidence` makes. */
export function parseVoteEvidence(text: string): Evidence | undefined {
  const [head, line, end, ...more] = text.split('\n', 4)
  if (head !== voteEvidenceHead || line === undefined || end !== '' || more.length > 0) return undefined
  const bytes = decodeBase64(line)
  const evidence = bytes && decodeEvidence(bytes)
  return evidence && formatVoteEvidence(evidence) === text ? evidence : undefined
}
