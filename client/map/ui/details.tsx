import type { AuthorityView } from '../model/api.ts'
import { factsOf, KIND_NAMES, labelOf, type Placed } from '../model/entities.ts'
import { count, distance, short } from '../model/format.ts'

type Facts = readonly (readonly [string, string])[]

function Card({
  title,
  kind,
  facts,
  onClose,
}: {
  title: string
  kind: string
  facts: Facts
  onClose: () => void
}) {
  return (
    <aside class="details" aria-label={`Details of ${title}`} data-testid="details">
      <header>
        <div>
          <h3>{title}</h3>
          <p>{kind}</p>
        </div>
        <button type="button" class="quiet" aria-label="Close the details" onClick={onClose}>
          ×
        </button>
      </header>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </aside>
  )
}

const TICKS_PER_SECOND = 10

export function EntityDetails({ placed, onClose }: { placed: Placed; onClose: () => void }) {
  const { entity, area, tick, moving, xMm, yMm } = placed
  const speed = Math.hypot(entity.motion.vxMmPerTick, entity.motion.vyMmPerTick) * TICKS_PER_SECOND
  const facts: Facts = [
    ...factsOf(entity, tick),
    ['place', `${count(Math.round(xMm / 1000))} m east, ${count(Math.round(yMm / 1000))} m north`],
    ['speed', moving ? `${distance(speed)}/s` : 'stands'],
    ['owned by', area],
    ['id', `${entity.id.slice(0, 12)}…`],
  ]
  return <Card title={labelOf(entity)} kind={KIND_NAMES[entity.kind][0]} facts={facts} onClose={onClose} />
}

export function AreaDetails({ area, onClose }: { area: AuthorityView; onClose: () => void }) {
  const facts: Facts = [
    ['leader', area.leader === 0 ? 'none' : `node ${area.leader}`],
    ['replicas', area.members.map(member => member.number).join(', ')],
    ['epoch / view / term', `${area.epoch} / ${area.view} / ${area.term}`],
    ['committed records', count(area.size)],
    ['final records', count(area.finalSize)],
    ['last checkpoint', `height ${count(area.sealHeight)}, root ${short(area.checkpointRoot)}`],
    ['state root', short(area.stateRoot)],
    ['entities', count(area.entities)],
    ['tick', `${count(area.tick)}, ${area.awake ? 'awake' : 'asleep'}`],
    ['side', distance(area.sideMm)],
    ['log', area.origin],
  ]
  return <Card title={area.name} kind={area.kind} facts={facts} onClose={onClose} />
}
