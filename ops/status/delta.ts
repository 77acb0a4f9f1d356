import type { Hits, HostStatus } from "./parse.ts";

/** Counters of one host at one time. `server` is the process that counted: another one starts from nought. */
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

/** What happened between two snapshots of one host. Counters that fell were restarted: they count from nought. */
export function deltaOf(now: Snapshot, before: Snapshot): Delta {
  return {
    seconds: now.epochSeconds - before.epochSeconds,
    sccache: hitsSince(now.sccache, before.sccache),
    "bazel-remote": hitsSince(now["bazel-remote"], before["bazel-remote"]),
    evictedBytes: now.evictedBytes === null ? null : since(now.evictedBytes, before.evictedBytes ?? 0),
    swappedInPages: since(now.swappedInPages, before.swappedInPages),
  };
}

function hitsSince(now: Snapshot["sccache"], before: Snapshot["sccache"]): Hits | null {
  if (now === null) return null;
  const restarted =
    before === null || now.server !== before.server || now.hits < before.hits || now.misses < before.misses;
  if (restarted) return { hits: now.hits, misses: now.misses };
  return { hits: now.hits - before.hits, misses: now.misses - before.misses };
}

const since = (now: number, before: number): number => (now < before ? now : now - before);
