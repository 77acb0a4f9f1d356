import type { HostFacts } from "../host/facts.ts";
import { type Bytes, bytes, formatBytes } from "../stacks/bytes.ts";
import { ConfigError, type Issue } from "../stacks/issue.ts";
import type { HostConfig } from "../stacks/types.ts";
import { type BazelRemotePlan, noBazelRemote, planBazelRemote, sizeByMemory } from "./bazel-remote.ts";
import { type Builders, builderSum, maxAgents, planBuilders, rustcFor } from "./builders.ts";
import { MEAN_BLOB } from "./constants.ts";
import { diskRooms } from "./disk.ts";
import { type Box, boxOf, type MemoryShares, memoryShares } from "./memory.ts";
import { activeIssue, bazelRemoteIssue, jobsIssue, roomIssue, sccacheIssue } from "./sizing-issues.ts";
import type { Term } from "./term.ts";
import { termsOf } from "./terms.ts";

/** Every number of one host, each with its term. Sizes are bytes. */
export type CachePlan = {
  /** RAM that is divided: the machine's, or its cgroup's limit where that is smaller. */
  memory: Bytes;
  /** Cores that may be used: affinity, and the cgroup's quota where that is smaller. */
  cores: number;
  /** RAM that stays with the system and with waiting agents. */
  reserve: Bytes;
  /** floor(RAM / (jobs × rustc × tasks)): builders at once if the machine did nothing else. */
  maxAgents: number;
  /** Builders at once, at one job each, beside everything else in this plan. */
  maxActive: number;
  agents: { total: number; active: number };
  /** cargo's `build.jobs`. */
  jobs: number;
  /** MOON_CONCURRENCY. */
  maxTasks: number;
  sccache: { max_size: Bytes; memory: Bytes; port: number; dir: string };
  bazelRemote: BazelRemotePlan;
  cargo: { home: string; jobs: number };
  builders: Builders;
  /** RAM that nothing above takes: page cache. */
  left: Bytes;
  terms: Term[];
};

/**
 * Sizes one host: facts and what its owner says in, every number out. Pure, and monotonic: more RAM or disk never
 * makes a cache smaller or builds fewer at once. What the stack sets wins, within its bounds.
 *
 * @param name the host's key in the stack, for messages
 * @throws ConfigError with every fault, where the machine or the stack's numbers do not add up
 */
export function planHost(facts: HostFacts, host: HostConfig, name: string): CachePlan {
  const box = boxOf(facts);
  const shares = memoryShares(box.memory, host);
  const builders = buildersOf(box, shares, host, name);
  const caches = cachesOf(facts, host, box, shares, builders, name);
  const plan = assemble(box, shares, builders, caches, host, facts);
  assertAddsUp(plan, facts);
  return { ...plan, terms: termsOf(plan, shares, facts, host, diskRooms(facts.disks, host)) };
}

function buildersOf(box: Box, shares: MemoryShares, host: HostConfig, name: string): Builders {
  const { active } = host.agents;
  const rustc = rustcFor(active, shares.room);
  if (rustc === null) {
    throw new ConfigError([
      active === 1 ? roomIssue(name, box, shares, host) : activeIssue(name, box, shares, host),
    ]);
  }
  const maxTasks = host.moon.enabled ? host.moon.concurrency : 1;
  const builders = planBuilders(active, box.cores, shares.room, rustc, { jobs: host.cargo.jobs, maxTasks });
  if (builders.memory > shares.room) throw new ConfigError([jobsIssue(name, builders, shares, host)]);
  return builders;
}

type Caches = { sccache: CachePlan["sccache"]; bazelRemote: BazelRemotePlan };

function cachesOf(
  facts: HostFacts,
  host: HostConfig,
  box: Box,
  shares: MemoryShares,
  builders: Builders,
  name: string,
): Caches {
  const rooms = diskRooms(facts.disks, host);
  const mean = host["bazel-remote"].mean_blob_size ?? MEAN_BLOB.value;
  const byMemory = sizeByMemory(shares.bazelRemote, mean);
  const issues: (Issue | null)[] = [
    host.sccache.enabled ? sccacheIssue(name, host, rooms.sccache, facts.disks.sccache) : null,
    host["bazel-remote"].enabled
      ? bazelRemoteIssue(name, host, rooms.bazelRemote, facts.disks["bazel-remote"], byMemory, box, mean)
      : null,
  ];
  const found = issues.filter((f) => f !== null);
  if (found.length > 0) throw new ConfigError(found);
  const max_size = host.sccache.max_size ?? rooms.sccache.share;
  return {
    sccache: {
      max_size: host.sccache.enabled ? max_size : bytes(0),
      memory: shares.sccache,
      port: host.sccache.port,
      dir: facts.disks.sccache.path,
    },
    bazelRemote: host["bazel-remote"].enabled
      ? planBazelRemote({
          max_size: host["bazel-remote"].max_size ?? bytes(Math.min(byMemory, rooms.bazelRemote.share)),
          mean,
          share: shares.bazelRemote,
          cores: box.cores,
          agents: host.agents.total,
          maxTasks: builders.maxTasks,
          files: openFiles(facts, host),
          dir: facts.disks["bazel-remote"].path,
        })
      : noBazelRemote(facts.disks["bazel-remote"].path, mean),
  };
}

/** Only a service of an ordinary user is bound by that user's hard limit. */
function openFiles(facts: HostFacts, host: HostConfig): number | null {
  return host.scope === "system" || facts.user.uid === 0 ? null : facts.openFiles;
}

function assemble(
  box: Box,
  shares: MemoryShares,
  builders: Builders,
  caches: Caches,
  host: HostConfig,
  facts: HostFacts,
): Omit<CachePlan, "terms"> {
  const reserve = bytes(shares.system + shares.agents);
  const taken = reserve + caches.bazelRemote.memory + caches.sccache.memory + builders.memory;
  return {
    ...box,
    reserve,
    maxAgents: maxAgents(box.memory, builders.jobs, builders.rustc, builders.maxTasks),
    maxActive: Math.floor(shares.room / builders.rustc),
    agents: host.agents,
    jobs: builders.jobs,
    maxTasks: builders.maxTasks,
    ...caches,
    cargo: { home: facts.cargoHome, jobs: builders.jobs },
    builders,
    left: bytes(box.memory - taken),
  };
}

/** The budget, checked where it is made: a fault here is a fault of this file, not of the stack. */
function assertAddsUp(plan: Omit<CachePlan, "terms">, facts: HostFacts): void {
  const sum = plan.reserve + plan.bazelRemote.memory + plan.sccache.memory + plan.builders.memory + plan.left;
  if (sum !== plan.memory) throw new Error(`budget of ${sum} bytes for ${plan.memory} bytes of RAM`);
  if (plan.memory > facts.memTotal)
    throw new Error(`budget of ${formatBytes(plan.memory)} on a smaller machine`);
  if (plan.builders.memory > plan.memory) throw new Error(`builders take ${builderSum(plan.builders)}`);
}
