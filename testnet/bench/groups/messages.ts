/** What the benchmark and one of its nodes say to each other. */
export interface GroupsNodeSetup {
  readonly number: number
  readonly groups: number
  readonly dir: string
  readonly nodes: readonly { readonly number: number; readonly peerId: string; readonly address: string }[]
  readonly identitySeed: string
}

export type GroupsNodeRequest =
  | { readonly type: 'open' }
  | { readonly type: 'state' }
  /** Collects garbage first, for which everything stands still. */
  | { readonly type: 'memory' }
  /** To groups that this node leads: once while they sleep, and once more when that is committed. */
  | { readonly type: 'propose'; readonly count: number }
  /** Look out for the moment when all groups have another leader than this node, which is about to die. */
  | { readonly type: 'watch'; readonly dying: number }

export interface GroupsNodeState {
  readonly type: 'state'
  readonly led: number
  readonly awake: number
  /** Groups whose leader this node does not know. */
  readonly leaderless: number
  /** Of groups, and frames of any kind, sent since the start. */
  readonly messages: number
  readonly frames: number
}

export type GroupsNodeAnswer =
  | { readonly type: 'up' }
  | GroupsNodeState
  /** Of the JavaScript heap and array buffers. */
  | { readonly type: 'memory'; readonly bytes: number }
  | { readonly type: 'proposed'; readonly asleepMs: number[]; readonly awakeMs: number[] }
  /** `atMs` by the machine's wall clock, which all processes share. */
  | {
      readonly type: 'recovered'
      readonly atMs: number
      readonly orphans: number
      readonly peakMessagesPerSecond: number
    }
