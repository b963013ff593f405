export function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/** The answers of one frame, each under its place in the batch that asked; undefined for what no honest node sends. */
export function answersFrom<Wire extends { readonly index: number }, Answer>(
  wires: readonly Wire[],
  fromWire: (wire: Wire) => Answer | undefined,
): { index: number; answer: Answer }[] | undefined {
  const answers: { index: number; answer: Answer }[] = []
  for (const wire of wires) {
    const answer = fromWire(wire)
    if (answer === undefined || !isWhole(wire.index)) return undefined
    answers.push({ index: wire.index, answer })
  }
  return answers
}
