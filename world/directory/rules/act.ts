import type { Verdict } from '../../rules/verdict.ts'
import type { DirectoryRequest } from '../codec/input.ts'
import type { DirectoryState } from '../state.ts'
import type { NodeRecord } from '../types.ts'
import { admit } from './admit.ts'
import { anchor } from './anchor.ts'
import { holds } from './answer.ts'
import { command } from './command.ts'
import { leave, open } from './nodes.ts'
import { report } from './report.ts'
import { want } from './want.ts'

/** What a node's input does. It has its place in the node's session, and the node has signed it. */
export function act(state: DirectoryState, node: NodeRecord, { action }: DirectoryRequest): Verdict {
  switch (action.kind) {
    case 'open':
      return open(state, node)
    case 'report':
      return report(state, node, action.facts)
    case 'anchor':
      return anchor(state, node, action.certificates)
    case 'admit':
      return admit(state, node, action.node)
    case 'leave':
      return leave(state, node)
    case 'command':
      return command(state, action)
    case 'want':
      return want(state, action.quadkey)
    case 'holds':
      return holds(state, node, action)
  }
}
