/** The box of the tiers bench: the workspace as a git repository, its worktrees, and both caches emptied at will. */

import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PINNED } from "../stacks/versions.ts";
import type { Box } from "../test/e2e/box.ts";
import { addWorktree, demand } from "../test/e2e/workspace.ts";
import type { Finished } from "../test/support/process.ts";

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
  /** CPU time that the bench's commands and both daemons, with all that they started, have taken so far. */
  cpuSeconds(): number;
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
    const result = await box.run([warmboxRun, "--", ...line], checkout, { RUSTC_VERSION, ...env });
    if (result.code !== 0) throw new Error(`${line.join(" ")} ended with ${result.code}:\n${result.output}`);
    return result;
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
    cpuSeconds: () => cpuSeconds(box),
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

/** Each round has separate directories: `up` moves both daemons there, as a user would do to start with empty caches. */
async function provision(box: Box, round: number): Promise<void> {
  box.stack("local", {
    sccache: { max_size: "6GiB", dir: `${cacheRoot(round)}/sccache` },
    "bazel-remote": { max_size: "6GiB", dir: `${cacheRoot(round)}/bazel-remote` },
    // After the first fetch a build that needs the network fails.
    cargo: { settings: { net: { offline: round > 0 } } },
  });
  const result = await box.warmbox("up");
  if (result.code !== 0) throw new Error(`up ended with ${result.code}:\n${result.output}`);
}

async function calls(box: Box): Promise<Calls> {
  const sccache = join(box.home, `.local/share/warmbox/tools/sccache/${PINNED.sccache}/sccache`);
  const result = await demand(
    box,
    ["env", `SCCACHE_SERVER_PORT=${box.ports.sccache}`, sccache, "--show-stats", "--stats-format=json"],
    box.home,
  );
  const { stats } = JSON.parse(result.stdout);
  const total = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((sum, n) => sum + n, 0);
  const broken = total(stats.cache_errors.counts) + stats.cache_write_errors + stats.cache_timeouts;
  if (broken > 0) throw new Error(`sccache counts ${broken} errors:\n${result.stdout}`);
  return {
    hits: total(stats.cache_hits.counts),
    misses: total(stats.cache_misses.counts),
    uncached: stats.requests_not_cacheable,
  };
}

/** `USER_HZ`, the unit of /proc/PID/stat: the same on every Linux that Rust and Node run on. */
const TICKS_PER_SECOND = 100;

/**
 * Ended children count with their parent: the commands' with this process, the compilers' with the sccache server. CPU
 * time is what a busy machine changes least.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function cpuSeconds(box: Box): number {
  const daemons = ["sccache", "bazel-remote"].map((name) => times(daemonPid(box, name)));
  const own = times(process.pid);
  const ticks = daemons.reduce((sum, daemon) => sum + daemon.self + daemon.children, own.children);
  return ticks / TICKS_PER_SECOND;
}

function daemonPid(box: Box, name: string): number {
  const path = join(box.home, `.local/state/warmbox/run/${name}.pid`);
  const pid = /^daemon (\d+)/m.exec(readFileSync(path, "utf8"))?.[1];
  if (pid === undefined) throw new Error(`${path} names no daemon`);
  return Number(pid);
}

/** utime + stime, and cutime + cstime, which follow the name in brackets as the 12th to 15th field. */
function times(pid: number): { self: number; children: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
  return { self: utime + stime, children: cutime + cstime };
}
