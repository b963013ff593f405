/** A rule of placement that was broken. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function demand(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what())
}
