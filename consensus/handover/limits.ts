/** An entity on its way, with its session: an accept carries it in one record (65,000 bytes) beside its proofs. */
export const maxCargoBytes = 32_768
/** Locks and releases that an authority has open at a time. */
export const maxOpen = 8_192
/** Accepts that an authority keeps until their releases are shown; those that it inherits come on top. */
export const maxAccepts = 8_192
/** Of a split: a quadtree's four. */
export const maxSuccessors = 4
/** A certificate of 64 members, with the proof that it is anchored and the seals that name the members. */
export const maxFinalBytes = 16_384
/** Entries that one word shows. */
export const maxParts = 3
/** Two hundred levels of a tree. */
export const maxPathBytes = 8_192
/** Questions of others that an authority remembers while its answer is not final. */
export const maxAsked = 4_096
/** Inputs that wait for one entity's handover, and for all. */
export const maxWaitingOfOne = 64
export const maxWaiting = 16_384
