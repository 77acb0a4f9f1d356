import { formatBytes } from "../../stacks/bytes.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { builderSum, pairFor } from "../builders.ts";
import type { CachePlan } from "../cache-plan.ts";
import * as c from "../constants.ts";
import type { Sizing } from "../sizing-context.ts";
import { bazelRemoteTerms } from "./bazel-remote.ts";
import { because, shareTerm, sizeTerm, type Term, term } from "./term.ts";

/** Every number of a plan with its reason, in the order of the budget. */
export function explain(plan: CachePlan, sizing: Sizing): Term[] {
  const { host } = sizing;
  return [
    ...machineTerms(plan, sizing),
    ...builderTerms(plan, host),
    ...(host.sccache.enabled ? sccacheTerms(plan, sizing) : []),
    ...(host["bazel-remote"].enabled ? bazelRemoteTerms(plan, sizing) : []),
    term(
      "left",
      formatBytes(plan.left),
      "page cache: sources, target directories and cached blobs are read from it",
    ),
  ];
}

function machineTerms(plan: CachePlan, { shares, facts }: Sizing): Term[] {
  const limited = facts.memLimit !== null && facts.memLimit < facts.memTotal;
  const quota = facts.cpuQuota !== null && facts.cpuQuota < facts.cpus;
  return [
    term(
      "memory",
      formatBytes(plan.memory),
      limited
        ? `the cgroup's limit; the machine has ${formatBytes(facts.memTotal)}`
        : "all RAM of the machine",
    ),
    term(
      "cores",
      String(plan.cores),
      quota ? `the cgroup's quota of ${facts.cpuQuota}; the machine has ${facts.cpus}` : "usable processors",
    ),
    shareTerm("reserve.system", shares.system, plan.memory, {
      share: c.SYSTEM_SHARE,
      min: c.SYSTEM_LEAST,
      max: c.SYSTEM_MOST,
    }),
    because(
      "reserve.agents",
      `${formatBytes(shares.agents)} (${plan.agents.total} × ${formatBytes(c.AGENT_RAM.value)})`,
      c.AGENT_RAM,
    ),
  ];
}

function builderTerms(plan: CachePlan, host: HostConfig): Term[] {
  const { builders: b } = plan;
  const pair = pairFor(b.active);
  const declared = (key: string) => `set by the stack: ${key}`;
  const range = ([low, high]: readonly [number, number]) => (low === high ? `${low}` : `${low} to ${high}`);
  const small =
    b.rustc < c.RUSTC_RAM.value
      ? `; this machine has no room for ${formatBytes(c.RUSTC_RAM.value)}, large crates will swap`
      : "";
  return [
    term("agents.total", String(plan.agents.total), "agents that share the machine"),
    term(
      "agents.active",
      String(b.active),
      `agents that build at once; the other ${plan.agents.total - b.active} wait`,
    ),
    { ...because("rustc", formatBytes(b.rustc), c.RUSTC_RAM), reason: c.RUSTC_RAM.reason + small },
    term(
      "jobs",
      String(b.jobs),
      host.cargo.jobs === undefined
        ? `cargo jobs per task: ${range(pair.jobs)} recommended for ${b.active} active, bounded by ${plan.cores} cores and by RAM`
        : declared("cargo.jobs"),
    ),
    term(
      "maxTasks",
      String(b.maxTasks),
      !host.moon.enabled
        ? "moon is disabled: one cargo at a time per agent"
        : host.moon.concurrency === undefined
          ? `MOON_CONCURRENCY: ${range(pair.tasks)} recommended for ${b.active} active, within the same bounds; tasks of one worktree wait for cargo's lock anyway`
          : declared("moon.concurrency"),
    ),
    term("builders", formatBytes(b.memory), builderSum(b)),
    term(
      "maxAgents",
      String(plan.maxAgents),
      `floor(${formatBytes(plan.memory)} / (${b.jobs} × ${formatBytes(b.rustc)} × ${b.maxTasks})): builders if nothing else ran`,
    ),
    term("maxActive", String(plan.maxActive), "builders at one job each beside everything else here"),
  ];
}

function sccacheTerms(plan: CachePlan, { host, rooms }: Sizing): Term[] {
  return [
    shareTerm("sccache.memory", plan.sccache.memory, plan.memory, {
      share: c.SCCACHE_SHARE,
      min: c.SCCACHE_LEAST,
      max: c.SCCACHE_MOST,
    }),
    sizeTerm("sccache.max_size", plan.sccache.max_size, {
      declared: host.sccache.max_size,
      room: rooms.sccache,
      part: c.SCCACHE_DISK_PART,
      ram: null,
    }),
  ];
}
