import type { AuthorityView, NodeView } from '../model/api.ts'
import { ago, plural } from '../model/format.ts'
import { NodeChip, Panel } from './parts.tsx'

interface Props {
  readonly nodes: readonly NodeView[]
  readonly authorities: readonly AuthorityView[]
  readonly source: string
}

function NodeRow({ node, authorities, source }: Omit<Props, 'nodes'> & { node: NodeView }) {
  const leads = authorities.filter(authority => authority.leader === node.number)
  const holds = authorities.filter(authority =>
    authority.members.some(member => member.number === node.number),
  )
  const seen = node.lastSeenMs === undefined ? 'never seen' : `last seen ${ago(node.lastSeenMs)}`
  return (
    <li class={node.alive ? 'row' : 'row down'} data-node={node.number} data-alive={node.alive}>
      <NodeChip number={node.number} alive={node.alive} leads={false} />
      <span class="row-main inline">
        <span class="row-title">node {node.number}</span>
        <span class="row-sub">
          leads {leads.length} of {plural(holds.length, 'log')}
          {node.operator === '' ? '' : ` · ${node.operator}`}
        </span>
      </span>
      <span class={node.alive ? 'state good' : 'state bad'}>
        {node.alive ? (node.httpUrl === source ? 'alive · read from' : 'alive') : seen}
      </span>
    </li>
  )
}

export function NodesPanel({ nodes, authorities, source }: Props) {
  const alive = nodes.filter(node => node.alive).length
  return (
    <Panel title="Nodes" isData aside={`${alive} of ${nodes.length} alive`}>
      <ul class="rows" data-testid="nodes">
        {nodes.map(node => (
          <NodeRow key={node.number} node={node} authorities={authorities} source={source} />
        ))}
      </ul>
    </Panel>
  )
}
