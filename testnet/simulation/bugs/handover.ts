import type { Bug } from './bug.ts'

const ROOM = 'consensus/handover'
const APPLY = `${ROOM}/apply.ts`
const DESK = `${ROOM}/desk.ts`
const FACTS = `${ROOM}/facts.ts`
const INHERIT = `${ROOM}/inherit.ts`
const SHOWN = `${ROOM}/shown.ts`
const STATE = `${ROOM}/state.ts`
const WORDS = `${ROOM}/words.ts`

/** What an authority may do to entities that change owners; hunted by the simulator in ../handover. */
export const HANDOVER_BUGS: readonly Bug[] = [
  {
    name: 'acts-before-anchor',
    what: 'A word under a certificate that the directory does not have yet is acted on.',
    edits: [{ file: SHOWN, from: '  if (!proven.isAnchored) return undefined\n', to: '' }],
  },
  {
    name: 'releases-on-uncertified-accept',
    what: 'The source lets go because the target says so, whatever shows it.',
    edits: [
      {
        file: DESK,
        from: "if (this.#proven(message)) this.#propose('release'",
        to: "this.#propose('release'",
      },
      {
        file: APPLY,
        from: '  if (by === undefined) return',
        to: "  if (record.kind === 'release') return release(state, record, by!)\n  if (by === undefined) return",
      },
      { file: APPLY, from: '  if (!acceptShown(id, by)) return', to: '  if (by === null) return' },
    ],
  },
  {
    name: 'unlocks-on-timeout',
    what: 'A source that has waited for long enough takes the entity back.',
    edits: [
      {
        file: DESK,
        from: '    told.tries += 1\n',
        to: "    told.tries += 1\n    if (isTired) this.#propose('unlock', { word, isTired, id, shown })\n",
      },
      {
        file: APPLY,
        from: "  if (!declineShown(id, by)) return 'not-proven'\n  state.locks",
        to: '  state.locks',
      },
    ],
  },
  {
    name: 'unlocks-on-any-word',
    what: 'The source takes an entity back when it is shown any final state of the target that has no accept.',
    edits: [
      {
        file: FACTS,
        from: 'return value !== undefined && (readValueOf(layouts.watermark, value) ?? 0) >= id.n',
        to: 'return true',
      },
      {
        file: DESK,
        from: "    if (outcome === 'open') return this.#decide(message)",
        to: "    if (outcome === 'open') this.#words.ask(id)\n    if (outcome === 'open') return this.#decide(message)",
      },
      {
        file: WORDS,
        from: "this.#state.outcomeOf(this.#self, id) === 'declined'",
        to: "this.#state.outcomeOf(this.#self, id) !== 'accepted'",
      },
    ],
  },
  {
    name: 'accepts-what-it-refused',
    what: 'A target keeps its refusals to itself: a late copy of the lock is accepted.',
    edits: [
      {
        file: APPLY,
        from: `  if (state.outcomeOf(self, id) !== 'open') return 'decided'
  const locked`,
        to: `  if (state.accepts.has(id)) return 'decided'
  const locked`,
      },
      {
        file: DESK,
        from: "    if (outcome === 'open') return this.#decide(message)",
        to: "    if (outcome !== 'accepted') return this.#decide(message)",
      },
    ],
  },
  {
    name: 'watermark-answers-for-accepted',
    what: 'What is at or below the watermark is called refused, also where an accept of it stands.',
    edits: [
      { file: FACTS, from: '  if (!by.lacks(keyBytesOf(layouts.accept, id))) return false\n', to: '' },
      {
        file: STATE,
        from: "    if (this.accepts.has(id)) return 'accepted'\n    if (id.target",
        to: "    if (this.accepts.has(id) && id.n > (this.watermarks.get(id.source) ?? 0)) return 'accepted'\n    if (id.target",
      },
    ],
  },
  {
    name: 'accept-forgotten',
    what: 'A target forgets what it has accepted once the entity leaves it again.',
    edits: [
      {
        file: APPLY,
        from: '  const n = (state.issued.get(target) ?? 0) + 1\n',
        to: `  for (const { key, value } of [...state.accepts.entries()]) if (value === entity) state.accepts.delete(key)
  const n = (state.issued.get(target) ?? 0) + 1
`,
      },
    ],
  },
  {
    name: 'forgets-without-watermark',
    what: 'An accept that has done its work is forgotten, and a late copy of the lock is accepted again.',
    edits: [{ file: APPLY, from: '  if (id.target === self) state.raise(id.source, id.n)\n', to: '' }],
  },
  {
    name: 'id-used-again',
    what: 'A source does not count its handovers.',
    edits: [
      {
        file: APPLY,
        from: '  state.issued.set(target, n)\n',
        to: '  state.issued.set(target, Math.min(n, 2))\n',
      },
    ],
  },
  {
    name: 'locks-and-keeps',
    what: 'A locked entity goes on at its source.',
    edits: [
      {
        file: APPLY,
        from: '  const n = (state.issued.get(target) ?? 0) + 1\n',
        to: '  estate.put(entity, cargo)\n  const n = (state.issued.get(target) ?? 0) + 1\n',
      },
    ],
  },
  {
    name: 'outcomes-left-behind',
    what: 'An entity goes over without its session: its last seq and its outcomes.',
    edits: [
      {
        file: APPLY,
        from: '  state.locks.set({ source: self, target, n }, { entity, cargo })',
        to: '  state.locks.set({ source: self, target, n }, { entity, cargo: { ...cargo, session: new Uint8Array(0) } })',
      },
    ],
  },
  {
    name: 'accepts-not-inherited',
    what: 'A successor does not take over what its predecessor had accepted, and calls it refused.',
    edits: [
      {
        file: INHERIT,
        from: '  for (const { key, value } of left.accepts.entries()) state.accepts.set(key, value)\n',
        to: '',
      },
    ],
  },
  {
    name: 'accepts-shared-out',
    what: 'Only the first half of a split takes over the accepts; the other one calls them refused.',
    edits: [
      {
        file: INHERIT,
        from: '  for (const { key, value } of left.accepts.entries()) state',
        to: '  for (const { key, value } of left.accepts.entries()) if (place === 0) state',
      },
    ],
  },
  {
    name: 'locks-not-inherited',
    what: 'What was on its way out of an authority that ended is nobody’s.',
    edits: [
      {
        file: INHERIT,
        from: 'if (falls(value)) state.locks.set(key, value)',
        to: 'if (falls(value) && value === undefined) state.locks.set(key, value)',
      },
    ],
  },
  {
    name: 'both-halves-inherit',
    what: 'Both halves of a split take all that the whole had.',
    edits: [{ file: INHERIT, from: '=== place\n', to: '>= 0\n' }],
  },
  {
    name: 'both-halves-accept',
    what: 'Successors decide what their predecessor had left open.',
    edits: [
      {
        file: STATE,
        from: "    if (id.target !== self) return 'declined'\n",
        to: "    if (id.target !== self) return 'open'\n",
      },
      {
        file: APPLY,
        from: `  if (id.target !== self) return 'not-mine'
  if (state.outcomeOf(self, id) !== 'open') return 'decided'
  const locked`,
        to: `  if (state.outcomeOf(self, id) !== 'open') return 'decided'
  const locked`,
      },
    ],
  },
  {
    name: 'acts-before-inheriting',
    what: 'A successor answers for its predecessors before it has what they left.',
    edits: [
      {
        file: STATE,
        from: '    return this.awaited.size === 0 && this.closed.size === 0',
        to: '    return this.closed.size === 0',
      },
      {
        file: STATE,
        from: '    for (const predecessor of predecessors) state.awaited.set(predecessor, true)\n',
        to: `    for (const predecessor of predecessors) state.awaited.set(predecessor, true)
    for (const predecessor of predecessors) state.inherited.set(predecessor, true)
`,
      },
    ],
  },
  {
    name: 'released-by-another-accept',
    what: 'A source lets go when any handover of its own to that target was accepted.',
    edits: [
      {
        file: FACTS,
        from: '  return speaksFor(id.target, by) && by.value(keyBytesOf(layouts.accept, id)) !== undefined',
        to: '  return speaksFor(id.target, by)',
      },
      {
        file: DESK,
        from: '  #accepted(message: Message): void {\n    const { id } = message\n',
        to: `  #accepted(message: Message): void {
    for (const { key } of this.#state.locks.entries())
      if (key.target === message.id.target) this.#propose('release', { ...message, id: key })
    const { id } = message
`,
      },
    ],
  },
  {
    name: 'records-after-the-last',
    what: 'An authority that has ended goes on.',
    edits: [
      { file: APPLY, from: "  if (state.closed.size > 0) return 'ended'\n", to: '' },
      {
        file: STATE,
        from: '    return this.awaited.size === 0 && this.closed.size === 0',
        to: '    return this.awaited.size === 0',
      },
    ],
  },
  {
    name: 'payload-unchecked',
    what: 'A successor takes what it was served for what its predecessor left.',
    edits: [{ file: INHERIT, from: ' || !isWhole(payload, proven.stateRoot)', to: '' }],
  },
  {
    name: 'heir-by-its-own-word',
    what: 'Whoever says that it has inherited is believed, whatever the directory says.',
    edits: [{ file: FACTS, from: '  if (!by.proven.ancestors.includes(authority)) return false\n', to: '' }],
  },
]
