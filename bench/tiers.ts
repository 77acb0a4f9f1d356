/**
 * What each tier is worth on a real workspace: the same work (build and test of bench/workspace) cold, filling the
 * caches, warm by sccache, hot by bazel-remote, and with nothing to do. Every phase is held against the caches' own
 * counters: one that did not do what its name says is an error, not a figure. Writes tiers.md and tiers.svg.
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus, getPriority, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, formatBytes } from "../stacks/bytes.ts";
import { PINNED } from "../stacks/versions.ts";
import { makeBox } from "../test/e2e/box.ts";
import { roundsAsked } from "./rounds.ts";
import { type Bench, openBench } from "./tiers-box.ts";
import { PHASES, type PhaseName, ROUND_ORDERS } from "./tiers-phases.ts";
import { tiersPlot } from "./tiers-plot.ts";
import { type Machine, type Measured, ROUNDS, type Round, tiersReport } from "./tiers-report.ts";

/** The machine is looked at so often, so many milliseconds apart, before each phase. */
const LOOKS = 20;
const LOOK_MS = 100;

const asked = roundsAsked(ROUNDS, "tiers");
const box = await makeBox();
try {
  const bench = await openBench(box);
  const rounds: Round[] = [];
  for (let number = 1; number <= asked; number++) {
    await bench.emptyCaches(number);
    rounds.push(await measureRound(bench, number));
    const machine = await machineFacts(bench);
    // After every round, so that an interrupted run leaves what it has.
    writeFileSync(join(import.meta.dirname, "tiers.md"), tiersReport(machine, rounds));
    writeFileSync(join(import.meta.dirname, "tiers.svg"), tiersPlot(rounds));
  }
} finally {
  // A fault of the clean-up must not hide the one that led here.
  await box.warmbox("destroy", "--yes").catch((fault: Error) => console.error(`destroy: ${fault.message}`));
  box.remove();
}

async function measureRound(bench: Bench, number: number): Promise<Round> {
  const round: Partial<Record<PhaseName, Measured>> = {};
  for (const name of ROUND_ORDERS[number % ROUND_ORDERS.length] ?? []) {
    const others = await othersRunning();
    const measured = { ...(await PHASES[name](bench)), others };
    round[name] = measured;
    console.log(`round ${number}/${asked}  ${progress(name, measured)}`);
  }
  return round as Round;
}

function progress(name: PhaseName, { buildSeconds, seconds, cpuSeconds, calls, others }: Measured): string {
  const build = buildSeconds === null ? "" : `build ${buildSeconds.toFixed(1)} s, `;
  const what = `${calls.hits} hits, ${calls.misses} misses, ${calls.uncached} uncached`;
  const times = `${build}all ${seconds.toFixed(1)} s, CPU ${cpuSeconds.toFixed(1)} s`;
  return `${name.padEnd(12)} ${times.padEnd(44)} ${what}; ${others.toFixed(1)} other threads running`;
}

/** Threads of other work that run or wait for a core, while the bench rests: mean of looks at /proc/stat. */
async function othersRunning(): Promise<number> {
  let sum = 0;
  for (let look = 0; look < LOOKS; look++) {
    await sleep(LOOK_MS);
    const running = /^procs_running (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    sum += Number(running) - 1; // this process
  }
  return sum / LOOKS;
}

async function machineFacts({ repository }: Bench): Promise<Machine> {
  const rustc = await box.run(["rustc", "-V"], box.home);
  const pinned = ["sccache", "bazel-remote", "moon"] as const;
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    ram: formatBytes(bytes(totalmem())),
    niceness: getPriority(),
    program: formatBytes(bytes(statSync(join(repository, "target/debug/hits")).size)),
    versions: {
      rustc: rustc.stdout.split(" ")[1] ?? "unknown",
      ...Object.fromEntries(pinned.map((tool) => [tool, PINNED[tool]])),
    },
  };
}
