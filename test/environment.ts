/**
 * The environment of a command under test: nothing of this machine's but where its programs are, and what is not seen by
 * the command: the folder of `npm run coverage`, or of what earlier processes have compiled (scripts/run.mjs), without
 * which each takes twice as long to start.
 */
export function bareEnvironment(): Record<string, string> {
  const { PATH = '', NODE_V8_COVERAGE: coverage, NODE_COMPILE_CACHE: compiled } = process.env
  const bare = { PATH, HOME: '/nonexistent' }
  if (coverage !== undefined) return { ...bare, NODE_V8_COVERAGE: coverage }
  return compiled === undefined ? bare : { ...bare, NODE_COMPILE_CACHE: compiled }
}
