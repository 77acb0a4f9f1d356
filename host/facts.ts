import type { Bytes } from "../stacks/bytes.ts";
import type { DeclaredFacts } from "../stacks/types.ts";
import { cargoConfigFacts } from "./cargo-config.ts";
import { settledFacts } from "./declared.ts";
import { type SeenDisk, seenDisks } from "./disks.ts";
import { cpuCount, cpuQuota, meminfo, memoryLimit } from "./limits.ts";
import { observedOf } from "./observed.ts";
import { foreignPorts } from "./ports.ts";
import { linesOf, parseSections, type Section, wordOf, wordsOf } from "./sections.ts";
import { toolsOf } from "./tools-found.ts";

/** A volume as one directory sees it, and what already lies in that directory. */
export type Disk = {
  /** The directory meant, absolute; it need not exist yet. */
  path: string;
  /** Where its volume is mounted. */
  mount: string;
  /** The volume as the kernel names it: `/dev/sda2`, `overlay`, `tank/home`, `nas:/export`. */
  device: string;
  /** `ext4`, `xfs`, `btrfs`, `overlay`, … */
  fs: string;
  total: Bytes;
  /** What this user may still write. */
  free: Bytes;
  /** What the cache in `path` holds now: the live figure, else counted (estimated where counting takes too long), else 0. */
  held: Bytes;
  /** The cap that was last applied to this cache, from its ledger; null before the first `up`. Keeps a computed size from moving with every build's free space. */
  applied: Bytes | null;
};

/** A program found on the host. `version` is null when it did not answer in time. */
export type Tool = { path: string; version: string | null };

/** A key of the user's own cargo configuration that wins over ours. */
export type CargoConflict = { key: string; line: number };

/** What a machine is. Produced by {@link parseProbe}, or from declared facts alone. */
export type HostFacts = {
  arch: "x86_64" | "aarch64";
  libc: "glibc" | "musl" | "unknown";
  user: { name: string; uid: number; gid: number; home: string };
  memTotal: Bytes;
  /** The smallest limit of the cgroups above the probe, where it is below `memTotal`. */
  memLimit: Bytes | null;
  /** Processors this user may run on (affinity, cpuset). */
  cpus: number;
  /** Cores that the cgroups' CPU quota allows, where one is set; may be a fraction. */
  cpuQuota: number | null;
  /** Hard limit of open files; null = unlimited or unknown. */
  openFiles: number | null;
  disks: { sccache: Disk; "bazel-remote": Disk };
  /** `linger`: the user's units outlive the session. */
  systemd: { pid1: boolean; linger: boolean };
  /** Version of the docker server that this user can talk to, or null. */
  docker: string | null;
  /** Where that server is, as the docker client of this user has it: `unix:///var/run/docker.sock`. */
  dockerEndpoint?: string;
  /** That server runs without root, and so gives a container's files to other uids than it says. */
  dockerRootless?: boolean;
  tools: Record<"sccache" | "bazel-remote" | "moon" | "cargo", Tool | null>;
  cargoHome: string;
  cargoConfig: { path: string; includes: boolean; conflicts: CargoConflict[] };
  /** TCP ports that something which is not ours listens on. */
  ports: number[];
};

/** One resource as its ledger on the host knows it. */
export type LedgerFacts = {
  owner: string;
  generation: number;
  /** "" = intact; else unified diffs, ready to print. */
  drift: string;
  /** What a person should know that is no drift, such as a service that is still starting; left out where there is none. */
  notes?: string[];
};

/** What the box looks like against its ledgers. */
export type Observed = {
  /** sha256 of the installed library, or null. */
  library: string | null;
  ledgers: Record<string, LedgerFacts>;
};

/** One round trip to a host. */
export type Probe = { facts: HostFacts; observed: Observed };

/** A host as its stack names and declares it; `dirs` are the caches' directories where the stack names them. */
export type DeclaredHost = {
  name: string;
  facts?: DeclaredFacts | undefined;
  dirs?: Partial<Record<keyof HostFacts["disks"], string>>;
};

/** Facts as a host told them: what it did not tell, or not in a form that is known, is missing. */
export type SeenFacts = Partial<Omit<HostFacts, "user" | "disks">> & {
  user: Partial<HostFacts["user"]>;
  disks: Record<keyof HostFacts["disks"], SeenDisk>;
};

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
  if (failed !== undefined) throw new Error(notCompared(failed.words, host));
  return { facts: settledFacts(seenFacts(sections), host), observed: observedOf(sections) };
}

/**
 * A host that cannot be asked, from its declared facts alone: nothing of ours is known to be there.
 *
 * @throws ConfigError with every fact that is needed and not declared
 */
export function declaredProbe(host: DeclaredHost): Probe {
  return { facts: settledFacts(seenFacts([]), host), observed: observedOf([]) };
}

function seenFacts(sections: Section[]): SeenFacts {
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
function archOf(uname: string): Pick<SeenFacts, "arch"> {
  const arch = ARCHS[uname.split(" ").at(-1) ?? ""];
  return arch === undefined ? {} : { arch };
}

/** glibc where both are: then musl is an extra package. */
function libcOf(files: string[]): HostFacts["libc"] {
  if (files.some((f) => /\/ld-linux-|\/libc\.so\.6$/.test(f))) return "glibc";
  return files.length > 0 ? "musl" : "unknown";
}

/** `uid=1000(ci) gid=1000(ci) groups=…`; a user without an entry in passwd has no name. */
function userOf(lines: string[]): SeenFacts["user"] {
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
  return `hosts.${host.name}: what warmbox applied there could not be compared with what stands there (status ${status}); next: make ~/.local/state/warmbox readable for the host's user`;
}

function cutShort(text: string, host: DeclaredHost): string {
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  return `hosts.${host.name}: the answer of the host broke off after ${text.length} characters, at ${JSON.stringify(last.slice(0, 80))}; next: run it again, and if it stays, run host/scripts/probe.sh there by hand`;
}
