import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type EntityKind, STRUCTURES } from '../../../world/codec.ts'
import { INK, nodeColour } from '../canvas/colours.ts'
import type { Stage } from '../canvas/stage.ts'
import { isFaint, KIND_NAMES, type Placed } from '../model/entities.ts'
import { plural, rate } from '../model/format.ts'
import type { Page } from '../page.ts'
import { AuthoritiesPanel } from './authorities.tsx'
import { Sparkline } from './charts.tsx'
import { AreaDetails, EntityDetails } from './details.tsx'
import { EventsPanel } from './events.tsx'
import { Banner, Header } from './header.tsx'
import { useObservable } from './hooks.ts'
import { MapView } from './map.tsx'
import { NodesPanel } from './nodes.tsx'
import { Panel } from './parts.tsx'
import { ActionBar, type ActionCommands, type PlayCommands, PlayPanel } from './play.tsx'

const BEAT_MS = 500

/** Redraws what is told in words twice a second: words that change with every frame can't be read. */
function useBeat(): number {
  const [nowMs, setNowMs] = useState(performance.now())
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), BEAT_MS)
    return () => clearInterval(timer)
  }, [])
  return nowMs
}

interface Census {
  readonly kinds: Readonly<Record<EntityKind, number>>
  readonly moving: number
  /** Characters and NPCs that are dead, and characters that sleep. */
  readonly faint: number
}

function censusOf(placed: readonly Placed[]): Census {
  const kinds = { character: 0, npc: 0, resource: 0, structure: 0 }
  let moving = 0
  let faint = 0
  for (const { entity, tick, moving: moves } of placed) {
    kinds[entity.kind] += 1
    if (moves) moving += 1
    if (entity.kind !== 'resource' && isFaint(entity, tick)) faint += 1
  }
  return { kinds, moving, faint }
}

function Details({ page }: { page: Page }) {
  const selection = useObservable(page.selection)
  const { authorities } = useObservable(page.network)
  const close = () => page.selection.set(undefined)
  if (selection === undefined) return null
  if ('entity' in selection) {
    const placed = page.placed().find(it => it.entity.id === selection.entity)
    return placed === undefined ? null : <EntityDetails placed={placed} onClose={close} />
  }
  const area = authorities.find(authority => authority.origin === selection.area)
  return area === undefined ? null : <AreaDetails area={area} onClose={close} />
}

const SHAPES: Record<EntityKind, string> = {
  character: 'M5 1a4 4 0 1 0 .01 0z',
  npc: 'M5 0 10 5 5 10 0 5z',
  resource: 'M5 .5 9.5 9.5H.5z',
  structure: 'M1 1h8v8H1z',
}

/** What the signs mean, and how many of each are in sight. */
function Legend({ census }: { census: Census }) {
  return (
    <ul id="map-summary" class="legend" aria-label="In sight" data-testid="map-summary">
      {(Object.keys(SHAPES) as EntityKind[]).map(kind => (
        <li key={kind} data-kind={kind}>
          <svg viewBox="0 0 10 10" aria-hidden="true">
            <path d={SHAPES[kind]} fill={INK[kind]} />
          </svg>
          {plural(census.kinds[kind], ...KIND_NAMES[kind])}
        </li>
      ))}
      <li class="legend-note">
        {census.moving} moving{census.faint > 0 ? `, ${census.faint} asleep or dead` : ''}
      </li>
    </ul>
  )
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input, select, textarea')

/** G, B and F anywhere on the page while playing, but not while typing. */
function useActionKeys(isPlaying: boolean, commands: ActionCommands): void {
  useEffect(() => {
    if (!isPlaying) return
    const run = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return
      if (event.key === 'g') commands.gather()
      else if (event.key === 'b') commands.build()
      else if (event.key === 'f') commands.strike()
    }
    document.addEventListener('keydown', run)
    return () => document.removeEventListener('keydown', run)
  }, [isPlaying, commands])
}

function saveFile(name: string, text: string): void {
  const type = name.endsWith('.json') ? 'application/json' : 'text/plain'
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}

function ChartsPanel({ page, isPlaying }: { page: Page; isPlaying: boolean }) {
  const charts = useObservable(page.charts)
  return (
    <Panel title="Activity" isData aside="last two minutes">
      <div class={isPlaying ? 'charts three' : 'charts'}>
        <Sparkline title="records/s" series={charts.records} colour={nodeColour(1)} format={rate} />
        <Sparkline title="actions/s" series={charts.actions} colour={nodeColour(3)} format={rate} />
        {isPlaying ? (
          <Sparkline
            title="receipts, ms"
            series={charts.latency}
            colour={INK.self}
            format={value => rate(value)}
          />
        ) : null}
      </div>
    </Panel>
  )
}

export function App({ page }: { page: Page }) {
  const nowMs = useBeat()
  const network = useObservable(page.network)
  const feed = useObservable(page.feed.state)
  const events = useObservable(page.events)
  const selection = useObservable(page.selection)
  const state = useObservable(page.play.state)
  const lines = useObservable(page.play.lines)
  const stage = useRef<Stage>(undefined)
  const isPlaying = state.phase === 'in'
  const placed = page.placed()
  const census = censusOf(placed)

  const actions = useMemo<ActionCommands>(
    () => ({
      gather: () => page.gather(),
      strike: () => page.strike(),
      build: (structure = 0) => page.build(structure, STRUCTURES[structure]?.name ?? ''),
    }),
    [page],
  )
  useActionKeys(isPlaying, actions)
  const commands: PlayCommands = {
    enter: name => {
      void page.enter(name)
      stage.current?.follow()
    },
    leave: () => void page.play.leave(),
    follow: () => stage.current?.follow(),
    saveKey: () => saveFile(`freehold-key-${page.fingerprint()}.json`, page.exportKey()),
    saveReceipt: async ({ key, standing, save }) => {
      const isFinal = standing === 'final'
      const text = await save?.(isFinal).catch(() => undefined)
      if (text !== undefined) saveFile(`freehold-${key}.${isFinal ? 'proof' : 'receipt'}`, text)
    },
    useKey: async file => page.useKey(await file.text()),
  }
  return (
    <div
      class={network.silentSinceMs === undefined ? 'page' : 'page stale'}
      data-entities={placed.length}
      data-moving={census.moving}
      data-source={network.source}
    >
      <Header network={network} feed={feed} nowMs={nowMs} />
      <Banner network={network} feed={feed} nowMs={nowMs} />
      <MapView
        ports={page.stage}
        onStage={made => {
          stage.current = made
        }}
      >
        <Legend census={census} />
        <Details page={page} />
        {isPlaying ? <ActionBar commands={actions} /> : null}
      </MapView>
      <main class="side">
        <PlayPanel
          state={state}
          lines={lines}
          fingerprint={page.fingerprint()}
          canEnter={feed.phase !== 'no-gateway' && network.silentSinceMs === undefined}
          commands={commands}
        />
        <ChartsPanel page={page} isPlaying={isPlaying} />
        <NodesPanel nodes={network.nodes} authorities={network.authorities} source={network.source} />
        <EventsPanel events={events} />
        <AuthoritiesPanel
          authorities={network.authorities}
          nodes={network.nodes}
          selected={selection !== undefined && 'area' in selection ? selection.area : undefined}
          onSelect={authority => {
            page.selection.set({ area: authority.origin })
            if (authority.sideMm > 0) stage.current?.fitArea(authority)
          }}
        />
      </main>
    </div>
  )
}
