import type { NetworkEvent } from '../model/events.ts'
import { Panel } from './parts.tsx'

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

export function EventsPanel({ events }: { events: readonly NetworkEvent[] }) {
  return (
    <Panel title="What happened">
      <div role="log" aria-live="polite" aria-label="What happened in the network">
        <ol class="events">
          {events.map(event => (
            <li key={event.key} class={event.tone}>
              <time dateTime={event.at.toISOString()}>{clock.format(event.at)}</time>
              <span>{event.text}</span>
            </li>
          ))}
        </ol>
      </div>
      {events.length === 0 ? (
        <p class="note">Nothing yet. Nodes that come or go and new leaders appear here.</p>
      ) : null}
    </Panel>
  )
}
