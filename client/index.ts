/** The SDK for game clients, in browsers and in Node. */
export {
  type Action,
  type EntityKind,
  type EntityView,
  type Outcome,
  type Position,
  reasonText,
  type WorldEvent,
} from '../world/codec.ts'
export { type ProofFacts, type ProofTrust, type ProofVerdict, verifyProof } from './protocol/proof.ts'
export { formatProof, type OpenedProof, parseProof } from './protocol/proof-file.ts'
export {
  decodeReceipt,
  encodeReceipt,
  type Receipt,
  type ReceiptVerdict,
  verifyReceipt,
} from './protocol/receipt.ts'
export { formatReceiptFile, parseReceiptFile, type ReceiptFile } from './protocol/receipt-file.ts'
export type { Client } from './sdk/client.ts'
export { type ConnectOptions, connect } from './sdk/connect.ts'
export { ClientError } from './sdk/errors.ts'
export type { Final } from './sdk/finals.ts'
export { Histogram } from './sdk/histogram.ts'
export { newVerifier, randomSeed, type Signer, signerOf, type Verify } from './sdk/keys.ts'
export type { SocketLike, SocketMaker } from './sdk/link.ts'
export { nodeSource } from './sdk/node-source.ts'
export { proofTrustOf } from './sdk/proof-trust.ts'
export { type ProofSource, type ProveOptions, proofOf, proofOfFinal, proofOfLeaf } from './sdk/proofs.ts'
export type { EntityRead } from './sdk/reads.ts'
export type { ExportedSession } from './sdk/session.ts'
export { stateProofOf } from './sdk/state-proofs.ts'
export { type AreaTrust, type Trust, trustOfGenesis } from './sdk/trust.ts'
export type { ClientState, ClientStats, Done, KeptReceipt, Place } from './sdk/types.ts'
export type { View } from './sdk/view.ts'
