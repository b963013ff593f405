#!/usr/bin/env node
/**
 * The `freehold` command. The packages it stands on need a newer Node than many machines have, so that it moves over to
 * the one it was installed with before it loads anything.
 */
const NEEDED_MAJOR = 24

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  const { main } = await import('./program.ts')
  await main(process.argv.slice(2))
} else {
  const { runOnPinnedNode } = await import('./pinned-node.ts')
  runOnPinnedNode()
}

export {}
