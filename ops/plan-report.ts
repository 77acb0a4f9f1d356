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
import { type Layout, PLAIN, styled, table, wrapped } from "./layout.ts";
import { counted } from "./words.ts";

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
    return { agents, refused: error.issues.map(({ expected }) => expected).join("; ") };
  }
}

/** The whole plan of one host for people: the budget, every term with its reason, and the comparison. Pure. */
export function planReport(facts: HostFacts, host: HostConfig, name: string, layout: Layout = PLAIN): string {
  const { plan, whatIf } = planData(facts, host, name);
  return [
    heading(plan, facts),
    budget(plan, layout),
    termLines(plan.terms, layout),
    comparison(whatIf, layout),
  ]
    .join("\n\n")
    .concat("\n");
}

function heading(plan: CachePlan, facts: HostFacts): string {
  const { total, active } = plan.agents;
  const disk = facts.disks["bazel-remote"];
  return `Plan for ${formatBytes(plan.memory)} of RAM, ${plan.cores} cores and ${formatBytes(disk.free)} free on ${disk.device}: ${counted(total, "agent shares", "agents share")} the box, ${counted(active, "builds", "build")} at once.`;
}

function budget(plan: CachePlan, layout: Layout): string {
  const rows: [string, string, string][] = [
    ["system and agents", formatBytes(plan.reserve), reserveSum(plan)],
    ["bazel-remote", formatBytes(plan.bazelRemote.memory), `index of ${plan.bazelRemote.entries} blobs`],
    ["sccache", formatBytes(plan.sccache.memory), "server"],
    ["builders", formatBytes(plan.builders.memory), builderSum(plan.builders)],
    ["left", formatBytes(plan.left), "page cache"],
    ["sum", formatBytes(plan.memory), ""],
  ];
  return table([["", "RAM", ""], ...rows], layout).join("\n");
}

function reserveSum(plan: CachePlan): string {
  const agents = plan.agents.total * AGENT_RAM.value;
  const shared = counted(plan.agents.total, "agent");
  return `${formatBytes(bytes(plan.reserve - agents))} system + ${shared} × ${formatBytes(AGENT_RAM.value)}`;
}

const LINE_WIDTH = 110;
const INDENT = " ".repeat(6);

function termLines(terms: readonly Term[], layout: Layout): string {
  const width = Math.min(layout.columns ?? LINE_WIDTH, LINE_WIDTH) - INDENT.length;
  const lines = terms.flatMap(({ name, value, reason, source }) => [
    `  ${name} = ${value}`,
    ...[...wrapped(reason, width), ...(source === undefined ? [] : [source])].map((line) => INDENT + line),
  ]);
  return [styled(layout, "bold", "Every term"), ...lines].join("\n");
}

function comparison(rows: WhatIf[], layout: Layout): string {
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
  return [styled(layout, "bold", "If all agents built at once"), ...table([head, ...cells], layout)].join(
    "\n",
  );
}

function whatIfCells(agents: number, plan: CachePlan): string[] {
  const { builders } = plan;
  return [
    `${agents}`,
    `${builders.jobs}`,
    `${builders.maxTasks}`,
    `${builders.active * builders.maxTasks * builders.jobs}`,
    formatBytes(builders.memory),
    formatBytes(bytes(plan.left)),
    formatBytes(plan.bazelRemote.max_size),
    formatBytes(plan.sccache.max_size),
  ];
}
