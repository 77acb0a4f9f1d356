import { expect, test } from "vitest";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { planHost } from "../../plan/sizing.ts";
import { type Bytes, formatBytes, gib, goMemLimit } from "../../stacks/bytes.ts";
import { hostOf, machine } from "./machine.ts";

/** Usual machines: RAM, cores, free disk, agents that share it and that build at once. */
const MACHINES = [
  { ram: 4, cpus: 2, disk: 80, total: 1, active: 1 },
  { ram: 8, cpus: 4, disk: 160, total: 2, active: 1 },
  { ram: 16, cpus: 8, disk: 320, total: 4, active: 2 },
  { ram: 32, cpus: 16, disk: 500, total: 8, active: 3 },
  { ram: 64, cpus: 16, disk: 1000, total: 16, active: 6 },
  { ram: 126, cpus: 32, disk: 2000, total: 40, active: 10 },
  { ram: 128, cpus: 64, disk: 2000, total: 40, active: 10 },
  { ram: 256, cpus: 96, disk: 4000, total: 80, active: 20 },
  { ram: 512, cpus: 128, disk: 8000, total: 160, active: 40 },
] as const;

type Row = [what: string, value: (plan: CachePlan) => string];

const size = (read: (plan: CachePlan) => Bytes) => (plan: CachePlan) => formatBytes(read(plan));
const count = (read: (plan: CachePlan) => number) => (plan: CachePlan) => String(read(plan));

const ROWS: Row[] = [
  ["agents sharing / building", (p) => `${p.agents.total} / ${p.agents.active}`],
  ["cargo jobs", count((p) => p.builders.jobs)],
  ["moon tasks (MOON_CONCURRENCY)", count((p) => p.builders.maxTasks)],
  ["rustc at once", count((p) => p.builders.active * p.builders.jobs * p.builders.maxTasks)],
  ["RAM per rustc", size((p) => p.builders.rustc)],
  ["maxAgents (nothing else running)", count((p) => p.maxAgents)],
  ["maxActive (beside the caches)", count((p) => p.maxActive)],
  ["RAM: system and agents", size((p) => p.reserve)],
  ["RAM: bazel-remote", size((p) => p.bazelRemote.memory)],
  ["RAM: sccache", size((p) => p.sccache.memory)],
  ["RAM: builders", size((p) => p.builders.memory)],
  ["RAM: left", size((p) => p.left)],
  ["sccache max_size", size((p) => p.sccache.max_size)],
  ["bazel-remote max_size", size((p) => p.bazelRemote.max_size)],
  ["bazel-remote entries", count((p) => p.bazelRemote.entries)],
  ["GOMEMLIMIT", (p) => goMemLimit(p.bazelRemote.GOMEMLIMIT)],
  ["GOGC", count((p) => p.bazelRemote.GOGC)],
  ["MemoryHigh", size((p) => p.bazelRemote.MemoryHigh)],
  ["LimitNOFILE", count((p) => p.bazelRemote.LimitNOFILE)],
  ["max_queued_uploads", count((p) => p.bazelRemote.max_queued_uploads)],
  ["num_uploaders", count((p) => p.bazelRemote.num_uploaders)],
];

function rendered(): string {
  const plans = MACHINES.map((m) =>
    planHost(
      machine(gib(m.ram), m.cpus, gib(m.disk)),
      hostOf({ agents: { total: m.total, active: m.active } }),
      "box",
    ),
  );
  const head = ["RAM / cores / free disk", ...MACHINES.map((m) => `${m.ram}GiB / ${m.cpus} / ${m.disk}GiB`)];
  const body = ROWS.map(([what, value]) => [what, ...plans.map(value)]);
  const rows = [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...body];
  const widths = head.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? "").length)));
  const lines = rows.map(
    (row) =>
      `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`,
  );
  return [
    "# What plan/sizing.ts gives usual machines",
    "",
    "Both caches on one empty volume, nothing set in the stack. `npx vitest run test/plan -u` writes this file; a stale one fails.",
    "",
    ...lines,
    "",
  ].join("\n");
}

test("the table of plans is what sizing gives now", async () => {
  await expect(rendered()).toMatchFileSnapshot("./sizing.table.md");
});
