import { ANCHORING_BUGS } from './anchoring.ts'
import { AUTHORITY_BUGS } from './authority.ts'
import type { Bug } from './bug.ts'
import { DIRECTORY_BUGS } from './directory.ts'
import { FINALITY_BUGS } from './finality.ts'
import { GROUP_BUGS } from './groups.ts'
import { HANDOVER_BUGS } from './handover.ts'
import { MEMBER_BUGS } from './members.ts'
import { PLACEMENT_BUGS } from './placement.ts'
import { RAFT_BUGS } from './raft.ts'
import { REFORMING_BUGS } from './reforming.ts'
import { VIEW_BUGS } from './views.ts'
import { WAY_BUGS } from './ways.ts'

export const BUGS: readonly Bug[] = [
  ...RAFT_BUGS,
  ...GROUP_BUGS,
  ...MEMBER_BUGS,
  ...VIEW_BUGS,
  ...AUTHORITY_BUGS,
  ...WAY_BUGS,
]

export function bugNamed(name: string): Bug | undefined {
  return [
    ...BUGS,
    ...ANCHORING_BUGS,
    ...FINALITY_BUGS,
    ...HANDOVER_BUGS,
    ...PLACEMENT_BUGS,
    ...DIRECTORY_BUGS,
    ...REFORMING_BUGS,
  ].find(bug => bug.name === name)
}
