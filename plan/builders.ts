import { type Bytes, bytes, formatBytes, mib } from "../stacks/bytes.ts";
import { PAIRS, type Pair, RUSTC_RAM, RUSTC_RAM_LEAST } from "./constants.ts";

/** How many rustc run at once, and the RAM of each. */
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

/** Most agents that build at once if nothing else runs: floor(RAM / (jobs × rustc × tasks)). */
export function maxAgents(memory: Bytes, { jobs, rustc, maxTasks }: Builders): number {
  return Math.floor(memory / (jobs * rustc * maxTasks));
}

/** The recommended ranges for that many active agents. */
export function pairFor(active: number): Pair {
  const pair = PAIRS.find((p) => active >= p.from);
  if (pair === undefined) throw new Error(`${active} active agents: at least 1 is needed`);
  return pair;
}

/** RAM of one rustc for `active` builders in `room` bytes, or null if there is not enough for one each. */
export function rustcFor(active: number, room: number): Bytes | null {
  if (room >= active * RUSTC_RAM.value) return RUSTC_RAM.value;
  const rest = bytes(Math.max(0, Math.floor(room / mib(1))) * mib(1));
  return active === 1 && rest >= RUSTC_RAM_LEAST.value ? rest : null;
}

/** Inputs of {@link planBuilders}; `jobs` and `maxTasks` of the stack win over the recommended pair. */
export type BuilderLimits = {
  active: number;
  cores: number;
  /** RAM for all builders, bytes. */
  room: number;
  rustc: Bytes;
  jobs: number | undefined;
  maxTasks: number | undefined;
};

/**
 * Jobs and tasks of each active agent: its even part of the cores (or of the RAM, if that holds fewer rustc), spent
 * within the recommended ranges, on jobs before tasks: tasks of one worktree wait for cargo's target lock anyway.
 */
export function planBuilders({ active, cores, room, rustc, ...fixed }: BuilderLimits): Builders {
  const slots = Math.min(cores, Math.floor(room / rustc));
  const slotsPerAgent = Math.max(1, Math.floor(slots / active));
  const pair = pairFor(active);
  const tasksFor = (jobs: number) => between(Math.floor(slotsPerAgent / jobs), 1, pair.tasks[1]);
  const maxTasks = fixed.maxTasks ?? tasksFor(fixed.jobs ?? pair.jobs[0]);
  const jobs = fixed.jobs ?? between(Math.floor(slotsPerAgent / maxTasks), 1, pair.jobs[1]);
  return { active, maxTasks, jobs, rustc, memory: bytes(active * maxTasks * jobs * rustc) };
}

/** `10 active × 1 task × 3 jobs × 2GiB`. */
export function builderSum(b: Builders): string {
  const count = (n: number, noun: string) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  return `${b.active} active × ${count(b.maxTasks, "task")} × ${count(b.jobs, "job")} × ${formatBytes(b.rustc)}`;
}

const between = (n: number, low: number, high: number): number => Math.min(Math.max(n, low), high);
