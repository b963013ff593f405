/** What a monitor tells. `two-faces` proves a lie; the others may have honest reasons. */
export type Sighting =
  | { readonly kind: 'first-seen'; readonly origin: string; readonly source: string; readonly size: number }
  | {
      readonly kind: 'two-faces'
      readonly origin: string
      readonly source: string
      readonly size: number
      readonly file: string
    }
  | {
      readonly kind: 'bad-checkpoint' | 'bad-tiles' | 'went-back'
      readonly origin: string
      readonly source: string
      readonly size: number
    }
  | {
      readonly kind: 'not-a-member'
      readonly origin: string
      readonly source: string
      readonly size: number
      /** That signed it, by number. */
      readonly nodes: readonly number[]
    }
  | { readonly kind: 'silent' | 'answers-again'; readonly source: string }
  | { readonly kind: 'stands-still' | 'grows-again'; readonly origin: string; readonly size: number }

/** For a person. */
export function sentenceOf(sighting: Sighting): string {
  switch (sighting.kind) {
    case 'first-seen':
      return `${sighting.origin} has ${sighting.size} leaves at ${sighting.source}`
    case 'two-faces':
      return `TWO FACES of ${sighting.origin}: ${sighting.source} contradicts what was seen.\n          Evidence: ${sighting.file}`
    case 'bad-checkpoint':
      return `${sighting.source} shows a checkpoint of ${sighting.origin} that no member signed`
    case 'not-a-member': {
      const { origin, source, nodes } = sighting
      return `${source} shows a checkpoint of ${origin} that node ${nodes.join(' ')} signed,\n          no founder and named by no certificate shown: it says nothing of that log`
    }
    case 'bad-tiles':
      return `${sighting.source} does not show how ${sighting.origin} grew to ${sighting.size} leaves`
    case 'went-back':
      return `${sighting.source} shows ${sighting.origin} shorter than before (${sighting.size} leaves)`
    case 'silent':
      return `${sighting.source} does not answer`
    case 'answers-again':
      return `${sighting.source} answers again`
    case 'stands-still':
      return `${sighting.origin} has not grown beyond ${sighting.size} leaves for a while`
    case 'grows-again':
      return `${sighting.origin} grows again (${sighting.size} leaves)`
  }
}
