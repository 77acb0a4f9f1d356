/** The box of the tiers bench: the workspace as a git repository, its worktrees, and both caches emptied at will. */
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PINNED } from "../plan/versions.ts";
import type { Box, Finished } from "../test/e2e/box.ts";
import { addWorktree, demand } from "../test/e2e/workspace.ts";

/** What sccache did for one phase, in calls of rustc. */
export interface Calls {
  readonly hits: number;
  readonly misses: number;
  /** Programs, tests, build scripts and proc macros: compiled each time, no cache keeps them. */
  readonly uncached: number;
}

/** A box with the workspace of the bench in it. */
export interface Bench {
  readonly box: Box;
  /** The first checkout; its path is the one that fills sccache. */
  readonly repository: string;
  /** New, empty caches for both daemons; a worktree or a `target` of an earlier round is deleted. */
  emptyCaches(round: number): Promise<void>;
  /** A checkout that nothing was ever built in. */
  worktree(name: string): Promise<string>;
  /** `target` and moon's own cache of a checkout, deleted. */
  wipe(checkout: string): void;
  /** Runs a command line that must succeed, as `warmbox-run` gives it to an agent. */
  run(line: readonly string[], checkout: string, env?: Record<string, string>): Promise<Finished>;
  /** What sccache did since its server started. */
  calls(): Promise<Calls>;
}

const WORKSPACE = join(import.meta.dirname, "workspace");

/** Provisions the box and fills tier 3, the registry, so that no phase waits for the network. */
export async function openBench(box: Box): Promise<Bench> {
  const repository = join(box.home, "src/workspace");
  await checkIn(box, repository);
  const bench = benchOf(box, repository);
  await bench.emptyCaches(0);
  await bench.run(["cargo", "fetch", "--locked"], repository);
  return bench;
}

function benchOf(box: Box, repository: string): Bench {
  const warmboxRun = join(box.home, ".local/share/warmbox/bin/warmbox-run");
  const rustc = box.run(["rustc", "-V"], box.home);
  const run: Bench["run"] = async (line, checkout, env = {}) => {
    const RUSTC_VERSION = (await rustc).stdout.trim();
    const done = await box.run([warmboxRun, "--", ...line], checkout, { RUSTC_VERSION, ...env });
    if (done.code !== 0) throw new Error(`${line.join(" ")} ended with ${done.code}:\n${done.output}`);
    return done;
  };
  const wipe = (checkout: string): void => {
    for (const path of ["target", ".moon/cache"])
      rmSync(join(checkout, path), { recursive: true, force: true });
  };
  return {
    box,
    repository,
    run,
    wipe,
    calls: () => calls(box),
    emptyCaches: async (round) => {
      wipe(repository);
      await provision(box, round);
      rmSync(join(box.home, cacheRoot(round - 1)), { recursive: true, force: true });
    },
    worktree: async (name) => {
      const path = join(box.home, "src", name);
      if (existsSync(path)) await demand(box, ["git", "worktree", "remove", "--force", path], repository);
      return await addWorktree(box, repository, name);
    },
  };
}

async function checkIn(box: Box, repository: string): Promise<void> {
  mkdirSync(join(box.home, "src"), { recursive: true });
  const built = (path: string): boolean =>
    /\/(target|\.moon\/cache)(\/|$)/.test(path.slice(WORKSPACE.length));
  cpSync(WORKSPACE, repository, { recursive: true, filter: (path) => !built(path) });
  await demand(box, ["git", "init", "-q", "-b", "main"], repository);
  await demand(box, ["git", "add", "-A"], repository);
  const who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
  await demand(box, ["git", ...who, "commit", "-qm", "workspace"], repository);
}

const cacheRoot = (round: number): string => `caches/round-${round}`;

/** Each round has directories of its own: `up` moves both daemons there, which is how a user would start anew. */
async function provision(box: Box, round: number): Promise<void> {
  box.stack("local", {
    sccache: { max_size: "6GiB", dir: `${cacheRoot(round)}/sccache` },
    "bazel-remote": { max_size: "6GiB", dir: `${cacheRoot(round)}/bazel-remote` },
    // After the first fetch a build that needs the network fails.
    cargo: { settings: { net: { offline: round > 0 } } },
  });
  const done = await box.warmbox("up");
  if (done.code !== 0) throw new Error(`up ended with ${done.code}:\n${done.output}`);
}

async function calls(box: Box): Promise<Calls> {
  const sccache = join(box.home, `.local/share/warmbox/tools/sccache/${PINNED.sccache}/sccache`);
  const asked = await demand(
    box,
    ["env", `SCCACHE_SERVER_PORT=${box.ports.sccache}`, sccache, "--show-stats", "--stats-format=json"],
    box.home,
  );
  const { stats } = JSON.parse(asked.stdout);
  const total = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((sum, n) => sum + n, 0);
  const broken = total(stats.cache_errors.counts) + stats.cache_write_errors + stats.cache_timeouts;
  if (broken > 0) throw new Error(`sccache counts ${broken} errors:\n${asked.stdout}`);
  return {
    hits: total(stats.cache_hits.counts),
    misses: total(stats.cache_misses.counts),
    uncached: stats.requests_not_cacheable,
  };
}
