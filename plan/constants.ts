import { bytes, gib, kib, mib } from "../stacks/bytes.ts";

/** A number that sizing rests on: its value (unit in the type or the name), one sentence of reason, and who says so. */
export type Constant<T extends number = number> = {
  readonly value: T;
  readonly reason: string;
  readonly source?: string;
};

const constant = <T extends number>(value: T, reason: string, source?: string): Constant<T> =>
  source === undefined ? { value, reason } : { value, reason, source };

// ---- memory -------------------------------------------------------------------------------------------------------

/** RAM of one running rustc. */
export const RUSTC_RAM = constant(gib(2), "one rustc or linker at work on a large crate holds about 2GiB");

/** Least RAM one rustc may be given, on a machine that cannot hold {@link RUSTC_RAM}. */
export const RUSTC_RAM_LEAST = constant(
  mib(512),
  "below 512MiB rustc fails or swaps already on common crates such as syn, so a smaller machine is refused",
);

/** Part of RAM that the system keeps. */
export const SYSTEM_SHARE = constant(
  1 / 8,
  "kernel, sshd, journal, shells and the page cache that every build reads through",
);
/** Least and most RAM that the system keeps. */
export const SYSTEM_LEAST = constant(mib(256), "a Linux server that does nothing needs this much");
export const SYSTEM_MOST = constant(
  gib(8),
  "the system itself does not grow with RAM; what is left over is page cache anyway",
);

/** RAM of one agent that waits: a shell and moon. */
export const AGENT_RAM = constant(
  mib(128),
  "a waiting agent is a shell and an idle moon (about 105MiB measured); its editor, language server and model client are not in this plan",
);

/** Part of RAM that bazel-remote may take. */
export const BAZEL_REMOTE_SHARE = constant(
  1 / 4,
  "a quarter of RAM for the index; a public team that gave it more on 16GiB ended in swap, with 18s per batch read",
  "https://github.com/dxos/dxos/pull/12744",
);
/** Heap per cached file, garbage collector's headroom and request buffers included. */
export const INDEX_ENTRY = constant(
  kib(1.2),
  "bazel-remote keeps every file in its index: 345 bytes live, 1.1 to 1.2KiB of heap in the field under moon's batch reads",
  "https://github.com/dxos/dxos/pull/12744",
);
/** Least RAM that bazel-remote works with. */
export const BAZEL_REMOTE_LEAST = constant(
  mib(128),
  "an idle bazel-remote holds 30 to 74MiB, a request up to 4MiB several times over",
);
/** Mean size of a stored blob, where the stack does not say. */
export const MEAN_BLOB = constant(
  kib(14),
  "moon outputs are mostly small files: 14.3KiB measured over 3.8 million; set bazel-remote.mean_blob_size once /status shows yours (CurrSize / NumFiles)",
  "https://github.com/dxos/dxos/pull/13202",
);
/** GOGC of bazel-remote, percent. */
export const GOGC = constant(
  50,
  "the index is long-lived: collecting at 1.5 times the live heap, not 2 times, costs little CPU and saves a quarter",
  "https://github.com/dxos/dxos/pull/13202",
);
/** Kernel memory per file that the start-up scan looks at. */
export const SLAB_PER_FILE = constant(
  bytes(1500),
  "dentry and inode of each scanned file: 1.46KiB, reclaimable, but charged to the service's cgroup",
);
/** What a Go process has beside its heap. */
export const BEYOND_HEAP = constant(
  mib(256),
  "stacks of many threads, the binary itself and dirty pages of blobs being written",
);

/** Part, least and most of RAM for the sccache server. */
export const SCCACHE_SHARE = constant(
  1 / 64,
  "more cores come with more RAM, and each compile in flight holds its entry in memory",
);
export const SCCACHE_LEAST = constant(mib(64), "measured: 60MiB after 46 requests with entries of 16MiB");
export const SCCACHE_MOST = constant(
  gib(1),
  "64 entries of 16MiB at once, beside an index of some 100 bytes per entry",
);

// ---- disk ---------------------------------------------------------------------------------------------------------

/** Part of a volume that caches may fill. */
export const DISK_SHARE = constant(
  0.8,
  "of the free space plus what the caches already hold; the rest keeps the volume out of the full-disk faults of both caches",
  "https://github.com/buchgr/bazel-remote/issues/712",
);
/** Parts of that when both caches lie on one volume; what they leave is for `target` directories and the registry there. */
export const SCCACHE_DISK_PART = constant(
  3 / 8,
  "sccache's part where both caches share the volume; two of eight parts stay for target directories",
);
export const BAZEL_REMOTE_DISK_PART = constant(
  3 / 8,
  "bazel-remote's part where both caches share the volume; two of eight parts stay for target directories",
);
/** Least size of either cache; bazel-remote counts in whole GiB. */
export const CACHE_LEAST = constant(
  gib(1),
  "bazel-remote counts in whole GiB, and a cache below 1GiB evicts a workspace while it builds it",
);
/** Largest cache of sccache if the stack sets no size. */
export const SCCACHE_DISK_MOST = constant(
  gib(512),
  "some two million entries: the index, built at the first lookup, then takes about 10s (0.7s for 150,000 measured)",
);
/** How far a computed size may be off before it moves. */
export const KEEP_FACTOR = constant(
  2,
  "free space changes with every build: a size stays as applied until it is off by this factor or no longer fits",
);

// ---- files and uploads ----------------------------------------------------------------------------------------------

/** Open files of bazel-remote that do not depend on clients. */
export const FILES_BASE = constant(
  10_000,
  "bazel-remote writes up to 5000 blobs at once and reads as many",
  "https://github.com/buchgr/bazel-remote/issues/174",
);
/** Open files per moon task. */
export const FILES_PER_MOON = constant(150, "one moon process keeps up to 150 calls in flight");
/** Blobs that may wait for upload to S3. */
export const UPLOAD_QUEUE = constant(
  30_000,
  "one cold build of a large workspace (25,863 blobs measured); each waiting upload holds an open file, and the default of 1,000,000 ends in refused writes",
);
/** Uploads to S3 at once, per core and at most. */
export const UPLOADERS_PER_CORE = constant(8, "uploads wait for the network, not for the processor");
export const UPLOADERS_MOST = constant(100, "bazel-remote's own default");

// ---- builders -------------------------------------------------------------------------------------------------------

/** Recommended cargo jobs and moon tasks by the number of agents that build at once. */
export type Pair = { from: number; jobs: readonly [number, number]; tasks: readonly [number, number] };

/** Sorted by `from`, descending. */
export const PAIRS: readonly Pair[] = [
  { from: 40, jobs: [1, 3], tasks: [1, 1] },
  { from: 10, jobs: [2, 4], tasks: [1, 1] },
  { from: 4, jobs: [3, 5], tasks: [1, 2] },
  { from: 2, jobs: [4, 6], tasks: [2, 2] },
  { from: 1, jobs: [8, 12], tasks: [2, 4] },
];
