import type { HostFacts } from "../host/types.ts";
import { bytes, formatBytes } from "../stacks/bytes.ts";
import { ConfigError } from "../stacks/issue.ts";
import type { HostConfig } from "../stacks/types.ts";
import { disabledBazelRemote, planBazelRemote } from "./bazel-remote.ts";
import { type Builders, builderSum, maxAgents, planBuilders, rustcFor } from "./builders.ts";
import type { CachePlan } from "./cache-plan.ts";
import { type Sizing, sizingOf } from "./sizing-context.ts";
import { activeIssue, bazelRemoteIssue, jobsIssue, roomIssue, sccacheIssue } from "./sizing-issues.ts";

/**
 * Sizes one host from its facts and its stack entry. Pure, and monotonic: more RAM or disk never makes a cache smaller
 * or the number of builders lower. A size in the stack wins, within its bounds.
 *
 * @param name the host's key in the stack, for messages
 * @throws ConfigError with every issue if the machine is too small or the stack's sizes do not fit
 */
export function planHost(facts: HostFacts, host: HostConfig, name: string): CachePlan {
  return planOf(sizingOf(facts, host, name));
}

/** {@link planHost} from a sizing that is also used for the explanation. */
export function planOf(sizing: Sizing): CachePlan {
  const builders = buildersOf(sizing);
  requireCacheSizes(sizing);
  const plan = assemble(sizing, builders);
  assertAddsUp(plan, sizing.facts);
  return plan;
}

function buildersOf(sizing: Sizing): Builders {
  const { host, machine, shares } = sizing;
  const { active } = host.agents;
  const rustc = rustcFor(active, shares.room);
  if (rustc === null) throw new ConfigError([active === 1 ? roomIssue(sizing) : activeIssue(sizing)]);
  const builders = planBuilders({
    active,
    cores: machine.cores,
    room: shares.room,
    rustc,
    jobs: host.cargo.jobs,
    maxTasks: host.moon.enabled ? host.moon.concurrency : 1,
  });
  if (builders.memory > shares.room) throw new ConfigError([jobsIssue(sizing, builders)]);
  return builders;
}

function requireCacheSizes(sizing: Sizing): void {
  const { host } = sizing;
  const issues = [
    host.sccache.enabled ? sccacheIssue(sizing) : null,
    host["bazel-remote"].enabled ? bazelRemoteIssue(sizing) : null,
  ].filter((issue) => issue !== null);
  if (issues.length > 0) throw new ConfigError(issues);
}

function sccacheOf({ host, shares, rooms, facts }: Sizing): CachePlan["sccache"] {
  const max_size = host.sccache.max_size ?? rooms.sccache.share;
  return {
    max_size: host.sccache.enabled ? max_size : bytes(0),
    memory: shares.sccache,
    port: host.sccache.port,
    dir: facts.disks.sccache.path,
  };
}

function bazelRemoteOf(sizing: Sizing, maxTasks: number): CachePlan["bazelRemote"] {
  const { host, facts, machine, shares, rooms, meanBlob, indexed } = sizing;
  const dir = facts.disks["bazel-remote"].path;
  if (!host["bazel-remote"].enabled) return disabledBazelRemote(dir, meanBlob);
  return planBazelRemote({
    max_size: host["bazel-remote"].max_size ?? bytes(Math.min(indexed, rooms.bazelRemote.share)),
    mean: meanBlob,
    share: shares.bazelRemote,
    cores: machine.cores,
    agents: host.agents.total,
    maxTasks,
    files: openFiles(facts, host),
    dir,
  });
}

/** Only a service of an ordinary user is bound by that user's hard limit. */
function openFiles(facts: HostFacts, host: HostConfig): number | null {
  return host.scope === "system" || facts.user.uid === 0 ? null : facts.openFiles;
}

function assemble(sizing: Sizing, builders: Builders): CachePlan {
  const { machine, shares, host } = sizing;
  const reserve = bytes(shares.system + shares.agents);
  const sccache = sccacheOf(sizing);
  const bazelRemote = bazelRemoteOf(sizing, builders.maxTasks);
  const used = reserve + bazelRemote.memory + sccache.memory + builders.memory;
  return {
    ...machine,
    reserve,
    maxAgents: maxAgents(machine.memory, builders),
    maxActive: Math.floor(shares.room / builders.rustc),
    agents: host.agents,
    sccache,
    bazelRemote,
    builders,
    left: bytes(machine.memory - used),
  };
}

/** An error here is a defect of this file, not of the stack. */
function assertAddsUp(plan: CachePlan, facts: HostFacts): void {
  const sum = plan.reserve + plan.bazelRemote.memory + plan.sccache.memory + plan.builders.memory + plan.left;
  if (sum !== plan.memory) throw new Error(`budget of ${sum} bytes for ${plan.memory} bytes of RAM`);
  if (plan.memory > facts.memTotal)
    throw new Error(`budget of ${formatBytes(plan.memory)} on a smaller machine`);
  if (plan.builders.memory > plan.memory) throw new Error(`builders take ${builderSum(plan.builders)}`);
}
