import type { ComponentChildren } from 'preact'
import { nodeColour } from '../canvas/colours.ts'

export function Panel({
  title,
  aside,
  isData = false,
  children,
}: {
  title: string
  aside?: ComponentChildren
  /** Told by a node, so it fades when no node answers. */
  isData?: boolean
  children: ComponentChildren
}) {
  const id = `panel-${title.toLowerCase().replaceAll(' ', '-')}`
  return (
    <section class={isData ? 'panel data' : 'panel'} aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside === undefined ? null : <span class="aside">{aside}</span>}
      </div>
      {children}
    </section>
  )
}

/** A node's number on its colour. Hollow: it doesn't answer. Ringed: it leads. */
export function NodeChip({ number, alive, leads }: { number: number; alive: boolean; leads: boolean }) {
  const words = `Node ${number}${leads ? ', leader' : ''}${alive ? '' : ', not answering'}`
  return (
    <span
      class={`chip${alive ? '' : ' down'}${leads ? ' leads' : ''}`}
      style={{ '--node': nodeColour(number) }}
      role="img"
      aria-label={words}
      title={words}
    >
      {number}
    </span>
  )
}
