import { type Bytes, bytes, formatBytes, mib } from "../stacks/bytes.ts";
import { PAIRS, type Pair, RUSTC_RAM, RUSTC_RAM_LEAST } from "./constants.ts";

/** How many rustc run at once, and what each may take. */
export type Builders = {
  /** Agents that build at once. */
  active: number;
  /** moon tasks at once per agent. */
  maxTasks: number;
  /** cargo jobs at once per task. */
  jobs: number;
  /** RAM of one rustc: {@link RUSTC_RAM}, less only for a single builder on a small machine. */
  rustc: Bytes;
  /** active × maxTasks × jobs × rustc. */
  memory: Bytes;
};

/** Most agents that build at once when nothing else runs: floor(RAM / (jobs × rustc × tasks)). */
export function maxAgents(memory: Bytes, jobs: number, rustc: Bytes, maxTasks: number): number {
  return Math.floor(memory / (jobs * rustc * maxTasks));
}

/** The recommended ranges for that many active agents. */
export function pairFor(active: number): Pair {
  const pair = PAIRS.find((p) => active >= p.from);
  if (pair === undefined) throw new Error(`${active} active agents: at least 1 is needed`);
  return pair;
}

/** RAM of one rustc for `active` builders in `room`, or null when not even one each fits. */
export function rustcFor(active: number, room: number): Bytes | null {
  if (room >= active * RUSTC_RAM.value) return RUSTC_RAM.value;
  const rest = bytes(Math.max(0, Math.floor(room / mib(1))) * mib(1));
  return active === 1 && rest >= RUSTC_RAM_LEAST.value ? rest : null;
}

/** Settings of the user that win over the recommended pair. */
export type Fixed = { jobs?: number | undefined; maxTasks?: number | undefined };

/**
 * Jobs and tasks of each active agent: its even part of the cores (or of the RAM, whichever holds fewer rustc),
 * spent within the recommended ranges, on jobs before tasks: tasks of one worktree wait for cargo's target lock anyway.
 */
export function planBuilders(
  active: number,
  cores: number,
  room: number,
  rustc: Bytes,
  fixed: Fixed = {},
): Builders {
  const slots = Math.min(cores, Math.floor(room / rustc));
  const each = Math.max(1, Math.floor(slots / active));
  const pair = pairFor(active);
  const tasksFor = (jobs: number) => between(Math.floor(each / jobs), 1, pair.tasks[1]);
  const maxTasks = fixed.maxTasks ?? tasksFor(fixed.jobs ?? pair.jobs[0]);
  const jobs = fixed.jobs ?? between(Math.floor(each / maxTasks), 1, pair.jobs[1]);
  return { active, maxTasks, jobs, rustc, memory: bytes(active * maxTasks * jobs * rustc) };
}

/** `10 active × 1 task × 3 jobs × 2GiB`. */
export function builderSum(b: Builders): string {
  const count = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`;
  return `${b.active} active × ${count(b.maxTasks, "task")} × ${count(b.jobs, "job")} × ${formatBytes(b.rustc)}`;
}

const between = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high);
