/** Protocol and topic names of one network; another network's nodes do not even meet on a name. */
export function protocolName(network: string, name: string): string {
  return `/freehold/${network}/${name}`
}

export function topicName(network: string, topic: string): string {
  return `/freehold/${network}/${topic}/1`
}

export const helloProtocol = 'hello/1'
