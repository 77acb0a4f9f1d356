import type { Hits, HostStatus } from "./parse.ts";

/** Counters of one host at one time. `server` is the process that counted: another one starts from zero. */
export type Snapshot = {
  epochSeconds: number;
  sccache: (Hits & { server: number | null }) | null;
  "bazel-remote": (Hits & { server: number | null }) | null;
  evictedBytes: number | null;
  swappedInPages: number;
};

/** What happened between two looks. */
export type Delta = {
  seconds: number;
  sccache: Hits | null;
  "bazel-remote": Hits | null;
  evictedBytes: number | null;
  swappedInPages: number;
};

/** The counters of a status. */
export function snapshotOf(status: HostStatus): Snapshot {
  const server = (name: string) => status.services[name]?.pid ?? null;
  const { sccache, "bazel-remote": remote } = status;
  const actions = typeof remote === "object" ? (remote?.actions ?? null) : null;
  return {
    epochSeconds: status.epochSeconds,
    sccache:
      sccache === null || sccache === "no answer"
        ? null
        : { hits: sccache.hits, misses: sccache.misses, server: server("sccache") },
    "bazel-remote": actions && { ...actions, server: server("bazel-remote") },
    evictedBytes: typeof remote === "object" ? (remote?.evictedBytes ?? null) : null,
    swappedInPages: status.memory.swappedInPages,
  };
}

/** What happened between two snapshots of one host. A counter that fell was restarted: it counts from zero. */
export function deltaOf(current: Snapshot, before: Snapshot): Delta {
  return {
    seconds: current.epochSeconds - before.epochSeconds,
    sccache: hitsSince(current.sccache, before.sccache),
    "bazel-remote": hitsSince(current["bazel-remote"], before["bazel-remote"]),
    evictedBytes:
      current.evictedBytes === null ? null : since(current.evictedBytes, before.evictedBytes ?? 0),
    swappedInPages: since(current.swappedInPages, before.swappedInPages),
  };
}

function hitsSince(current: Snapshot["sccache"], before: Snapshot["sccache"]): Hits | null {
  if (current === null) return null;
  const restarted =
    before === null ||
    current.server !== before.server ||
    current.hits < before.hits ||
    current.misses < before.misses;
  if (restarted) return { hits: current.hits, misses: current.misses };
  return { hits: current.hits - before.hits, misses: current.misses - before.misses };
}

const since = (current: number, before: number): number => (current < before ? current : current - before);
