import { limitingGroup, meminfo } from "../../host/limits.ts";
import { observedOf } from "../../host/observed.ts";
import { linesOf, parseSections, type Section, wordOf, wordsOf } from "../../host/sections.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { readableBytes } from "../words.ts";

/** Lookups and how many of them were answered. */
export type Hits = { hits: number; misses: number };

/** A service as it runs now. Unknown values are null. */
export type ServiceStatus = {
  kind: string;
  /** `running`, `stopped`, `failing`, `suspended` (stopped by a signal) or systemd's own word. */
  state: string;
  pid: number | null;
  runningSeconds: number | null;
  restarts: number | null;
  /** False: it ends with the machine, and no process starts it again. */
  survivesReboot: boolean;
  memoryBytes: number | null;
  openFiles: number | null;
  openFilesLimit: number | null;
};

/** Tier 1 as its server reports it. */
export type SccacheStatus = Hits & {
  sizeBytes: number | null;
  maxSizeBytes: number | null;
  errors: number;
  writeErrors: number;
  /** Compilations that sccache does not cache, by its reason. */
  notCached: Record<string, number>;
  /** Levels of a chain (disk, S3), in order; empty without one. */
  levels: (Hits & { name: string; writeFailures: number })[];
  version: string;
};

/** Tier 2 as its server reports it. `actions` and `evictedBytes` are null where its metrics are off. */
export type BazelRemoteStatus = {
  sizeBytes: number;
  maxSizeBytes: number;
  files: number;
  /** Lookups of task results. */
  actions: Hits | null;
  evictedBytes: number | null;
  /** Heap at which Go collects next. */
  heapBytes: number | null;
  index: { liveBytes: number; budgetBytes: number | null };
  version: string;
};

/** Share of time that something waited, percent over 10 s. */
export type Pressure = { cpu: number; memory: number; io: number };

/** What one host's caches hold and do. */
export type HostStatus = {
  /** False: warmbox has set nothing up here. */
  installed: boolean;
  epochSeconds: number;
  /** Null: no process listens on its port. `no answer`: one listens and does not answer. */
  sccache: SccacheStatus | "no answer" | null;
  /** `authentication required`: it answers, and gives its figures only with a password or certificate. */
  "bazel-remote": BazelRemoteStatus | "no answer" | "authentication required" | null;
  cargo: { crates: number };
  services: Record<string, ServiceStatus>;
  /** Sizes that the stack's file fixes and that are not in force: the words of `./warmbox status`, by resource. */
  pending: Record<string, string>;
  /** Resources that are not as they were applied, with the difference as a unified diff. */
  drift: Record<string, string>;
  memory: {
    totalBytes: number;
    availableBytes: number;
    swapTotalBytes: number;
    swapFreeBytes: number;
    /** Pages read back from swap since boot. */
    swappedInPages: number;
    oomKills: number;
    /** The limit of the control group that the plan uses, and the part in use, with the page cache; null: none. */
    limitBytes: number | null;
    limitUsedBytes: number | null;
  };
  pressure: Pressure | null;
  load: number[];
  disks: Record<string, { path: string; mount: string; totalBytes: number; freeBytes: number }>;
  agents: { total: number; active: number; jobs: number | null; tasks: number | null; queue: Build[] };
};

/** A command in the queue of `warmbox-run`: it builds, or waits at its place. */
export type Build = { pid: number; state: string; command: string };

/** Live heap of one index entry of bazel-remote, bytes: measured over a million entries. */
export const INDEX_LIVE_BYTES = 345;

/** The declared settings of a host that its status depends on. */
export type Declared = Pick<HostConfig, "agents"> & Partial<Pick<HostConfig, "sccache" | "bazel-remote">>;

/** Reads what host/scripts/status.sh printed. Pure. @throws Error where the answer is not complete */
export function parseStatus(text: string, host: Declared): HostStatus {
  const sections = parseSections(text);
  if (sections.at(-1)?.name !== "end")
    throw new Error(`its response was truncated after ${text.length} characters`);
  const services = servicesOf(sections);
  const { ledgers, library } = observedOf(sections);
  const drifted = Object.entries(ledgers).filter(([, { drift }]) => drift !== "");
  const tiers = {
    sccache: answerOf(sections, "sccache", sccacheOf),
    "bazel-remote": isProtected(sections)
      ? ("authentication required" as const)
      : answerOf(sections, "bazel-remote", bazelRemoteOf),
  };
  return {
    installed: library !== null || Object.keys(ledgers).length > 0,
    epochSeconds: numberOf(wordOf(linesOf(sections, "now"), "epoch")) ?? 0,
    ...tiers,
    cargo: { crates: numberOf(wordOf(linesOf(sections, "registry"), "crates")) ?? 0 },
    services,
    pending: pendingOf(tiers, host),
    drift: Object.fromEntries(drifted.map(([name, { drift }]) => [name, drift])),
    memory: memoryOf(sections),
    pressure: pressureOf(sections),
    load: (linesOf(sections, "file", "/proc/loadavg")[0] ?? "").split(" ").slice(0, 3).map(Number),
    disks: disksOf(linesOf(sections, "disks")),
    agents: {
      ...host.agents,
      jobs: numberOf(wordOf(linesOf(sections, "budget"), "jobs")),
      tasks: numberOf(wordOf(linesOf(sections, "budget"), "tasks")),
      queue: linesOf(sections, "agents").flatMap(buildOf),
    },
  };
}

/** A size that the file fixes is the one in force, or it was not applied yet. */
function pendingOf(
  tiers: Pick<HostStatus, "sccache" | "bazel-remote">,
  host: Declared,
): HostStatus["pending"] {
  return Object.fromEntries(
    (["sccache", "bazel-remote"] as const).flatMap((tier) => {
      const declaredSize = host[tier]?.max_size;
      const live = tiers[tier];
      const liveSize = typeof live === "object" && live !== null ? live.maxSizeBytes : null;
      if (declaredSize === undefined || liveSize === null || liveSize === declaredSize) return [];
      return [
        [
          tier,
          `${tier}.max_size is ${readableBytes(declaredSize)} in the stack, ${readableBytes(liveSize)} live`,
        ],
      ];
    }),
  );
}

const numberOf = (text: string | null | undefined): number | null =>
  text && Number.isFinite(Number(text)) ? Number(text) : null;

function answerOf<T>(
  sections: Section[],
  name: string,
  read: (lines: string[], sections: Section[]) => T,
): T | "no answer" | null {
  const lines = linesOf(sections, name);
  if (lines.length === 0) return null;
  return wordOf(lines, "json") === null ? "no answer" : read(lines, sections);
}

const isProtected = (sections: Section[]): boolean =>
  wordOf(linesOf(sections, "bazel-remote"), "protected") !== null;

/** `PID STATE COMMAND` between tabs, as `warmbox-run --status` prints it; its last line is a sum. */
function buildOf(line: string): Build[] {
  const [pid, state, ...command] = line.split("\t");
  return state === undefined ? [] : [{ pid: Number(pid), state, command: command.join(" ") }];
}

type Counts = { counts: Record<string, number> };
type SccacheJson = {
  stats: {
    cache_hits: Counts;
    cache_misses: Counts;
    cache_errors: Counts;
    cache_write_errors: number;
    not_cached: Record<string, number>;
    multi_level: { name: string; hits: number; misses: number; write_failures: number }[] | null;
  };
  cache_size: number | null;
  max_cache_size: number | null;
  version: string;
};

function sccacheOf(lines: string[]): SccacheStatus {
  const json = JSON.parse(wordOf(lines, "json") ?? "") as SccacheJson;
  const { stats } = json;
  return {
    hits: sum(stats.cache_hits),
    misses: sum(stats.cache_misses),
    sizeBytes: json.cache_size,
    maxSizeBytes: json.max_cache_size,
    errors: sum(stats.cache_errors),
    writeErrors: stats.cache_write_errors,
    notCached: stats.not_cached,
    levels: levelsOf(stats.multi_level),
    version: json.version,
  };
}

/** Every level, whatever shape a version gives the list. */
function levelsOf(levels: unknown): SccacheStatus["levels"] {
  if (!Array.isArray(levels)) return [];
  return levels.map((level) => ({
    name: String(level.name),
    hits: Number(level.hits),
    misses: Number(level.misses),
    writeFailures: Number(level.write_failures),
  }));
}

const sum = ({ counts }: Counts): number => Object.values(counts).reduce((total, n) => total + n, 0);

type RemoteJson = { CurrSize: number; MaxSize: number; NumFiles: number; GitTags?: string };

function bazelRemoteOf(lines: string[], sections: Section[]): BazelRemoteStatus {
  const json = JSON.parse(wordOf(lines, "json") ?? "") as RemoteJson;
  const metrics = new Map(wordsOf(lines, "metric").map((line) => splitLast(line)));
  const budget = wordOf(
    linesOf(sections, "service").filter((line) => line.startsWith("env GOMEMLIMIT=")),
    "env",
  );
  const actions = (status: string) =>
    metrics.get(`bazel_remote_incoming_requests_total{kind="ac",method="get",status="${status}"}`) ?? 0;
  return {
    sizeBytes: json.CurrSize,
    maxSizeBytes: json.MaxSize,
    files: json.NumFiles,
    actions: metrics.size === 0 ? null : { hits: actions("hit"), misses: actions("miss") },
    evictedBytes: metrics.get("bazel_remote_disk_cache_evicted_bytes_total") ?? null,
    heapBytes: metrics.get("go_memstats_next_gc_bytes") ?? null,
    index: { liveBytes: json.NumFiles * INDEX_LIVE_BYTES, budgetBytes: goBytes(budget) },
    version: json.GitTags ?? "",
  };
}

function splitLast(line: string): [string, number] {
  const space = line.lastIndexOf(" ");
  return [line.slice(0, space), Number(line.slice(space + 1))];
}

/** `GOMEMLIMIT=175MiB`, as warmbox writes it. */
function goBytes(text: string | null): number | null {
  const match = /^GOMEMLIMIT=(\d+)MiB$/.exec(text ?? "");
  return match ? Number(match[1]) * 1024 ** 2 : null;
}

function servicesOf(sections: Section[]): Record<string, ServiceStatus> {
  const systemd = linesOf(sections, "systemd");
  const serviceSections = sections.filter(({ name }) => name === "service");
  return Object.fromEntries(
    serviceSections.map(({ args, lines }) => {
      const [name = "", kind = ""] = args.split(" ");
      return [name, serviceOf(kind, lines, wordOf(systemd, "linger") !== null)];
    }),
  );
}

function serviceOf(kind: string, lines: string[], linger: boolean): ServiceStatus {
  const number = (key: string) => numberOf(wordOf(lines, key));
  const rss = number("rss");
  const enabled = wordOf(lines, "UnitFileState") === "enabled";
  return {
    kind,
    state: stateOf(kind, lines),
    pid: number("pid"),
    runningSeconds: number("age"),
    restarts: number("restarts"),
    survivesReboot:
      kind === "container"
        ? /^(unless-stopped|always)$/.test(wordOf(lines, "policy") ?? "")
        : enabled && (kind === "systemd-system" || linger),
    memoryBytes: rss === null ? null : rss * 1024,
    openFiles: number("fds"),
    openFilesLimit: number("nofile"),
  };
}

function stateOf(kind: string, lines: string[]): string {
  if (wordOf(lines, "pid") !== null) {
    if (wordOf(lines, "state") === "T") return "suspended";
    return kind === "process" && wordOf(lines, "supervisor") === null ? "running unsupervised" : "running";
  }
  if (kind !== "process") return wordOf(lines, "ActiveState") ?? "unknown";
  return wordOf(lines, "supervisor") === null ? "stopped" : "failing";
}

function memoryOf(sections: Section[]): HostStatus["memory"] {
  const lines = linesOf(sections, "file", "/proc/meminfo");
  const vm = linesOf(sections, "file", "/proc/vmstat");
  const of = (key: string) => meminfo(lines, key) ?? 0;
  const group = limitingGroup(linesOf(sections, "cgroup"), of("MemTotal"));
  return {
    limitBytes: group?.limit ?? null,
    limitUsedBytes: group === null ? null : numberOf(wordOf(linesOf(sections, "cgroup-used"), group.folder)),
    totalBytes: of("MemTotal"),
    availableBytes: of("MemAvailable") || of("MemFree"),
    swapTotalBytes: of("SwapTotal"),
    swapFreeBytes: of("SwapFree"),
    swappedInPages: numberOf(wordOf(vm, "pswpin")) ?? 0,
    oomKills: numberOf(wordOf(vm, "oom_kill")) ?? 0,
  };
}

/** Null on a kernel without pressure stall information. @see https://docs.kernel.org/accounting/psi.html */
function pressureOf(sections: Section[]): Pressure | null {
  const of = (name: string) => {
    const someLine = wordOf(linesOf(sections, "file", `/proc/pressure/${name}`), "some");
    return numberOf(/avg10=([\d.]+)/.exec(someLine ?? "")?.[1]);
  };
  const [cpu, memory, io] = [of("cpu"), of("memory"), of("io")];
  return cpu === null || memory === null || io === null ? null : { cpu, memory, io };
}

const CACHES = ["sccache", "bazel-remote", "cargo"];

/** `df -P -k` of each cache's directory, in that order. */
function disksOf(lines: string[]): HostStatus["disks"] {
  const volumes = wordsOf(lines, "df").map((line) =>
    /^.+?\s+(\d+)\s+-?\d+\s+(-?\d+)\s+\S+\s+(.+)$/.exec(line),
  );
  return Object.fromEntries(
    CACHES.flatMap((name, index) => {
      const [, total, free, mount] = volumes[index] ?? [];
      if (total === undefined || free === undefined || mount === undefined) return [];
      const path = wordOf(lines, name) ?? "";
      return [
        [
          name,
          { path, mount, totalBytes: Number(total) * 1024, freeBytes: Math.max(0, Number(free)) * 1024 },
        ],
      ];
    }),
  );
}
