/** The numbers of placement. Time is in ticks of the directory, about a second each. */

/** An authority has at least so many voters where there are so many nodes; more are extra, and go first when load presses. */
export const MIN_VOTERS = 3

/** Trust that a node must have, of 1,000. */
export const OBSERVER_TRUST = 0
export const REPLICA_TRUST = 250
export const LEADER_TRUST = 500

/** Without a lease for longer: it is replaced. Nodes ask every 2 s, so three requests in a row have failed. */
export const SILENT_TICKS = 6
/** A candidate was heard no longer ago than this. */
export const FRESH_TICKS = 3
/** The lease of whoever was silent for so long has run out on its own clock: its vote counts no more (6,000 ms × 1.05 + a tick). */
export const LOST_TICKS = 8
/** What new members have decided is anchored so soon after their order, or was not decided. */
export const DECIDED_TICKS = 5
/** Whoever comes, or comes back, gets what is not urgent only after this. */
export const STEADY_TICKS = 30
/** An order that is not done by then is given anew, with others. */
export const STUCK_TICKS = 60
/** Between two changes of one authority that nobody needs. */
export const CALM_TICKS = 120
/** Between a change and one more extra replica. */
export const GROWTH_CALM_TICKS = 10
/** A node whose replicas changed is left alone for so long: what it says of its load is older. */
export const NODE_CALM_TICKS = 60

/** A replica moves to where there is more room only for so much of a node's capacity, and when it is one part in so many of it. */
export const BALANCE_PERCENT = 30
export const BALANCE_SHARE = 50

/** Authorities that one tick thinks about, by what is wrong with them. The rest wait for their turn. */
export const REPAIR_LOOKS = 128
export const RELIEF_LOOKS = 32
export const ROUND_LOOKS = 64

/** Orders of one tick. */
export const MAX_REPAIRS = 128
export const MAX_RELIEFS = 8
export const MAX_GROWTHS = 16
export const MAX_MOVES = 4
/** Replicas that one node is fetching at a time: when a member has to be replaced, and otherwise. */
export const MAX_FETCHES = 16
export const MAX_QUIET_FETCHES = 2

/** Up to so many nodes each one is a candidate; of more, the near ones and a sample. */
export const ALL_ARE_CANDIDATES = 256
export const MAX_NEAR = 8
/** Nodes of one operator, operators that are asked, and operators that have to have somebody. */
export const SAMPLE_PER_OPERATOR = 2
export const SAMPLE_TRIES = 256
export const SAMPLE_OPERATORS = 48

/** What is assumed between two nodes that have not measured it. */
export const UNKNOWN_ROUND_TRIP_MS = 150
