/** Ends a test run with one line that any reader of logs understands: `12 passed, 0 failed`. */
import type { Reporter, TestModule } from "vitest/node";

/** Counts of one run. */
export type Tally = { passed: number; failed: number; skipped: number };

/** The closing line; `skipped` is only named when there are any. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** A vitest reporter that prints the closing line. A file that did not load counts as one failure. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tally = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") tally.passed++;
        else if (state === "failed") tally.failed++;
        else tally.skipped++;
      }
      tally.failed += module.errors().length;
    }
    // After the other reporters' summaries, so that it is the last line.
    setImmediate(() => process.stdout.write(`\n${closingLine(tally)}\n`));
  }
}
