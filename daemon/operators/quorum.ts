/** How many operators have to sign together: more than half of them. */
export function quorumOf(operators: number): number {
  return Math.floor(operators / 2) + 1
}
