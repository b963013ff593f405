import type { FoundingOperator } from '../../daemon/genesis/build.ts'
import { parseCard } from '../../daemon/operators/card.ts'
import { type CommandFile, encodeCommandFile, parseCommandFile } from '../../daemon/operators/command-file.ts'
import { base64, readableJson } from '../../daemon/operators/files.ts'
import { encodeNewNode, parseNewNode } from '../../daemon/operators/node-record.ts'
import { commandFiles } from '../operators/samples.ts'
import { factsOf, keyOf, NETWORK } from '../world/directory/support.ts'
import { type Parser, textParser } from './parser.ts'

/** What operators hand to each other, and to a node. */
export const operatorsParsers: readonly Parser[] = [
  textParser(
    'daemon/operators/command-file.ts#parseCommandFile',
    () => commandFiles.map(encodeCommandFile),
    text => {
      const file = parseCommandFile(text)
      return typeof file === 'string' ? undefined : file
    },
    (file: CommandFile) => encodeCommandFile(file),
  ),
  textParser('daemon/operators/card.ts#parseCard', () => [cardText(card)], parseCard, cardText),
  textParser(
    'daemon/operators/node-record.ts#parseNewNode',
    () => [encodeNewNode({ network: NETWORK, node: factsOf(9) })],
    parseNewNode,
    encodeNewNode,
  ),
]

const card = { name: 'Ada é', key: keyOf('Ada').publicKey, recoveryKey: keyOf('recovery').publicKey }

function cardText({ name, key, recoveryKey }: FoundingOperator): string {
  return readableJson({
    ...{ format: 'freehold.operator/1', name, key: base64(key), recoveryKey: base64(recoveryKey) },
  })
}
