import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Finished } from "../support/process.ts";
import type { Box } from "./box.ts";

const FIXTURE = resolve(import.meta.dirname, "../fixtures/workspace");

/** Counters of a running sccache server that a build changes. */
export interface SccacheCounters {
  readonly hits: number;
  readonly misses: number;
  readonly requests: number;
  readonly maxCacheSize: number | null;
}

/** The real cargo + moon workspace of the tests in a git repository of the box's own. */
export async function makeRepository(box: Box): Promise<string> {
  const repository = join(box.home, "src", "workspace");
  mkdirSync(join(box.home, "src"), { recursive: true });
  cpSync(FIXTURE, repository, { recursive: true });
  await demand(box, ["git", "init", "-q", "-b", "main"], repository);
  await demand(box, ["git", "add", "-A"], repository);
  const who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  await demand(box, ["git", ...who, "commit", "-qm", "workspace"], repository);
  return repository;
}

/** A fresh git worktree beside the repository. */
export async function addWorktree(box: Box, repository: string, name: string): Promise<string> {
  const path = join(box.home, "src", name);
  await demand(box, ["git", "worktree", "add", "-q", "--detach", path], repository);
  return path;
}

/** Runs a command line as a session of the host would: with the environment file that warmbox wrote, which knows moon. */
export async function session(box: Box, line: string, cwd: string): Promise<Finished> {
  const prelude = `. "$HOME/.config/warmbox/env"; RUSTC_VERSION="$(rustc -V)"; export RUSTC_VERSION; `;
  return await box.run(["sh", "-c", prelude + line], cwd);
}

/** What the box's sccache server counted since its start. */
export async function sccacheCounters(box: Box): Promise<SccacheCounters> {
  const sccache = join(box.home, ".local/share/warmbox/tools/sccache/0.19.0/sccache");
  const result = await box.run([sccache, "--show-stats", "--stats-format=json"], box.home, {
    SCCACHE_SERVER_PORT: String(box.ports.sccache),
    SCCACHE_CONF: join(box.home, ".config/sccache/config"),
  });
  const answer = JSON.parse(result.stdout);
  const total = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((sum, n) => sum + n, 0);
  return {
    hits: total(answer.stats.cache_hits.counts),
    misses: total(answer.stats.cache_misses.counts),
    requests: answer.stats.compile_requests,
    maxCacheSize: answer.max_cache_size,
  };
}

/** What moon's run report says of each task's outputs: `cached-from-remote`, `cached` (this worktree's own), `skipped` (ran). */
export function moonStatuses(worktree: string): Record<string, string> {
  const report = JSON.parse(readFileSync(join(worktree, ".moon/cache/runReport.json"), "utf8"));
  const statuses: Record<string, string> = {};
  for (const action of report.actions) {
    const target = action.node?.params?.target;
    if (target === undefined) continue;
    for (const operation of action.operations) {
      if (operation.meta.type === "output-hydration") statuses[target] = operation.status;
    }
  }
  return statuses;
}

/** Runs a command that must succeed. */
export async function demand(box: Box, argv: readonly string[], cwd: string): Promise<Finished> {
  const result = await box.run(argv, cwd);
  if (result.code !== 0) throw new Error(`${argv.join(" ")} ended with ${result.code}:\n${result.output}`);
  return result;
}
