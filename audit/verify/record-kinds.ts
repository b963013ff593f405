/** Names of record kinds, in exports and proofs. */
export const KIND_NAMES: readonly string[] = [
  'other',
  'charter',
  'attestation',
  'input',
  'intent',
  'tick',
  'mark',
  'seal',
  'handover',
]

export function kindName(kind: number): string {
  return KIND_NAMES[kind] ?? KIND_NAMES[0]!
}

/** Undefined for a name that stands for no kind. */
export function kindNumber(name: string): number | undefined {
  const kind = KIND_NAMES.indexOf(name)
  return kind < 1 ? undefined : kind
}
