import type { Bytes } from "../stacks/bytes.ts";
import type { DeclaredFacts } from "../stacks/types.ts";

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

/** A key of the user's own cargo configuration that wins over warmbox's. */
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
  /** TCP ports that a foreign process listens on. */
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

/** A disk as far as the host reported it. */
export type PartialDisk = Partial<Disk>;

/** A host as its stack names and declares it; `dirs` are the caches' directories where the stack names them. */
export type DeclaredHost = {
  name: string;
  facts?: DeclaredFacts | undefined;
  dirs?: Partial<Record<keyof HostFacts["disks"], string>>;
};

/** Facts as a host reported them. A fact that it did not report, or not in a known form, is missing. */
export type PartialFacts = Partial<Omit<HostFacts, "user" | "disks">> & {
  user: Partial<HostFacts["user"]>;
  disks: Record<keyof HostFacts["disks"], PartialDisk>;
};
