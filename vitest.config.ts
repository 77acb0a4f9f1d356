import { defineConfig } from "vitest/config";

/** Suites that start daemons, containers or whole Pulumi runs: after the light ones. Each has its own HOME and ports. */
const HEAVY = ["test/e2e/**/*.test.ts", "test/systemd/**/*.test.ts", "test/**/*.heavy.test.ts"];

/** Globs of what cannot run on this machine, from `npm test`, which says so (setup/dev/test-programs.ts). */
const LEFT_OUT = (process.env.WARMBOX_TESTS_LEFT_OUT ?? "").split(" ").filter(Boolean);

/** Files at once. Most of a test's time is a daemon's start or a limit that has to pass, so one more than two cores. */
const WORKERS = 3;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export default defineConfig({
  test: {
    environment: "node",
    pool: "forks",
    maxWorkers: WORKERS,
    // No assertion depends on the speed of the machine: what comes at all may come late.
    expect: { poll: { timeout: MINUTE } },
    reporters: ["default", "./setup/dev/plain-reporter.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "light",
          include: ["test/**/*.test.ts"],
          exclude: [...HEAVY, ...LEFT_OUT],
          testTimeout: 2 * MINUTE,
          hookTimeout: 2 * MINUTE,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "heavy",
          include: HEAVY,
          exclude: LEFT_OUT,
          maxWorkers: WORKERS,
          testTimeout: 20 * MINUTE,
          hookTimeout: 20 * MINUTE,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
