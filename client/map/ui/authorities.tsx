import type { AuthorityView, NodeView } from '../model/api.ts'
import { count, plural, short } from '../model/format.ts'
import { NodeChip, Panel } from './parts.tsx'

interface Props {
  readonly authorities: readonly AuthorityView[]
  readonly nodes: readonly NodeView[]
  readonly selected: string | undefined
  readonly onSelect: (authority: AuthorityView) => void
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <span class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </span>
  )
}

function AuthorityRow({
  authority,
  nodes,
  selected,
  onSelect,
}: Omit<Props, 'authorities'> & { authority: AuthorityView }) {
  const alive = new Set(nodes.filter(node => node.alive).map(node => node.number))
  const isSelected = selected === authority.origin
  return (
    <li class="authority" data-authority={authority.name} data-leader={authority.leader}>
      <button
        type="button"
        class="authority-name"
        aria-pressed={isSelected}
        onClick={() => onSelect(authority)}
      >
        <span class="row-title">{authority.name}</span>
        <span class="row-sub">
          {authority.leader === 0 ? 'no leader' : `node ${authority.leader} leads`} ·{' '}
          {authority.awake ? 'awake' : 'asleep'}
        </span>
      </button>
      <span class="chips">
        {authority.members.map(member => (
          <NodeChip
            key={member.number}
            number={member.number}
            alive={alive.has(member.number)}
            leads={member.number === authority.leader}
          />
        ))}
      </span>
      <dl class="facts">
        <Fact name="committed">{count(authority.size)}</Fact>
        <Fact name="final">{count(authority.finalSize)}</Fact>
        <Fact name="players / entities">{`${count(authority.players)} / ${count(authority.entities)}`}</Fact>
        <Fact name="term">{String(authority.term)}</Fact>
        <Fact name="epoch / view">{`${authority.epoch} / ${authority.view}`}</Fact>
        <Fact name="checkpoint">{`${count(authority.sealHeight)} · ${short(authority.checkpointRoot)}`}</Fact>
      </dl>
    </li>
  )
}

export function AuthoritiesPanel(props: Props) {
  const { authorities } = props
  return (
    <Panel title="Authorities" isData aside={plural(authorities.length, 'log')}>
      <ul class="rows" data-testid="authorities">
        {authorities.map(authority => (
          <AuthorityRow key={authority.origin} {...props} authority={authority} />
        ))}
      </ul>
      <p class="note">
        Committed: on the disks of most replicas. Final: decided by a quorum of the members' votes.
      </p>
    </Panel>
  )
}
