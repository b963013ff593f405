import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** One page, no request to anywhere else, nothing inline: it has to work under a policy of `self` alone. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
})
