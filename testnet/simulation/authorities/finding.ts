/** What is wrong in a simulated network, in one sentence. Any other error is a fault of the simulator, or a throw that nobody caught. */
export class Finding extends Error {
  override readonly name = 'Finding'
}
