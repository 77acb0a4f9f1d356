import type { HostFacts } from "../host/facts.ts";
import type { HostConfig } from "../stacks/types.ts";
import { builderSum, pairFor } from "./builders.ts";
import { type Bytes, bazelRemoteGiB, formatBytes, goMemLimit } from "./bytes.ts";
import * as c from "./constants.ts";
import type { DiskRoom } from "./disk.ts";
import type { MemoryShares } from "./memory.ts";
import type { CachePlan } from "./sizing.ts";

/** One line of the budget: what, how much, why, and who says so. */
export type Term = { name: string; value: string; reason: string; source?: string };

type Numbers = Omit<CachePlan, "terms">;
type Rooms = { sccache: DiskRoom; bazelRemote: DiskRoom };

/** Every number of a plan with its reason, in the order of the budget. */
export function termsOf(
  plan: Numbers,
  shares: MemoryShares,
  facts: HostFacts,
  host: HostConfig,
  rooms: Rooms,
): Term[] {
  return [
    ...machineTerms(plan, shares, facts),
    ...builderTerms(plan, host),
    ...(host.sccache.enabled ? sccacheTerms(plan, host, rooms.sccache) : []),
    ...(host["bazel-remote"].enabled ? bazelRemoteTerms(plan, host, rooms.bazelRemote) : []),
    term(
      "left",
      formatBytes(plan.left),
      "page cache: sources, target directories and cached blobs are read from it",
    ),
  ];
}

function machineTerms(plan: Numbers, shares: MemoryShares, facts: HostFacts): Term[] {
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
      quota
        ? `the cgroup's quota of ${facts.cpuQuota}; the machine has ${facts.cpus}`
        : "processors that may be used",
    ),
    because("reserve.system", formatBytes(shares.system), c.SYSTEM_SHARE),
    because(
      "reserve.agents",
      `${formatBytes(shares.agents)} (${plan.agents.total} × ${formatBytes(c.AGENT_RAM.value)})`,
      c.AGENT_RAM,
    ),
  ];
}

function builderTerms(plan: Numbers, host: HostConfig): Term[] {
  const { builders: b } = plan;
  const pair = pairFor(b.active);
  const given = (key: string) => `set by the stack: ${key}`;
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
        : given("cargo.jobs"),
    ),
    term(
      "maxTasks",
      String(b.maxTasks),
      !host.moon.enabled
        ? "moon is off: one cargo at a time per agent"
        : host.moon.concurrency === undefined
          ? `MOON_CONCURRENCY: ${range(pair.tasks)} recommended for ${b.active} active, within the same bounds; tasks of one worktree wait for cargo's lock anyway`
          : given("moon.concurrency"),
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

function sccacheTerms(plan: Numbers, host: HostConfig, room: DiskRoom): Term[] {
  return [
    because("sccache.memory", formatBytes(plan.sccache.memory), c.SCCACHE_SHARE),
    sizeTerm(
      "sccache.max_size",
      plan.sccache.max_size,
      host.sccache.max_size,
      room,
      c.SCCACHE_DISK_PART,
      null,
    ),
  ];
}

function bazelRemoteTerms(plan: Numbers, host: HostConfig, room: DiskRoom): Term[] {
  const b = plan.bazelRemote;
  const ramBound =
    b.max_size < room.share
      ? `RAM: a quarter of ${formatBytes(plan.memory)} / ${formatBytes(c.INDEX_ENTRY.value)} × ${formatBytes(b.mean_blob_size)}`
      : null;
  return [
    because("bazel-remote.memory", formatBytes(b.memory), c.BAZEL_REMOTE_SHARE),
    sizeTerm(
      "bazel-remote.max_size",
      b.max_size,
      host["bazel-remote"].max_size,
      room,
      c.BAZEL_REMOTE_DISK_PART,
      ramBound,
    ),
    because(
      "bazel-remote.mean_blob_size",
      formatBytes(b.mean_blob_size),
      host["bazel-remote"].mean_blob_size === undefined
        ? c.MEAN_BLOB
        : { value: 0, reason: "set by the stack" },
    ),
    because(
      "bazel-remote.entries",
      `${b.entries} (${bazelRemoteGiB(b.max_size, "exact")}GiB / ${formatBytes(b.mean_blob_size)})`,
      c.INDEX_ENTRY,
    ),
    term(
      "GOMEMLIMIT",
      goMemLimit(b.GOMEMLIMIT),
      "bazel-remote's part of the budget; soft, and live data is about a third of it",
      "https://pkg.go.dev/runtime#hdr-Environment_Variables",
    ),
    because("GOGC", String(b.GOGC), c.GOGC),
    because("MemoryHigh", formatBytes(b.MemoryHigh), {
      value: 0,
      reason: `GOMEMLIMIT + ${b.entries} × ${c.SLAB_PER_FILE.value} bytes of inodes + ${formatBytes(c.BEYOND_HEAP.value)}: ${c.SLAB_PER_FILE.reason}`,
    }),
    term(
      "LimitNOFILE",
      String(b.LimitNOFILE),
      `${c.FILES_BASE.value} + upload queue + ${c.FILES_PER_MOON.value} per moon task: ${c.FILES_BASE.reason}; ${c.FILES_PER_MOON.reason}`,
    ),
    because("max_queued_uploads", String(b.max_queued_uploads), c.UPLOAD_QUEUE),
    because("num_uploaders", String(b.num_uploaders), c.UPLOADERS_PER_CORE),
  ];
}

function sizeTerm(
  name: string,
  size: Bytes,
  given: Bytes | undefined,
  room: DiskRoom,
  part: c.Constant,
  ram: string | null,
): Term {
  const percent = `${c.DISK_SHARE.value * 100} % ${c.DISK_SHARE.reason}`;
  const disk = room.shared ? `${part.value * 8}/8 of ${percent}; ${part.reason}` : percent;
  const kept =
    room.share !== room.fresh && ram === null
      ? `as applied before; reckoned anew ${formatBytes(room.fresh)}: ${c.KEEP_FACTOR.reason}`
      : null;
  const reason =
    given !== undefined ? `set by the stack; at most ${formatBytes(room.bound)} fit` : (ram ?? kept ?? disk);
  return {
    name,
    value: formatBytes(size),
    reason,
    ...(c.DISK_SHARE.source && { source: c.DISK_SHARE.source }),
  };
}

const term = (name: string, value: string, reason: string, source?: string): Term =>
  source === undefined ? { name, value, reason } : { name, value, reason, source };

const because = (name: string, value: string, why: c.Constant): Term =>
  term(name, value, why.reason, why.source);
