export { decodeConfChange, encodeConfChange } from './confchange/codec.ts'
export type { ChangeType, ConfChange, SingleChange, Transition } from './confchange/conf-change.ts'
export { MAX_MEMBERS } from './confchange/restore.ts'
export { MAX_TERM_JUMP, MAX_WAITING_READS } from './config.ts'
export { RaftFault } from './fault.ts'
export { MemoryLog, type RecoveredLog } from './log/memory-log.ts'
export type { LogStorage } from './log/storage.ts'
export type { AppliedChange } from './membership.ts'
export { RawNode, type Status } from './raw-node.ts'
export * from './types.ts'
export {
  decodeMessage,
  encodeMessage,
  MAX_ENTRIES_PER_MESSAGE,
  MAX_MESSAGE_BYTES,
  messageSize,
} from './wire.ts'
