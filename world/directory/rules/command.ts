import { bytesEqual } from '../../codec/bytes.ts'
import { DONE, type Verdict, verdict } from '../../rules/verdict.ts'
import {
  type AdminNonce,
  type Command,
  commandMessage,
  compareBytes,
  decodeCommand,
} from '../codec/command.ts'
import type { DirectoryAction } from '../codec/input.ts'
import { nonceId } from '../codec/rows.ts'
import { MAX_NONCE_AHEAD_S, MAX_NONCES } from '../limits.ts'
import type { DirectoryState } from '../state.ts'
import type { NodeRecord } from '../types.ts'
import { isEndorsed } from './admit.ts'
import { addNode, setStatus } from './nodes.ts'

type CommandAction = Extract<DirectoryAction, { kind: 'command' }>

/** In whole seconds of ticks: what nonces expire by. */
export function secondsOf(state: DirectoryState): number {
  return Math.floor((state.header.tick * state.charter.tickMs) / 1000)
}

/**
 * What more than half of the operators have signed, whichever node brings it. It uses its nonce when it does something: one that
 * was refused may be brought again, while its time lasts.
 */
export function command(
  state: DirectoryState,
  { nonce, command: bytes, signatures }: CommandAction,
): Verdict {
  const refusal = nonceRefusal(state, nonce)
  if (refusal !== undefined) return refusal
  const decoded = decodeCommand(bytes)
  if (decoded === undefined) return verdict('malformed')
  if (!isOrderly(signatures) || !hasQuorum(state, nonce, bytes, signatures)) return verdict('no-quorum')
  const done = carryOut(state, decoded)
  if (done.code === 'ok') state.nonces.set(nonceId(nonce), nonce)
  return done
}

function nonceRefusal(state: DirectoryState, nonce: AdminNonce): Verdict | undefined {
  const seconds = secondsOf(state)
  if (nonce.expiresS < seconds) return verdict('nonce-expired', seconds)
  if (nonce.expiresS > seconds + MAX_NONCE_AHEAD_S) return verdict('nonce-ahead', seconds)
  if (state.nonces.get(nonceId(nonce)) !== undefined) return verdict('nonce-used')
  return state.nonces.size >= MAX_NONCES ? verdict('too-many-nonces', MAX_NONCES) : undefined
}

/** Nonces that have expired could not be used again in any case. */
export function dropExpired(state: DirectoryState): void {
  const seconds = secondsOf(state)
  for (const id of state.nonces.ids()) {
    if (state.nonces.get(id)!.expiresS >= seconds) return
    state.nonces.delete(id)
  }
}

function isOrderly(signatures: CommandAction['signatures']): boolean {
  return signatures.every(({ key }, i) => i === 0 || compareBytes(signatures[i - 1]!.key, key) < 0)
}

/** More than half of all operators; a signature that is wrong, or nobody's, spoils the command. */
function hasQuorum(
  state: DirectoryState,
  nonce: AdminNonce,
  bytes: Uint8Array,
  signatures: CommandAction['signatures'],
): boolean {
  const { host } = state
  const { operators } = state.operators.get(0)!
  if (signatures.length * 2 <= operators.length) return false
  const message = commandMessage(host.origin, nonce, bytes)
  return signatures.every(({ key, signature }) => {
    const isOperator = operators.some(operator => bytesEqual(operator.key, key))
    return isOperator && host.verifySignature(key, message, signature)
  })
}

function carryOut(state: DirectoryState, command: Command): Verdict {
  switch (command.kind) {
    case 'admit':
      if (!isEndorsed(state, command.node)) return verdict('bad-endorsement')
      return addNode(state, command.node, { isVouched: true, sponsor: 0 })
    case 'ban':
      return changeNode(state, command.number, ban)
    case 'unban':
      return changeNode(state, command.number, unban)
    case 'retire':
      return changeNode(state, command.number, retire)
    case 'set-operators':
      state.operators.set(0, { ...state.operators.get(0)!, operators: command.operators })
      state.tell('operators')
      return DONE
    case 'set-recovery':
      state.operators.set(0, { ...state.operators.get(0)!, recovery: command.recovery })
      state.tell('operators')
      return DONE
    case 'set-policy':
      state.setPolicy(command.policy)
      return DONE
    case 'adopt-rules':
      return adoptRules(state, command)
  }
}

function changeNode(
  state: DirectoryState,
  number: number,
  change: (state: DirectoryState, node: NodeRecord) => Verdict,
): Verdict {
  const node = state.nodes.get(number)
  return node === undefined ? verdict('unknown-node', number) : change(state, node)
}

function ban(state: DirectoryState, node: NodeRecord): Verdict {
  if (node.status === 'banned') return verdict('no-effect')
  setStatus(state, node, 'banned')
  return DONE
}

/** It may open a session again. */
function unban(state: DirectoryState, node: NodeRecord): Verdict {
  if (node.status !== 'banned') return verdict('no-effect')
  setStatus(state, node, 'admitted')
  return DONE
}

/** Also a founder, down to none of them: it leaves when it holds nothing any more. */
function retire(state: DirectoryState, node: NodeRecord): Verdict {
  if (node.status !== 'active' && node.status !== 'admitted') return verdict('no-effect')
  setStatus(state, node, 'leaving')
  return DONE
}

function adoptRules(
  state: DirectoryState,
  { version, contentHash }: Extract<Command, { kind: 'adopt-rules' }>,
): Verdict {
  const last = state.rules.get(0)
  if (version <= (last?.version ?? state.header.rulesVersion)) return verdict('no-effect')
  state.rules.set(0, { version, contentHash, sinceLeaf: state.leaf })
  state.tell('rules')
  return DONE
}
