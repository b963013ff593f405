/** One colour a node, the same in the map, the lists and the charts; its number always stands beside the colour. */
const NODE_COLOURS = ['#6cb2f2', '#f0a35e', '#7fd49a', '#e583bd', '#b7a2f5', '#e2cf5a', '#5fcdc6', '#f2857c']

export function nodeColour(number: number): string {
  if (number < 1) return '#7b8794'
  const known = NODE_COLOURS[number - 1]
  return known ?? `hsl(${Math.round((number * 137.5) % 360)} 62% 70%)`
}

export const INK = {
  ground: '#0d1218',
  grid: 'rgb(148 178 210 / 0.06)',
  text: '#dce5ee',
  dim: '#93a3b4',
  character: '#eef4fa',
  npc: '#ff9d8a',
  resource: '#74c98a',
  structure: '#a9bdd3',
  self: '#ffd76a',
} as const
