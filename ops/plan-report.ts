import type { HostFacts } from "../host/types.ts";
import { builderSum } from "../plan/builders.ts";
import type { CachePlan } from "../plan/cache-plan.ts";
import { AGENT_RAM } from "../plan/constants.ts";
import { explain } from "../plan/explain/explain.ts";
import type { Term } from "../plan/explain/term.ts";
import { planHost, planOf } from "../plan/sizing.ts";
import { sizingOf } from "../plan/sizing-context.ts";
import { bytes, formatBytes } from "../stacks/bytes.ts";
import { ConfigError } from "../stacks/issue.ts";
import type { HostConfig } from "../stacks/types.ts";

/** Numbers of agents building at once that every report compares. */
export const WHAT_IF: readonly number[] = [1, 2, 3, 10, 20, 40];

/** One row of the comparison; `refused` says why that many do not fit. */
export type WhatIf = { agents: number; plan: CachePlan } | { agents: number; refused: string };

/** A plan as data: `./warmbox plan --json`. Sizes are bytes. */
export type PlanData = { plan: CachePlan & { terms: Term[] }; whatIf: WhatIf[] };

/** The plan of one host, and of the same host if other numbers of agents shared it and built at once. */
export function planData(facts: HostFacts, host: HostConfig, name: string): PlanData {
  const sizing = sizingOf(facts, host, name);
  const plan = planOf(sizing);
  return {
    plan: { ...plan, terms: explain(plan, sizing) },
    whatIf: WHAT_IF.map((agents) => whatIf(facts, host, agents, name)),
  };
}

function whatIf(facts: HostFacts, host: HostConfig, agents: number, name: string): WhatIf {
  try {
    return { agents, plan: planHost(facts, { ...host, agents: { total: agents, active: agents } }, name) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { agents, refused: error.issues.map((f) => f.expected).join("; ") };
  }
}

/** The whole plan of one host for people: the budget, every term with its reason, and the comparison. Pure. */
export function planReport(facts: HostFacts, host: HostConfig, name: string): string {
  const { plan, whatIf } = planData(facts, host, name);
  return [heading(plan, facts), budget(plan), termLines(plan.terms), comparison(whatIf)]
    .join("\n\n")
    .concat("\n");
}

function heading(plan: CachePlan, facts: HostFacts): string {
  const { total, active } = plan.agents;
  const disk = facts.disks["bazel-remote"];
  return `Plan for ${formatBytes(plan.memory)} of RAM, ${plan.cores} cores and ${formatBytes(disk.free)} free on ${disk.device}: ${counted(total, "agent shares", "agents share")} the box, ${counted(active, "builds", "build")} at once.`;
}

function budget(plan: CachePlan): string {
  const rows: [string, string, string][] = [
    ["system and agents", formatBytes(plan.reserve), reserveSum(plan)],
    ["bazel-remote", formatBytes(plan.bazelRemote.memory), `index of ${plan.bazelRemote.entries} blobs`],
    ["sccache", formatBytes(plan.sccache.memory), "server"],
    ["builders", formatBytes(plan.builders.memory), builderSum(plan.builders)],
    ["left", formatBytes(plan.left), "page cache"],
    ["sum", formatBytes(plan.memory), ""],
  ];
  return table(["", "RAM", ""], rows);
}

function reserveSum(plan: CachePlan): string {
  const agents = plan.agents.total * AGENT_RAM.value;
  const shared = counted(plan.agents.total, "agent", "agents");
  return `${formatBytes(bytes(plan.reserve - agents))} system + ${shared} × ${formatBytes(AGENT_RAM.value)}`;
}

const counted = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;

function termLines(terms: Term[]): string {
  const lines = terms.map((t) => {
    const source = t.source === undefined ? "" : `\n      ${t.source}`;
    return `  ${t.name} = ${t.value}\n${wrapped(t.reason, 6)}${source}`;
  });
  return ["Every term", ...lines].join("\n");
}

function comparison(rows: WhatIf[]): string {
  const head = [
    "agents at once",
    "jobs",
    "tasks",
    "rustc at once",
    "builders' RAM",
    "left",
    "bazel-remote",
    "sccache",
  ];
  const cells = rows.map((row): string[] =>
    "refused" in row ? [`${row.agents}`, row.refused] : whatIfCells(row.agents, row.plan),
  );
  return `If all agents built at once\n${table(head, cells)}`;
}

function whatIfCells(agents: number, plan: CachePlan): string[] {
  const { builders: b } = plan;
  return [
    `${agents}`,
    `${b.jobs}`,
    `${b.maxTasks}`,
    `${b.active * b.maxTasks * b.jobs}`,
    formatBytes(b.memory),
    formatBytes(bytes(plan.left)),
    formatBytes(plan.bazelRemote.max_size),
    formatBytes(plan.sccache.max_size),
  ];
}

/** Columns as wide as their widest cell; the last cell of a row may run on. */
function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) =>
    Math.max(...all.map((row) => (i < row.length - 1 ? (row[i] ?? "").length : 0))),
  );
  return all
    .map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

const LINE_WIDTH = 110;

function wrapped(text: string, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < LINE_WIDTH - indent)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => " ".repeat(indent) + line).join("\n");
}
