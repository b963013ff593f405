import {
  isLocalThread,
  type Message,
  MessageType,
  type StepResult,
} from '../../../../consensus/raft/index.ts'
import { formatEntries, formatMessage, formatReady } from '../format.ts'
import type { ScriptedNode } from './node.ts'
import { Output } from './output.ts'

export interface Recipient {
  readonly id: number
  readonly drop: boolean
}

/** The nodes of one script, and the messages between them. Node n is nodes[n − 1]. */
export class Environment {
  readonly nodes: ScriptedNode[] = []
  readonly output = new Output()
  messages: Message[] = []

  node(id: number): ScriptedNode {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  processReady(node: ScriptedNode): string | undefined {
    const ready = node.raw.ready()
    this.output.write(formatReady(ready))
    const isAsync = node.config.asyncStorageWrites === true
    if (!isAsync) {
      const complaint = node.append(ready.hardState, ready.entries, ready.snapshot)
      if (complaint !== undefined) return complaint
      node.apply(ready.committedEntries)
    }
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) node.appendWork.push(message)
      else if (message.type === MessageType.StorageApply) node.applyWork.push(message)
      else this.messages.push(message)
    }
    if (!isAsync) node.raw.advance(ready)
    return undefined
  }

  processAppendThread(node: ScriptedNode): string | undefined {
    const work = node.appendWork.shift()
    if (work === undefined) return this.#nothing('no append work to perform')
    this.output.write(`Processing:\n${formatMessage({ ...work, responses: [] })}\n`)
    const { term, vote, commit } = work
    const hardState = term + vote + commit === 0 ? undefined : { term, vote, commit }
    const complaint = node.append(hardState, work.entries, work.snapshot)
    if (complaint === undefined) this.#respond(work)
    return complaint
  }

  processApplyThread(node: ScriptedNode): string | undefined {
    const work = node.applyWork.shift()
    if (work === undefined) return this.#nothing('no apply work to perform')
    this.output.write(`Processing:\n${formatMessage({ ...work, responses: [] })}\n`)
    node.apply(work.entries)
    this.#respond(work)
    return undefined
  }

  /** Delivers, or drops, what is on its way. Returns how many messages that were. */
  deliver(type: MessageType | undefined, recipients: readonly Recipient[]): number {
    let count = 0
    for (const { id, drop } of recipients) {
      const isFor = (message: Message): boolean =>
        message.to === id && !(drop && isLocal(message)) && (type === undefined || message.type === type)
      const taken = this.messages.filter(isFor)
      this.messages = this.messages.filter(message => !isFor(message))
      count += taken.length
      for (const message of taken) {
        this.output.write(`${drop ? 'dropped: ' : ''}${formatMessage(message)}\n`)
        if (drop) continue
        const error = stepError(message, this.node(id).raw.step(message))
        if (error !== undefined) this.output.write(`${error}\n`)
      }
    }
    return count
  }

  printLog(node: ScriptedNode): void {
    const { log } = node
    const first = log.firstIndex()
    const last = log.lastIndex()
    if (last < first) this.output.write(`log is empty: first index=${first}, last index=${last}`)
    else this.output.write(formatEntries(log.entries(first, last + 1, Number.MAX_SAFE_INTEGER) ?? []))
  }

  hasMessagesFor(id: number): boolean {
    return this.messages.some(message => message.to === id)
  }

  #respond(work: Message): void {
    this.output.write(
      `Responses:\n${work.responses.map(response => `${formatMessage(response)}\n`).join('')}`,
    )
    this.messages.push(...work.responses)
  }

  #nothing(sentence: string): undefined {
    this.output.write(sentence)
    return undefined
  }
}

/** The sentence of etcd's error for the same refusal; undefined where that library stays silent. */
function stepError(message: Message, result: StepResult): string | undefined {
  if (result.ok) return undefined
  if (result.code === 'not-member') return 'raft: cannot step as peer not found'
  if (result.code === 'local-message') return 'raft: cannot step raft local message'
  if (message.type === MessageType.Prop) return 'raft proposal dropped'
  return result.code === 'no-leader' ? undefined : `refused: ${result.code}`
}

function isLocal(message: Message): boolean {
  return message.from === message.to || isLocalThread(message.from) || isLocalThread(message.to)
}
