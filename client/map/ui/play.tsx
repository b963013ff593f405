import { useRef, useState } from 'preact/hooks'
import { ITEMS, STRUCTURES, type StructureRule } from '../../../world/codec.ts'
import type { ActionLine } from '../model/actions.ts'
import type { PlayState } from '../model/play.ts'
import { Panel } from './parts.tsx'

const NAME_PATTERN = '[A-Za-z0-9_\\-]{1,24}'

export interface PlayCommands {
  enter(name: string): void
  leave(): void
  follow(): void
  saveKey(): void
  /** The proof, where it is final. */
  saveReceipt(line: ActionLine): Promise<void>
  /** Answers false when the file holds no key. */
  useKey(file: File): Promise<boolean>
}

interface Props {
  readonly state: PlayState
  readonly lines: readonly ActionLine[]
  readonly fingerprint: string
  readonly canEnter: boolean
  readonly commands: PlayCommands
}

function KeyRow({ fingerprint, commands }: Pick<Props, 'fingerprint' | 'commands'>) {
  const input = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState('')
  const take = async (file: File | undefined) => {
    if (file === undefined) return
    setProblem((await commands.useKey(file)) ? '' : 'That file holds no player key.')
  }
  return (
    <div class="key">
      <span>your key</span>
      <code>{fingerprint}</code>
      <button type="button" class="quiet" onClick={() => commands.saveKey()}>
        Save key
      </button>
      <button type="button" class="quiet" onClick={() => input.current?.click()}>
        Use a saved key
      </button>
      <input
        ref={input}
        type="file"
        accept="application/json,.json"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="A saved player key"
        onChange={event => void take(event.currentTarget.files?.[0])}
      />
      {problem === '' ? null : <p class="problem">{problem}</p>}
    </div>
  )
}

function EnterForm({ state, fingerprint, canEnter, commands }: Omit<Props, 'lines'>) {
  const [name, setName] = useState('')
  const isBusy = state.phase === 'entering'
  return (
    <>
      <form
        class="enter"
        onSubmit={event => {
          event.preventDefault()
          commands.enter(name)
        }}
      >
        <label>
          your character's name
          <input
            name="name"
            required
            pattern={NAME_PATTERN}
            maxLength={24}
            autocomplete="off"
            spellcheck={false}
            title="1 to 24 letters, digits, - or _"
            value={name}
            onInput={event => setName(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" disabled={isBusy || !canEnter}>
          {isBusy ? 'Entering …' : 'Enter the world'}
        </button>
      </form>
      {state.phase === 'out' && state.problem !== '' ? (
        <p class="problem" role="alert">
          {state.problem}
        </p>
      ) : null}
      <KeyRow fingerprint={fingerprint} commands={commands} />
    </>
  )
}

const MARKS: Record<ActionLine['outcome'], string> = {
  waiting: 'waiting …',
  committed: 'committed',
  refused: 'refused',
  failed: 'not done',
}

function Standing({ line }: { line: ActionLine }) {
  return (
    <>
      {line.latencyMs === undefined ? '' : `${Math.round(line.latencyMs)} ms`}
      {line.verified ? ' · verified' : ''}
      {line.standing === 'final' ? ' · final' : ''}
      {line.standing === 'fell off' ? <span class="bad"> · fell off</span> : null}
    </>
  )
}

function Line({ line, commands }: { line: ActionLine; commands: PlayCommands }) {
  const tone = line.outcome === 'committed' ? 'good' : line.outcome === 'waiting' ? '' : 'bad'
  return (
    <li data-outcome={line.outcome} data-verified={line.verified} data-standing={line.standing}>
      <span class="outcome">
        {line.words} <span class={tone}>{MARKS[line.outcome]}</span>
        {line.detail === '' ? '' : `: ${line.detail}`}
      </span>
      {line.save === undefined ? (
        <span class="latency">
          <Standing line={line} />
        </span>
      ) : (
        <button
          type="button"
          class="latency"
          title={line.standing === 'final' ? 'Save the proof' : 'Save the receipt'}
          onClick={() => void commands.saveReceipt(line)}
        >
          <Standing line={line} />
        </button>
      )}
    </li>
  )
}

function Playing({ state, commands }: { state: PlayState & { phase: 'in' }; commands: PlayCommands }) {
  return (
    <div class="self">
      <span class="row-main">
        <span class="row-title">{state.name}</span>
        <span class={state.linked ? 'row-sub' : 'row-sub bad'}>
          {state.linked
            ? `in ${state.link.sight.area} through ${state.gateway.replace(/^\w+:\/\//, '')}`
            : 'the gateway is gone; looking for another …'}
        </span>
      </span>
      <button type="button" onClick={() => commands.follow()}>
        Follow
      </button>
      <button type="button" onClick={() => commands.leave()}>
        Leave
      </button>
    </div>
  )
}

export function PlayPanel(props: Props) {
  const { state, lines, commands } = props
  return (
    <Panel title={state.phase === 'in' ? 'You are in the world' : 'Enter the world'}>
      {state.phase === 'in' ? <Playing state={state} commands={commands} /> : <EnterForm {...props} />}
      {lines.length === 0 ? null : (
        <div role="log" aria-label="Your actions and their receipts" data-testid="receipts">
          <ol class="lines">
            {lines.map(line => (
              <Line key={line.key} line={line} commands={commands} />
            ))}
          </ol>
        </div>
      )}
    </Panel>
  )
}

export interface ActionCommands {
  gather(): void
  /** `structure` counts within the rules' list; the cheapest when it isn't told. */
  build(structure?: number): void
  strike(): void
}

function cost(rule: StructureRule): string {
  return ITEMS.flatMap((item, at) => (rule.cost[at] ? [`${rule.cost[at]} ${item}`] : [])).join(', ')
}

export function ActionBar({ commands }: { commands: ActionCommands }) {
  const [structure, setStructure] = useState(0)
  return (
    <div class="actions" role="toolbar" aria-label="Actions">
      <button type="button" onClick={() => commands.gather()} aria-keyshortcuts="g">
        Gather<kbd>G</kbd>
      </button>
      <span class="joined">
        <button type="button" onClick={() => commands.build(structure)} aria-keyshortcuts="b">
          Build<kbd>B</kbd>
        </button>
        <select
          aria-label="What to build"
          value={structure}
          onChange={event => setStructure(Number(event.currentTarget.value))}
        >
          {STRUCTURES.map((rule, at) => (
            <option key={rule.name} value={at}>
              {`${rule.name} (${cost(rule)})`}
            </option>
          ))}
        </select>
      </span>
      <button type="button" onClick={() => commands.strike()} aria-keyshortcuts="f">
        Strike<kbd>F</kbd>
      </button>
    </div>
  )
}
