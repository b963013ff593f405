/** Every number of the directory's rules. Times are in milliseconds of directory time (`Header.passedMs`). `docs/directory.md` explains them. */

/** No input of the directory is longer. */
export const DIRECTORY_INPUT_MAX_BYTES = 8192

/** Of all statuses. When so many are known, those that are retired or long gone are forgotten for new ones. */
export const MAX_NODES = 20_000
export const MAX_AUTHORITIES = 100_000
export const MAX_MEMBERS = 64
export const MAX_ADDRESSES = 16
export const ADDRESS_MAX_CHARS = 255
export const OPERATOR_MAX_CHARS = 64
export const VERSION_MAX_CHARS = 32
/** The nearest ones. */
export const MAX_ROUND_TRIPS = 16
export const MAX_LED_PER_REPORT = 128
/** Of an authority, as its leader reports them. */
export const MAX_GATEWAYS = 8
export const MAX_CERTIFICATES = 16
export const MAX_OPERATORS = 64
/** Of admin commands that have not expired yet. */
export const MAX_NONCES = 1024
/** Whom one tick record can renew. */
export const MAX_RENEWALS = 4096
/** Inputs of one node that changed nothing, or only opened a session, between two world blocks. */
export const MAX_IDLE_INPUTS = 256
/** Nodes that one node without the operators' word may have brought in and that are still known. */
export const MAX_SPONSORED = 64

/** From when a node sent the nonce that the certified log shows, by that node's own monotonic clock. */
export const LEASE_MS = 6_000
/**
 * Tick records are some second apart, and none counts for more, nor for less than nothing: a leader whose clock is ahead of the last
 * one's takes no lease away by it, and time goes on under one whose clock is behind.
 */
export const MAX_STEP_MS = 1_000
/** Two clocks differ by at most 5 % in their pace; a change of leaders may count one step too much. */
export const LEASE_OVER_MS = LEASE_MS + Math.ceil(LEASE_MS / 20) + MAX_STEP_MS
export const REPORT_EVERY_MS = 1_000
export const BLOCK_MS = 10_000
/** Of reputation, what is older counts half, again and again. */
export const MEMORY_MS = 7 * 24 * 60 * 60 * 1000
/** A node that nobody vouched for and that was silent for so long may be forgotten. */
export const FORGET_AFTER_MS = 30 * 24 * 60 * 60 * 1000
/** One that has left: longer than sessions may be ahead or behind, so that none of its own can be opened again. */
export const FORGET_RETIRED_AFTER_MS = 3 * 24 * 60 * 60 * 1000
/** How far ahead an admin command may expire, in seconds. */
export const MAX_NONCE_AHEAD_S = 7 * 24 * 60 * 60
/** The newest orders of an authority: any of them may still be carried out by a seal that is on its way. */
export const MAX_OPEN_ORDERS = 8

/**
 * The version of the rules that re-forms authorities. It holds when operators have adopted it, which they do when the nodes can freeze an epoch
 * and answer for it: whoever can't would be without a lease.
 */
export const REFORMING_RULES = 2
/** Whoever was asked what it holds of a lost authority, and has not said it by then, gets no lease until it does. */
export const ANSWER_MS = 5_000
/** A re-formed authority of which nothing is anchored by then is asked for again: who held it may be gone. */
export const REFORM_AGAIN_MS = 60_000
/** Authorities that one tick re-forms. */
export const MAX_REFORMED = 256

/** Digits of a base tile's quadkey: a world of 16 × 16 base tiles of 10 km. */
export const BASE_DIGITS = 4
export const BASE_TILE_MM = 10_000_000
export const QUADKEY_MAX_DIGITS = 16
