import type { BazelRemoteStatus, HostStatus } from "./parse.ts";
import type { Reported } from "./report.ts";

type Labels = Record<string, string>;
type Sample = { labels: Labels; value: number };
type Family = { name: string; help: string; type: "gauge" | "counter"; of: (status: HostStatus) => Sample[] };

const optionalSample = (value: number | null | undefined, labels: Labels = {}): Sample[] =>
  value === null || value === undefined ? [] : [{ labels, value }];

const sccache = <T>(s: HostStatus, pick: (tier: Exclude<HostStatus["sccache"], "no answer" | null>) => T) =>
  s.sccache === null || s.sccache === "no answer" ? null : pick(s.sccache);

const remote = <T>({ "bazel-remote": tier }: HostStatus, pick: (tier: BazelRemoteStatus) => T) =>
  typeof tier === "object" && tier !== null ? pick(tier) : null;

const services = (
  s: HostStatus,
  pick: (service: HostStatus["services"][string]) => number | null,
): Sample[] =>
  Object.entries(s.services).flatMap(([service, state]) => optionalSample(pick(state), { service }));

const gauge = (name: string, help: string, of: Family["of"]): Family => ({ name, help, type: "gauge", of });
const counter = (name: string, help: string, of: Family["of"]): Family => ({
  name,
  help,
  type: "counter",
  of,
});

const PERCENT = 100;

/** Every metric, in the order of the text. Names end in their unit; counters in `_total`. */
const FAMILIES: readonly Family[] = [
  gauge("warmbox_service_up", "1 where the service's process runs.", (s) =>
    services(s, ({ state }) => (state.startsWith("running") ? 1 : 0)),
  ),
  gauge("warmbox_service_running_seconds", "Time since the service's process started.", (s) =>
    services(s, ({ runningSeconds }) => runningSeconds),
  ),
  counter(
    "warmbox_service_restarts_total",
    "Times that the service ended by itself and was started again.",
    (s) => services(s, ({ restarts }) => restarts),
  ),
  gauge("warmbox_service_memory_bytes", "Resident memory of the service's process.", (s) =>
    services(s, ({ memoryBytes }) => memoryBytes),
  ),
  gauge("warmbox_service_open_files", "Open files of the service's process.", (s) =>
    services(s, ({ openFiles }) => openFiles),
  ),
  gauge(
    "warmbox_service_survives_reboot",
    "1 where something starts the service again after a reboot.",
    (s) => services(s, ({ survivesReboot }) => (survivesReboot ? 1 : 0)),
  ),
  gauge("warmbox_drifted_resources", "Resources that are not as they were applied.", (s) =>
    optionalSample(Object.keys(s.drift).length),
  ),
  counter("warmbox_sccache_hits_total", "Compilations taken from sccache since its server started.", (s) =>
    optionalSample(sccache(s, ({ hits }) => hits)),
  ),
  counter("warmbox_sccache_misses_total", "Compilations that sccache did not have.", (s) =>
    optionalSample(sccache(s, ({ misses }) => misses)),
  ),
  counter(
    "warmbox_sccache_not_cached_total",
    "Compilations that sccache does not cache, by its reason.",
    (s) =>
      Object.entries(sccache(s, ({ notCached }) => notCached) ?? {}).flatMap(([reason, n]) =>
        optionalSample(n, { reason }),
      ),
  ),
  counter("warmbox_sccache_write_errors_total", "Entries that sccache could not write.", (s) =>
    optionalSample(sccache(s, ({ writeErrors }) => writeErrors)),
  ),
  gauge("warmbox_sccache_size_bytes", "What sccache's disk cache holds.", (s) =>
    optionalSample(sccache(s, ({ sizeBytes }) => sizeBytes)),
  ),
  gauge("warmbox_sccache_max_size_bytes", "Cap of sccache's disk cache as it is in force.", (s) =>
    optionalSample(sccache(s, ({ maxSizeBytes }) => maxSizeBytes)),
  ),
  counter("warmbox_bazel_remote_action_hits_total", "Task results that bazel-remote had.", (s) =>
    optionalSample(remote(s, ({ actions }) => actions?.hits)),
  ),
  counter("warmbox_bazel_remote_action_misses_total", "Task results that bazel-remote did not have.", (s) =>
    optionalSample(remote(s, ({ actions }) => actions?.misses)),
  ),
  counter(
    "warmbox_bazel_remote_evicted_bytes_total",
    "Bytes that bazel-remote deleted to stay below its cap.",
    (s) => optionalSample(remote(s, ({ evictedBytes }) => evictedBytes)),
  ),
  gauge("warmbox_bazel_remote_size_bytes", "What bazel-remote's disk cache holds.", (s) =>
    optionalSample(remote(s, ({ sizeBytes }) => sizeBytes)),
  ),
  gauge("warmbox_bazel_remote_max_size_bytes", "Cap of bazel-remote's disk cache as it is in force.", (s) =>
    optionalSample(remote(s, ({ maxSizeBytes }) => maxSizeBytes)),
  ),
  gauge("warmbox_bazel_remote_files", "Files in bazel-remote's index.", (s) =>
    optionalSample(remote(s, ({ files }) => files)),
  ),
  gauge("warmbox_bazel_remote_index_bytes", "Live memory of that index.", (s) =>
    optionalSample(remote(s, ({ index }) => index.liveBytes)),
  ),
  gauge(
    "warmbox_bazel_remote_index_budget_bytes",
    "Memory that the plan gives bazel-remote (GOMEMLIMIT).",
    (s) => optionalSample(remote(s, ({ index }) => index.budgetBytes)),
  ),
  gauge("warmbox_cargo_crates", "Crates in the shared registry.", (s) => optionalSample(s.cargo.crates)),
  gauge("warmbox_agents", "Agents that share the host.", (s) => optionalSample(s.agents.total)),
  gauge("warmbox_agents_active", "Agents that may build at once.", (s) => optionalSample(s.agents.active)),
  gauge("warmbox_builds_running", "Builds in the queue of warmbox-run whose turn it is.", (s) =>
    optionalSample(s.agents.queue.filter(({ state }) => state === "builds").length),
  ),
  gauge("warmbox_builds_waiting", "Builds in the queue of warmbox-run that wait for their turn.", (s) =>
    optionalSample(s.agents.queue.filter(({ state }) => state !== "builds").length),
  ),
  gauge("warmbox_memory_available_bytes", "Memory available without swapping.", (s) =>
    optionalSample(s.memory.availableBytes),
  ),
  gauge("warmbox_memory_total_bytes", "Memory of the host.", (s) => optionalSample(s.memory.totalBytes)),
  gauge("warmbox_memory_limit_bytes", "Memory that the control group allows.", (s) =>
    optionalSample(s.memory.limitBytes),
  ),
  gauge("warmbox_memory_limit_used_bytes", "Memory used of that limit, page cache included.", (s) =>
    optionalSample(s.memory.limitUsedBytes),
  ),
  counter("warmbox_swapped_in_pages_total", "Pages read back from swap since boot.", (s) =>
    optionalSample(s.memory.swappedInPages),
  ),
  counter("warmbox_oom_kills_total", "Processes killed for lack of memory since boot.", (s) =>
    optionalSample(s.memory.oomKills),
  ),
  gauge("warmbox_pressure_ratio", "Share of the last 10 s in which something waited for the resource.", (s) =>
    Object.entries(s.pressure ?? {}).flatMap(([resource, percent]) =>
      optionalSample(percent / PERCENT, { resource }),
    ),
  ),
  gauge("warmbox_disk_free_bytes", "Space that the user may still write on the cache's volume.", (s) =>
    Object.entries(s.disks).flatMap(([cache, { freeBytes }]) => optionalSample(freeBytes, { cache })),
  ),
  gauge("warmbox_disk_total_bytes", "Size of the cache's volume.", (s) =>
    Object.entries(s.disks).flatMap(([cache, { totalBytes }]) => optionalSample(totalBytes, { cache })),
  ),
];

/**
 * The status in Prometheus' text format, for node_exporter's textfile collector or a scrape.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText(hosts: readonly Reported[]): string {
  const up = hosts.map(({ name, ...rest }) => sample("warmbox_up", { host: name }, "error" in rest ? 0 : 1));
  const blocks = [block("warmbox_up", "1 where the host answered.", "gauge", up)];
  for (const family of FAMILIES) {
    const lines = hosts.flatMap((host) =>
      "error" in host
        ? []
        : family
            .of(host.status)
            .map(({ labels, value }) => sample(family.name, { host: host.name, ...labels }, value)),
    );
    if (lines.length > 0) blocks.push(block(family.name, family.help, family.type, lines));
  }
  return blocks.join("");
}

const block = (name: string, help: string, type: string, lines: string[]): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`;

function sample(name: string, labels: Labels, value: number): string {
  const labelPairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}{${labelPairs.join(",")}} ${value}`;
}

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
