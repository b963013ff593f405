import { equalBytes } from '../../storage/bytes.ts'
import { contradictionOf, type Evidence } from './evidence.ts'
import type { Signed } from './signed.ts'
import {
  type ContentStatement,
  equalBallots,
  type Statement,
  statementKind,
  type ViewChangeStatement,
  type Vote,
} from './statement.ts'

/** Statements of one signer that are kept, and found contradictions per authority. The oldest statement goes first. */
const maxPerSigner = 32
const maxFound = 64

interface Signer {
  readonly statements: Map<string, Signed>
  readonly viewChanges: Set<string>
}

/** What the members of one authority were seen to sign lately, and what of it contradicts itself. */
export class EvidencePool {
  readonly #signers = new Map<number, Signer>()
  readonly #found = new Map<string, Evidence>()

  /** Takes a verified statement. Returns a contradiction of a kind that is not known of this signer yet. */
  add(signed: Signed): Evidence | undefined {
    const { signer } = signed.by
    const known = this.#signers.get(signer) ?? { statements: new Map(), viewChanges: new Set() }
    this.#signers.set(signer, known)
    const key = placeOf(signed.statement)
    const other = known.statements.get(key)
    if (other !== undefined && isSame(other.statement, signed.statement)) return undefined
    const evidence = this.#rival(other, signed) ?? this.#hidden(known, signed)
    if (other === undefined || isLower(signed.statement, other.statement)) this.#keep(known, key, signed)
    return evidence
  }

  found(): Evidence[] {
    return [...this.#found.values()]
  }

  /** All that is kept, for whoever compares what several nodes have seen. */
  *statements(): Generator<Signed> {
    for (const { statements } of this.#signers.values()) yield* statements.values()
  }

  #rival(other: Signed | undefined, signed: Signed): Evidence | undefined {
    return other === undefined ? undefined : this.#report(other, signed)
  }

  #hidden(known: Signer, signed: Signed): Evidence | undefined {
    if (signed.statement.kind === statementKind.vote2) {
      for (const key of known.viewChanges) {
        const evidence = this.#report(signed, known.statements.get(key)!)
        if (evidence !== undefined) return evidence
      }
    }
    if (signed.statement.kind !== statementKind.viewChange) return undefined
    for (const other of known.statements.values()) {
      const evidence = other.statement.kind === statementKind.vote2 && this.#report(other, signed)
      if (evidence) return evidence
    }
    return undefined
  }

  #report(first: Signed, second: Signed): Evidence | undefined {
    const contradiction = contradictionOf(first.statement, second.statement)
    if (contradiction === undefined || this.#found.size >= maxFound) return undefined
    const key = `${first.by.signer} ${contradiction}`
    if (this.#found.has(key)) return undefined
    const evidence = { first, second }
    this.#found.set(key, evidence)
    return evidence
  }

  #keep(known: Signer, key: string, signed: Signed): void {
    known.statements.set(key, signed)
    if (signed.statement.kind === statementKind.viewChange) known.viewChanges.add(key)
    if (known.statements.size <= maxPerSigner) return
    const oldest = known.statements.keys().next().value!
    known.statements.delete(oldest)
    known.viewChanges.delete(oldest)
  }
}

/** Two statements of one place are the same, or a contradiction, or two view changes to one view. */
function placeOf(statement: Statement): string {
  const { kind, epoch } = statement
  switch (kind) {
    case statementKind.vote1:
    case statementKind.vote2:
      return `${kind} ${epoch} ${statement.ballot.view} ${statement.ballot.height}`
    case statementKind.content:
      return `${kind} ${epoch} ${statement.view} ${statement.term} ${statement.leaf}`
    default:
      return `${kind} ${epoch} ${statement.view}`
  }
}

/** Of two statements of one place. */
function isSame(one: Statement, other: Statement): boolean {
  if (one.kind === statementKind.content) return equalBytes(one.hash, (other as ContentStatement).hash)
  return equalBallots(one.ballot, (other as Vote).ballot)
}

/** Of two view changes to one view the one that reports less can hide more. */
function isLower(statement: Statement, than: Statement): boolean {
  if (statement.kind !== statementKind.viewChange) return false
  const other = than as ViewChangeStatement
  const order = statement.ballot.view - other.ballot.view || statement.ballot.height - other.ballot.height
  return order < 0
}
