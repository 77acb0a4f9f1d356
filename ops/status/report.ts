import { type Layout, PLAIN, styled, table } from "../layout.ts";
import { counted, readableBytes, readablePercent, readableSeconds } from "../words.ts";
import type { Delta } from "./delta.ts";
import type { BazelRemoteStatus, Hits, HostStatus, ServiceStatus } from "./parse.ts";

/** One host for the report: its answer, and what happened since the last call. */
export type Reported = { name: string; where: string } & (
  | { status: HostStatus; delta: Delta | null }
  | { error: string }
);

const HEAD = ["", "STATE", "HITS SINCE START", "SIZE", "EVICTED", "SETTINGS"];

/** The report of a whole stack: one block per host, columns aligned within it. */
export function statusReport(hosts: readonly Reported[], layout = PLAIN): string {
  return `${hosts.map((host) => hostLines(host, layout).join("\n")).join("\n\n")}\n`;
}

function hostLines(host: Reported, layout: Layout): string[] {
  const title = styled(layout, "bold", `${host.name}  (${host.where})`);
  if ("error" in host) return [`${title}: ${styled(layout, "red", host.error)}`];
  const { status, delta } = host;
  if (!status.installed) return [`${title}: nothing of warmbox is set up here; next: ./warmbox up`];
  const head = delta === null ? HEAD : HEAD.toSpliced(3, 0, `SINCE ${readableSeconds(delta.seconds)} AGO`);
  const tiers = [sccacheRow(status, delta), remoteRow(status, delta), registryRow(status, delta)];
  return [
    title,
    ...table([head, ...tiers], layout),
    ...table(facts(status, delta), layout),
    ...Object.values(status.pending).map((sentence) => `  ${sentence}; next: ./warmbox up`),
    ...Object.entries(status.drift).flatMap(driftLines),
  ];
}

function sccacheRow(status: HostStatus, delta: Delta | null): string[] {
  const { sccache } = status;
  const answer = sccache === null || sccache === "no answer" ? null : sccache;
  return [
    "sccache",
    stateWords(status.services.sccache, sccache),
    hitWords(answer),
    ...(delta === null ? [] : [hitWords(delta.sccache)]),
    sizeWords(answer?.sizeBytes ?? null, answer?.maxSizeBytes ?? null),
    "unknown", // sccache counts no evictions
    settingWords(status, "sccache"),
  ];
}

function remoteRow(status: HostStatus, delta: Delta | null): string[] {
  const remote = status["bazel-remote"];
  const answer = typeof remote === "object" ? remote : null;
  const isProtected = remote === "authentication required";
  const isOff = isProtected || (answer !== null && answer.actions === null);
  return [
    "bazel-remote",
    stateWords(status.services["bazel-remote"], remote),
    isOff ? "unknown (1)" : hitWords(answer?.actions ?? null),
    ...(delta === null ? [] : [isOff ? "unknown (1)" : hitWords(delta["bazel-remote"])]),
    isProtected ? "unknown (1)" : sizeWords(answer?.sizeBytes ?? null, answer?.maxSizeBytes ?? null),
    isOff ? "unknown (1)" : answer?.evictedBytes == null ? "-" : readableBytes(answer.evictedBytes),
    settingWords(status, "bazel-remote"),
  ];
}

function registryRow(status: HostStatus, delta: Delta | null): string[] {
  const blank = delta === null ? ["", "", ""] : ["", "", "", ""];
  return ["cargo", counted(status.cargo.crates, "crate"), ...blank, settingWords(status, "cargo")];
}

function stateWords(service: ServiceStatus | undefined, answer: unknown): string {
  if (service === undefined) return answer === null ? "not set up" : "answers";
  if (service.state !== "running") return service.state;
  const restarts = service.restarts === null ? [] : [counted(service.restarts, "restart")];
  const since = service.runningSeconds === null ? "" : ` ${readableSeconds(service.runningSeconds)}`;
  const silence = answer === null ? ["does not listen"] : answer === "no answer" ? ["does not answer"] : [];
  return [`running${since}`, ...restarts, ...silence].join(", ");
}

function hitWords(hits: Hits | null): string {
  if (hits === null) return "-";
  const lookups = hits.hits + hits.misses;
  return lookups === 0 ? "no lookups" : `${readablePercent(hits.hits, lookups)} of ${lookups}`;
}

function sizeWords(size: number | null, cap: number | null): string {
  if (cap === null) return "-";
  const used = size === null ? "unknown" : readableBytes(size);
  const part = size === null ? "" : ` (${readablePercent(size, cap)})`;
  return `${used} of ${readableBytes(cap)}${part}`;
}

function settingWords({ drift, pending }: HostStatus, resource: string): string {
  if (drift[resource] !== undefined) return "NOT as applied";
  return pending[resource] === undefined ? "as applied" : "NOT applied yet";
}

function facts(status: HostStatus, delta: Delta | null): string[][] {
  const endingServices = Object.entries(status.services).filter(([, { survivesReboot }]) => !survivesReboot);
  const remote = status["bazel-remote"];
  const sccache = status.sccache;
  return [
    ["builds", agentWords(status)],
    ...status.agents.queue.map(({ pid, state, command }) => ["", `${state}: ${command} (process ${pid})`]),
    ...(typeof remote === "object" && remote !== null ? [["index", indexWords(remote)]] : []),
    ...(sccache === null || sccache === "no answer" ? [] : levelRows(sccache.levels)),
    ["memory", memoryWords(status, delta)],
    ...diskRows(status),
    ...(endingServices.length > 0
      ? [["reboot", `${endingServices.map(([name]) => name).join(" and ")} do not start again by themselves`]]
      : []),
    ...missingFigures(remote).map((reason) => ["(1)", reason]),
  ];
}

/** Why figures of bazel-remote are missing from the table. */
function missingFigures(remote: HostStatus["bazel-remote"]): string[] {
  if (remote === "authentication required")
    return ["bazel-remote requires a password or certificate for its figures"];
  if (typeof remote !== "object" || remote === null || remote.actions !== null) return [];
  return ["bazel-remote.settings: {enable_endpoint_metrics: true} in the stack shows it, and opens /status"];
}

function agentWords({ agents }: HostStatus): string {
  const counts = [
    ...(agents.jobs === null ? [] : [counted(agents.jobs, "cargo job")]),
    ...(agents.tasks === null ? [] : [counted(agents.tasks, "moon task")]),
  ];
  const share = counts.length === 0 ? "" : `, each with ${counts.join(" and ")}`;
  return `${agents.active} of ${counted(agents.total, "agent")} at once${share}`;
}

function indexWords(remote: BazelRemoteStatus): string {
  const { liveBytes, budgetBytes } = remote.index;
  const heap = remote.heapBytes === null ? "" : `, heap up to ${readableBytes(remote.heapBytes)}`;
  const budget = budgetBytes === null ? "" : ` of ${readableBytes(budgetBytes)}`;
  const mean = remote.files === 0 ? "" : `, ${readableBytes(remote.sizeBytes / remote.files)} each`;
  return `${counted(remote.files, "file")}${mean}; RAM for them ${readableBytes(liveBytes)}${budget}${heap}`;
}

function levelRows(levels: readonly (Hits & { name: string; writeFailures: number })[]): string[][] {
  return levels.map(({ name, writeFailures, ...hits }) => [
    name,
    `${hitWords(hits)}${writeFailures > 0 ? `, ${counted(writeFailures, "failed write")}` : ""}`,
  ]);
}

function memoryWords({ memory, pressure }: HostStatus, delta: Delta | null): string {
  const swapped = delta?.swappedInPages ?? memory.swappedInPages;
  return [
    `${readableBytes(memory.availableBytes)} of ${readableBytes(memory.totalBytes)} available`,
    ...(memory.limitBytes === null ? [] : [limitWords(memory)]),
    memory.swapTotalBytes === 0 ? "no swap" : `${counted(swapped, "page")} read back from swap`,
    ...(memory.oomKills > 0 ? [`${counted(memory.oomKills, "kill")} for lack of memory`] : []),
    pressure === null
      ? "this kernel has no PSI (pressure stall information)"
      : `time spent waiting in the last 10 s: memory ${pressure.memory} %, disk ${pressure.io} %, processor ${pressure.cpu} %`,
  ].join(", ");
}

const limitWords = ({ limitBytes, limitUsedBytes }: HostStatus["memory"]): string =>
  `${limitUsedBytes === null ? "" : `${readableBytes(limitUsedBytes)} used of `}${readableBytes(limitBytes ?? 0)} that the control group allows`;

/** One line a volume, with the caches on it. */
function diskRows({ disks }: HostStatus): string[][] {
  const volumes = Map.groupBy(Object.entries(disks), ([, { mount }]) => mount);
  return [...volumes].map(([mount, caches]) => {
    const { freeBytes = 0, totalBytes = 0 } = caches[0]?.[1] ?? {};
    const names = caches.map(([name]) => name).join(", ");
    return [
      "disk",
      `${readableBytes(freeBytes)} of ${readableBytes(totalBytes)} free on ${mount} (${names})`,
    ];
  });
}

function driftLines([name, diff]: [string, string]): string[] {
  const lines = diff.split("\n").map((line) => `    ${line}`);
  return [`  ${name} differs from what was applied; next: ./warmbox up`, ...lines];
}
