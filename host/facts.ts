import { cargoConfigFacts } from "./cargo-config.ts";
import { settledFacts } from "./declared.ts";
import { seenDisks } from "./disks.ts";
import { cpuCount, cpuQuota, meminfo, memoryLimit } from "./limits.ts";
import { observedOf } from "./observed.ts";
import { foreignPorts } from "./ports.ts";
import { linesOf, parseSections, type Section, wordOf, wordsOf } from "./sections.ts";
import { toolsOf } from "./tools-found.ts";
import type { DeclaredHost, HostFacts, PartialFacts, Probe } from "./types.ts";

/**
 * Reads what host/scripts/probe.sh and the library's `observe` printed. Pure.
 * Declared facts win over the host's own; a fact that neither has is a fault with the key that declares it.
 *
 * @throws ConfigError with every missing fact
 * @throws Error where the answer is not complete
 */
export function parseProbe(text: string, host: DeclaredHost): Probe {
  const sections = parseSections(text);
  if (sections.at(-1)?.name !== "end") throw new Error(cutShort(text, host));
  const failed = sections.find((s) => s.name === "failed");
  if (failed !== undefined) throw new Error(notCompared(failed.args, host));
  return { facts: settledFacts(seenFacts(sections), host), observed: observedOf(sections) };
}

/**
 * A host that cannot be asked, from its declared facts alone: warmbox knows of no ledger there.
 *
 * @throws ConfigError with every fact that is needed and not declared
 */
export function declaredProbe(host: DeclaredHost): Probe {
  return { facts: settledFacts(seenFacts([]), host), observed: observedOf([]) };
}

function seenFacts(sections: Section[]): PartialFacts {
  const host = linesOf(sections, "host");
  const memory = linesOf(sections, "file", "/proc/meminfo");
  const limits = linesOf(sections, "cgroup");
  const status = linesOf(sections, "file", "/proc/self/status");
  const sockets = [
    ...linesOf(sections, "file", "/proc/net/tcp"),
    ...linesOf(sections, "file", "/proc/net/tcp6"),
  ];
  const cargo = linesOf(sections, "cargo");
  const memTotal = meminfo(memory, "MemTotal");
  const cpus = cpuCount(status[0]?.split(/\s+/)[1] ?? null);
  return {
    ...archOf(wordOf(host, "uname") ?? ""),
    libc: libcOf(wordsOf(host, "libc")),
    user: userOf(host),
    ...(memTotal !== null && { memTotal, memLimit: memoryLimit(limits, memTotal) }),
    ...(cpus !== null && { cpus }),
    cpuQuota: cpuQuota(limits),
    openFiles: countOf(wordOf(host, "openfiles")),
    disks: seenDisks(sections),
    systemd: systemdOf(linesOf(sections, "systemd")),
    ...dockerOf(linesOf(sections, "slow")),
    tools: toolsOf(linesOf(sections, "slow")),
    ...(wordOf(cargo, "home") !== null && { cargoHome: wordOf(cargo, "home") as string }),
    cargoConfig: cargoConfigFacts(cargo),
    ports: foreignPorts(sockets, linesOf(sections, "processes")),
  };
}

function dockerOf(lines: string[]): Pick<HostFacts, "docker" | "dockerEndpoint" | "dockerRootless"> {
  const endpoint = wordOf(lines, "docker_endpoint");
  return {
    docker: wordOf(lines, "docker"),
    ...(endpoint === null ? {} : { dockerEndpoint: endpoint }),
    ...(wordOf(lines, "docker_rootless") === "yes" ? { dockerRootless: true } : {}),
  };
}

const ARCHS: Record<string, HostFacts["arch"]> = {
  x86_64: "x86_64",
  amd64: "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
};

/** `Linux MACHINE`. */
function archOf(uname: string): Pick<PartialFacts, "arch"> {
  const arch = ARCHS[uname.split(" ").at(-1) ?? ""];
  return arch === undefined ? {} : { arch };
}

/** glibc where both are: then musl is an extra package. */
function libcOf(files: string[]): HostFacts["libc"] {
  if (files.some((f) => /\/ld-linux-|\/libc\.so\.6$/.test(f))) return "glibc";
  return files.length > 0 ? "musl" : "unknown";
}

/** `uid=1000(ci) gid=1000(ci) groups=…`; a user without an entry in passwd has no name. */
function userOf(lines: string[]): PartialFacts["user"] {
  const match = lines.map((l) => /^uid=(\d+)(?:\(([^)]*)\))? gid=(\d+)/.exec(l)).find((m) => m !== null);
  const home = wordOf(lines, "home");
  const [, uid, name, gid] = match ?? [];
  return {
    ...(match && { uid: Number(uid), gid: Number(gid), name: name ?? `${uid}` }),
    ...(home && { home }),
  };
}

function systemdOf(lines: string[]): HostFacts["systemd"] {
  return { pid1: wordOf(lines, "pid1") === "systemd", linger: wordOf(lines, "linger") !== null };
}

const countOf = (text: string | null): number | null =>
  text !== null && /^\d+$/.test(text) ? Number(text) : null;

function notCompared(status: string, host: DeclaredHost): string {
  return `hosts.${host.name}: the files that warmbox applied could not be compared with the files on the host (status ${status}); next: make ~/.local/state/warmbox readable for the host's user`;
}

function cutShort(text: string, host: DeclaredHost): string {
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  return `hosts.${host.name}: the host's response was truncated after ${text.length} characters, at ${JSON.stringify(last.slice(0, 80))}; next: run it again, and if it stays, run host/scripts/probe.sh there by hand`;
}
