import type { Disk } from "../host/facts.ts";
import { type Bytes, bazelRemoteGiB, bytes, formatBytes } from "../stacks/bytes.ts";
import { type Issue, keyPath } from "../stacks/issue.ts";
import type { HostConfig } from "../stacks/types.ts";
import { type Builders, builderSum, rustcFor } from "./builders.ts";
import {
  BAZEL_REMOTE_SHARE,
  CACHE_LEAST,
  DISK_SHARE,
  INDEX_ENTRY,
  RUSTC_RAM,
  RUSTC_RAM_LEAST,
} from "./constants.ts";
import type { DiskRoom } from "./disk.ts";
import { type Box, type MemoryShares, memoryShares } from "./memory.ts";

const at = (name: string, ...keys: string[]) => keyPath(["hosts", name, ...keys]);

/** Not even one small rustc fits beside what else runs. */
export function roomIssue(name: string, box: Box, shares: MemoryShares, host: HostConfig): Issue {
  const without = { ...host, "bazel-remote": { ...host["bazel-remote"], enabled: false } };
  const helps =
    host["bazel-remote"].enabled && memoryShares(box.memory, without).room >= RUSTC_RAM_LEAST.value;
  const next =
    host.agents.total > 1
      ? `set ${at(name, "agents", "total")} to fewer, or give the machine more RAM`
      : helps
        ? `set ${at(name, "bazel-remote", "enabled")} to false, or give the machine at least ${formatBytes(leastMemory(host))}`
        : `give the machine at least ${formatBytes(leastMemory(host))}`;
  return {
    path: at(name),
    got: `${formatBytes(box.memory)} of RAM, of which ${amount(shares.room)} would be left for rustc`,
    expected: `at least ${formatBytes(RUSTC_RAM_LEAST.value)} for one rustc beside the system and the caches`,
    next,
  };
}

/** More active builders than RAM holds at one job each. */
export function activeIssue(name: string, box: Box, shares: MemoryShares, host: HostConfig): Issue {
  const most = Math.max(Math.floor(shares.room / RUSTC_RAM.value), rustcFor(1, shares.room) === null ? 0 : 1);
  const next =
    most >= 1
      ? `set it to ${most} (the other agents wait their turn), or give the machine more RAM`
      : `set ${at(name, "agents", "total")} to fewer, or give the machine more RAM`;
  return {
    path: at(name, "agents", "active"),
    got: String(host.agents.active),
    expected: `at most ${Math.max(1, most)}: ${formatBytes(box.memory)} of RAM leave ${amount(shares.room)} for rustc, at ${formatBytes(RUSTC_RAM.value)} each`,
    next,
  };
}

/** A number of jobs or tasks that the stack sets and RAM does not hold. */
export function jobsIssue(name: string, b: Builders, shares: MemoryShares, host: HostConfig): Issue {
  const byJobs = host.cargo.jobs !== undefined;
  const path = byJobs ? at(name, "cargo", "jobs") : at(name, "moon", "concurrency");
  const other = byJobs ? b.maxTasks : b.jobs;
  const most = Math.floor(shares.room / (b.active * other * b.rustc));
  const fewer = `lower ${at(name, "agents", "active")}`;
  return {
    path,
    got: String(byJobs ? b.jobs : b.maxTasks),
    expected: `at most ${Math.max(1, most)}: ${builderSum(b)} = ${formatBytes(b.memory)}, and ${amount(shares.room)} of RAM are left for rustc`,
    next: most >= 1 ? `set it to ${most}, remove it to have it reckoned, or ${fewer}` : fewer,
  };
}

/** sccache's size beyond its volume, or a volume that is too full for it. */
export function sccacheIssue(name: string, host: HostConfig, room: DiskRoom, disk: Disk): Issue | null {
  const size = host.sccache.max_size;
  if (size === undefined)
    return room.share >= CACHE_LEAST.value ? null : fullVolumeIssue(name, "sccache", disk);
  if (size <= room.bound) return null;
  if (room.bound < CACHE_LEAST.value) return fullVolumeIssue(name, "sccache", disk);
  return tooLarge(name, "sccache", size, room.bound, diskReason(room, disk));
}

/** bazel-remote's size beyond RAM or its volume, or a volume that is too full for it. */
export function bazelRemoteIssue(
  name: string,
  host: HostConfig,
  room: DiskRoom,
  disk: Disk,
  byMemory: Bytes,
  box: Box,
  mean: Bytes,
): Issue | null {
  const size = host["bazel-remote"].max_size;
  const bound = bytes(Math.min(byMemory, room.bound));
  if (byMemory < CACHE_LEAST.value) return meanBlobIssue(name, mean, box);
  if (bound < CACHE_LEAST.value || (size === undefined && room.share < CACHE_LEAST.value)) {
    return fullVolumeIssue(name, "bazel-remote", disk);
  }
  if (size === undefined || size <= bound) return null;
  if (room.bound <= byMemory) return tooLarge(name, "bazel-remote", size, bound, diskReason(room, disk));
  const index = `its index takes ${formatBytes(INDEX_ENTRY.value)} of RAM per blob of ${formatBytes(mean)}, and may take ${formatBytes(bytes(Math.floor(box.memory * BAZEL_REMOTE_SHARE.value)))}, a quarter of RAM`;
  const larger = `, or set ${at(name, "bazel-remote", "mean_blob_size")} if your blobs are larger`;
  return tooLarge(name, "bazel-remote", size, bound, index, larger);
}

type Cache = "sccache" | "bazel-remote";

function tooLarge(name: string, cache: Cache, size: Bytes, bound: Bytes, why: string, also = ""): Issue {
  return {
    path: at(name, cache, "max_size"),
    got: formatBytes(size),
    expected: `at most ${wholeGiB(bound)}: ${why}`,
    next: `set it to ${wholeGiB(bound)}, or remove it to have it reckoned${also}`,
  };
}

function fullVolumeIssue(name: string, cache: Cache, disk: Disk): Issue {
  return {
    path: at(name, cache, "dir"),
    got: `${disk.path} on ${disk.device} (${disk.mount}): ${formatBytes(disk.free)} free of ${formatBytes(disk.total)}`,
    expected: `room for at least ${formatBytes(CACHE_LEAST.value)} per cache within ${DISK_SHARE.value * 100} % of the free space`,
    next: `free space there, set ${at(name, cache, "dir")} to a directory on a larger volume, or set ${at(name, cache, "enabled")} to false`,
  };
}

function meanBlobIssue(name: string, mean: Bytes, box: Box): Issue {
  return {
    path: at(name, "bazel-remote", "mean_blob_size"),
    got: formatBytes(mean),
    expected: `a mean at which the index of 1GiB fits into a quarter of ${formatBytes(box.memory)} of RAM`,
    next: `remove it, or set ${at(name, "bazel-remote", "enabled")} to false`,
  };
}

function diskReason(room: DiskRoom, disk: Disk): string {
  const beside = room.shared ? ", beside the other cache on the same volume" : "";
  return `caches may fill ${DISK_SHARE.value * 100} % of what is free on ${disk.device} (${disk.mount}) or theirs already${beside}`;
}

/** Smallest machine, in steps of 64 MiB, on which this host's stack has room for one builder. */
function leastMemory(host: HostConfig): Bytes {
  const step = 64 * 1024 ** 2;
  let memory = step;
  while (memoryShares(bytes(memory), host).room < RUSTC_RAM_LEAST.value) memory += step;
  return bytes(memory);
}

/** Bounds are whole GiB, and bazel-remote's key takes nothing else: `1400GiB`, not `1.36TiB`. */
const wholeGiB = (b: Bytes): string => `${bazelRemoteGiB(b, "exact")}GiB`;

const amount = (n: number): string => (n > 0 ? formatBytes(bytes(n)) : "nothing");
