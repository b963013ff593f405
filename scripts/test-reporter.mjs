// Mocha's spec reporter, which also leaves its counts where scripts/test.ts reads them.
import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats
      writeFileSync(
        options.reporterOption.counts,
        JSON.stringify({ passed: passes, failed: failures, skipped: pending }),
      )
    })
  }
}
