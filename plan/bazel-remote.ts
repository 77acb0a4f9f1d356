import { type Bytes, bytes, gib } from "../stacks/bytes.ts";
import {
  BAZEL_REMOTE_LEAST,
  BEYOND_HEAP,
  FILES_BASE,
  FILES_PER_MOON,
  GOGC,
  INDEX_ENTRY,
  SLAB_PER_FILE,
  UPLOAD_QUEUE,
  UPLOADERS_MOST,
  UPLOADERS_PER_CORE,
} from "./constants.ts";

/** Everything about bazel-remote that follows from its size. */
export type BazelRemotePlan = {
  /** Cap of the directory, whole GiB. 0 if bazel-remote is disabled. */
  max_size: Bytes;
  /** Files that fit below the cap at the mean blob size. */
  entries: number;
  /** Mean size of a stored blob that the sizes are computed with. */
  mean_blob_size: Bytes;
  /** RAM that the budget gives it: the index of `entries`, at least {@link BAZEL_REMOTE_LEAST}. */
  memory: Bytes;
  /** Go's soft limit: the same as `memory`; live data is a third of it, so it binds only when requests pile up. */
  GOMEMLIMIT: Bytes;
  /** Percent. */
  GOGC: number;
  /** Above GOMEMLIMIT by what is not heap: kernel memory of the scanned files, stacks, dirty pages. Reclaimed, never killed. */
  MemoryHigh: Bytes;
  LimitNOFILE: number;
  max_queued_uploads: number;
  num_uploaders: number;
  dir: string;
};

/** Largest `max_size` whose index fits into `memory`. */
export function sizeByMemory(memory: Bytes, mean: Bytes): Bytes {
  const size = Math.floor(memory / INDEX_ENTRY.value) * mean;
  return bytes(Math.floor(Math.min(size, Number.MAX_SAFE_INTEGER) / gib(1)) * gib(1));
}

/** Inputs of {@link planBazelRemote}. `files`: hard limit of open files of this service, null = none. */
export type BazelRemoteNeeds = {
  max_size: Bytes;
  mean: Bytes;
  share: Bytes;
  cores: number;
  agents: number;
  maxTasks: number;
  files: number | null;
  dir: string;
};

/** Sizes of the service around its cache. */
export function planBazelRemote(n: BazelRemoteNeeds): BazelRemotePlan {
  const entries = Math.ceil(n.max_size / n.mean);
  const memory = bytes(Math.min(n.share, Math.max(entries * INDEX_ENTRY.value, BAZEL_REMOTE_LEAST.value)));
  const baseFiles = FILES_BASE.value + n.agents * n.maxTasks * FILES_PER_MOON.value;
  const need = baseFiles + UPLOAD_QUEUE.value;
  const LimitNOFILE = Math.min(need, n.files ?? need);
  return {
    max_size: n.max_size,
    entries,
    mean_blob_size: n.mean,
    memory,
    GOMEMLIMIT: memory,
    GOGC: GOGC.value,
    MemoryHigh: bytes(memory + entries * SLAB_PER_FILE.value + BEYOND_HEAP.value),
    LimitNOFILE,
    max_queued_uploads: Math.min(
      UPLOAD_QUEUE.value,
      Math.max(LimitNOFILE - baseFiles, Math.floor(LimitNOFILE / 2)),
    ),
    num_uploaders: Math.min(UPLOADERS_MOST.value, n.cores * UPLOADERS_PER_CORE.value),
    dir: n.dir,
  };
}

/** The plan of a bazel-remote that is disabled. */
export function disabledBazelRemote(dir: string, mean: Bytes): BazelRemotePlan {
  const zero = bytes(0);
  return {
    max_size: zero,
    entries: 0,
    mean_blob_size: mean,
    memory: zero,
    GOMEMLIMIT: zero,
    GOGC: GOGC.value,
    MemoryHigh: zero,
    LimitNOFILE: 0,
    max_queued_uploads: 0,
    num_uploaders: 0,
    dir,
  };
}
