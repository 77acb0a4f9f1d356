/** The phases of the tiers bench: what each does, and the proof that it did that. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { moonStatuses } from "../test/e2e/workspace.ts";
import type { Bench, Calls } from "./tiers-box.ts";

/** Names of the phases, in the order of the report. */
export type PhaseName = "cold" | "filling" | "warm" | "warm-other" | "hot" | "hot-program" | "no-op";

/** Times and counts of one phase. */
export interface Timed {
  /** `cargo build` alone; null where moon runs all of it. */
  readonly buildSeconds: number | null;
  /** Build and test. */
  readonly seconds: number;
  /** CPU time of build and test, the daemons' part with it. */
  readonly cpuSeconds: number;
  readonly calls: Calls;
}

/** One phase: does it, checks it, says how long it took. Throws where the caches did something else. */
export type Phase = (bench: Bench) => Promise<Timed>;

/** What each phase is, for a report. */
export const WHAT: Readonly<Record<PhaseName, string>> = {
  cold: "no cache: cargo without sccache, empty target",
  filling: "through moon, sccache and bazel-remote both empty",
  warm: "sccache, same path, empty target",
  "warm-other": "sccache, another worktree",
  hot: "bazel-remote, fresh worktree, results only",
  "hot-program": "the same and the built program fetched",
  "no-op": "cargo, nothing to do",
};

/** Orders of the rounds in turn, so that a machine that drifts favours no phase. `filling` precedes all that hit. */
export const ROUND_ORDERS: readonly (readonly PhaseName[])[] = [
  ["filling", "hot-program", "hot", "warm-other", "no-op", "warm", "cold"],
  ["cold", "filling", "warm", "warm-other", "no-op", "hot", "hot-program"],
];

/** The phases by name. */
export const PHASES: Readonly<Record<PhaseName, Phase>> = {
  cold: async (bench) => {
    bench.wipe(bench.repository);
    const timed = await cargo(bench, bench.repository, { RUSTC_WRAPPER: "" });
    demand(
      timed.calls.hits + timed.calls.misses + timed.calls.uncached === 0,
      "cold",
      "sccache was asked",
      timed,
    );
    return timed;
  },
  filling: async (bench) => {
    bench.wipe(bench.repository);
    const timed = await moon(bench, bench.repository, ["build", "test", "program"], "skipped");
    demand(timed.calls.hits === 0 && timed.calls.misses > 0, "filling", "sccache was not empty", timed);
    return timed;
  },
  warm: async (bench) => {
    bench.wipe(bench.repository);
    const timed = await cargo(bench, bench.repository);
    demand(timed.calls.misses === 0 && timed.calls.hits > 0, "warm", "not every cacheable call hit", timed);
    return timed;
  },
  "warm-other": async (bench) => {
    const timed = await cargo(bench, await bench.worktree("other"));
    demand(timed.calls.hits > timed.calls.misses, "warm-other", "not even half of the calls hit", timed);
    return timed;
  },
  hot: async (bench) => await hot(bench, "hot", ["build", "test"]),
  "hot-program": async (bench) => {
    const timed = await hot(bench, "hot-program", ["build", "test", "program"]);
    const program = join(bench.box.home, "src/hot-program/target/debug/hits");
    demand(existsSync(program), "hot-program", "the program was not fetched", timed);
    await bench.run([program, "--version"], bench.repository);
    return timed;
  },
  "no-op": async (bench) => {
    const timed = await cargo(bench, join(bench.box.home, "src/other"), {}, /Compiling/);
    demand(
      timed.calls.hits + timed.calls.misses + timed.calls.uncached === 0,
      "no-op",
      "rustc was called",
      timed,
    );
    return timed;
  },
};

async function hot(bench: Bench, name: PhaseName, tasks: readonly string[]): Promise<Timed> {
  const timed = await moon(bench, await bench.worktree(name), tasks, "cached-from-remote");
  demand(timed.calls.hits + timed.calls.misses + timed.calls.uncached === 0, name, "rustc was called", timed);
  return timed;
}

/** Build, then test, by cargo; output that matches `never` is an error. */
async function cargo(
  bench: Bench,
  checkout: string,
  env: Record<string, string> = {},
  never?: RegExp,
): Promise<Timed> {
  return await watched(bench, checkout, async (elapsed) => {
    const built = await bench.run(["cargo", "build", "--workspace", "--locked"], checkout, env);
    const buildSeconds = elapsed();
    const tested = await bench.run(["cargo", "test", "--workspace", "--locked"], checkout, env);
    const output = built.output + tested.output;
    if (never?.test(output)) throw new Error(`cargo did what it should not (${never}):\n${output}`);
    return buildSeconds;
  });
}

/** Tasks by moon, each of which must end in `status`. */
async function moon(
  bench: Bench,
  checkout: string,
  tasks: readonly string[],
  status: string,
): Promise<Timed> {
  return await watched(bench, checkout, async () => {
    const result = await bench.run(["moon", "run", ...tasks.map((task) => `:${task}`)], checkout);
    const statuses = moonStatuses(checkout);
    for (const task of tasks) {
      const seen = statuses[`workspace:${task}`];
      if (seen !== status) throw new Error(`moon: ${task} is ${seen}, wanted ${status}:\n${result.output}`);
    }
    return null;
  });
}

/** Time, CPU time and sccache's calls of some work; the work gives the seconds of its build. */
async function watched(
  bench: Bench,
  checkout: string,
  work: (elapsed: () => number) => Promise<number | null>,
): Promise<Timed> {
  await bench.box.run(["sync"], checkout);
  const calls = await bench.calls();
  const cpu = bench.cpuSeconds();
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const buildSeconds = await work(elapsed);
  const [seconds, cpuSeconds] = [elapsed(), bench.cpuSeconds() - cpu];
  return { buildSeconds, seconds, cpuSeconds, calls: since(calls, await bench.calls()) };
}

function since(before: Calls, now: Calls): Calls {
  return {
    hits: now.hits - before.hits,
    misses: now.misses - before.misses,
    uncached: now.uncached - before.uncached,
  };
}

function demand(holds: boolean, phase: PhaseName, what: string, { calls }: Timed): void {
  if (!holds) throw new Error(`${phase}: ${what}: ${JSON.stringify(calls)}; no figure`);
}
