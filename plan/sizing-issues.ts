import type { Disk } from "../host/types.ts";
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
import { memoryShares } from "./memory.ts";
import type { Sizing } from "./sizing-context.ts";

const hostKey = ({ name }: Pick<Sizing, "name">, ...keys: string[]) => keyPath(["hosts", name, ...keys]);

/** There is no RAM even for one small rustc. */
export function roomIssue(sizing: Sizing): Issue {
  const { machine, shares } = sizing;
  return {
    path: hostKey(sizing),
    got: `${formatBytes(machine.memory)} of RAM, of which ${amount(shares.room)} would be left for rustc`,
    expected: `at least ${formatBytes(RUSTC_RAM_LEAST.value)} for one rustc beside the system and the caches`,
    next: roomStep(sizing),
  };
}

function roomStep(sizing: Sizing): string {
  const { machine, host } = sizing;
  if (host.agents.total > 1)
    return `set ${hostKey(sizing, "agents", "total")} to fewer, or give the machine more RAM`;
  const upgrade = `give the machine at least ${formatBytes(leastMemory(host))}`;
  const without = { ...host, "bazel-remote": { ...host["bazel-remote"], enabled: false } };
  const fits = memoryShares(machine.memory, without).room >= RUSTC_RAM_LEAST.value;
  return host["bazel-remote"].enabled && fits
    ? `set ${hostKey(sizing, "bazel-remote", "enabled")} to false, or ${upgrade}`
    : upgrade;
}

/** More active builders than RAM holds at one job each. */
export function activeIssue(sizing: Sizing): Issue {
  const { machine, shares, host } = sizing;
  const limit = Math.max(
    Math.floor(shares.room / RUSTC_RAM.value),
    rustcFor(1, shares.room) === null ? 0 : 1,
  );
  const next =
    limit >= 1
      ? `set it to ${limit} (the other agents wait their turn), or give the machine more RAM`
      : `set ${hostKey(sizing, "agents", "total")} to fewer, or give the machine more RAM`;
  return {
    path: hostKey(sizing, "agents", "active"),
    got: String(host.agents.active),
    expected: `at most ${Math.max(1, limit)}: ${formatBytes(machine.memory)} of RAM leave ${amount(shares.room)} for rustc, at ${formatBytes(RUSTC_RAM.value)} each`,
    next,
  };
}

/** The stack sets more jobs or tasks than RAM holds. */
export function jobsIssue(sizing: Sizing, b: Builders): Issue {
  const { shares, host } = sizing;
  const setsJobs = host.cargo.jobs !== undefined;
  const factor = setsJobs ? b.maxTasks : b.jobs;
  const limit = Math.floor(shares.room / (b.active * factor * b.rustc));
  const lower = `lower ${hostKey(sizing, "agents", "active")}`;
  return {
    path: setsJobs ? hostKey(sizing, "cargo", "jobs") : hostKey(sizing, "moon", "concurrency"),
    got: String(setsJobs ? b.jobs : b.maxTasks),
    expected: `at most ${Math.max(1, limit)}: ${builderSum(b)} = ${formatBytes(b.memory)}, and ${amount(shares.room)} of RAM are left for rustc`,
    next: limit >= 1 ? `set it to ${limit}, remove it to let warmbox compute it, or ${lower}` : lower,
  };
}

/** sccache's size exceeds its volume, or the volume is too full for it. */
export function sccacheIssue(sizing: Sizing): Issue | null {
  const { host, rooms, facts } = sizing;
  const room = rooms.sccache;
  const disk = facts.disks.sccache;
  const size = host.sccache.max_size;
  if (size === undefined)
    return room.share >= CACHE_LEAST.value ? null : fullVolumeIssue(sizing, "sccache", disk);
  if (size <= room.bound) return null;
  if (room.bound < CACHE_LEAST.value) return fullVolumeIssue(sizing, "sccache", disk);
  return tooLarge(sizing, "sccache", { size, bound: room.bound, why: diskReason(room, disk) });
}

/** bazel-remote's size exceeds RAM or its volume, or the volume is too full for it. */
export function bazelRemoteIssue(sizing: Sizing): Issue | null {
  const { host, rooms, facts, indexed } = sizing;
  const room = rooms.bazelRemote;
  const disk = facts.disks["bazel-remote"];
  const size = host["bazel-remote"].max_size;
  const bound = bytes(Math.min(indexed, room.bound));
  if (indexed < CACHE_LEAST.value) return meanBlobIssue(sizing);
  if (bound < CACHE_LEAST.value || (size === undefined && room.share < CACHE_LEAST.value)) {
    return fullVolumeIssue(sizing, "bazel-remote", disk);
  }
  if (size === undefined || size <= bound) return null;
  if (room.bound <= indexed)
    return tooLarge(sizing, "bazel-remote", { size, bound, why: diskReason(room, disk) });
  const also = `, or set ${hostKey(sizing, "bazel-remote", "mean_blob_size")} if your blobs are larger`;
  return tooLarge(sizing, "bazel-remote", { size, bound, why: indexReason(sizing), also });
}

type Cache = "sccache" | "bazel-remote";
type Excess = { size: Bytes; bound: Bytes; why: string; also?: string };

function tooLarge(sizing: Sizing, cache: Cache, { size, bound, why, also = "" }: Excess): Issue {
  return {
    path: hostKey(sizing, cache, "max_size"),
    got: formatBytes(size),
    expected: `at most ${wholeGiB(bound)}: ${why}`,
    next: `set it to ${wholeGiB(bound)}, or remove it to let warmbox compute it${also}`,
  };
}

function fullVolumeIssue(sizing: Sizing, cache: Cache, disk: Disk): Issue {
  return {
    path: hostKey(sizing, cache, "dir"),
    got: `${disk.path} on ${disk.device} (${disk.mount}): ${formatBytes(disk.free)} free of ${formatBytes(disk.total)}`,
    expected: `room for at least ${formatBytes(CACHE_LEAST.value)} per cache within ${DISK_SHARE.value * 100} % of the free space`,
    next: `free space there, set ${hostKey(sizing, cache, "dir")} to a directory on a larger volume, or set ${hostKey(sizing, cache, "enabled")} to false`,
  };
}

function meanBlobIssue(sizing: Sizing): Issue {
  return {
    path: hostKey(sizing, "bazel-remote", "mean_blob_size"),
    got: formatBytes(sizing.meanBlob),
    expected: `a mean at which the index of 1GiB fits into a quarter of ${formatBytes(sizing.machine.memory)} of RAM`,
    next: `remove it, or set ${hostKey(sizing, "bazel-remote", "enabled")} to false`,
  };
}

function indexReason({ machine, meanBlob }: Sizing): string {
  const share = bytes(Math.floor(machine.memory * BAZEL_REMOTE_SHARE.value));
  return `its index takes ${formatBytes(INDEX_ENTRY.value)} of RAM per blob of ${formatBytes(meanBlob)}, and may take ${formatBytes(share)}, a quarter of RAM`;
}

function diskReason(room: DiskRoom, disk: Disk): string {
  const beside = room.shared ? ", beside the other cache on the same volume" : "";
  return `caches may fill ${DISK_SHARE.value * 100} % of the space on ${disk.device} (${disk.mount}) that is free or theirs already${beside}`;
}

/** The smallest RAM, in steps of 64 MiB, that has room for one builder with this stack entry. */
function leastMemory(host: HostConfig): Bytes {
  const step = 64 * 1024 ** 2;
  let memory = step;
  while (memoryShares(bytes(memory), host).room < RUSTC_RAM_LEAST.value) memory += step;
  return bytes(memory);
}

/** Bounds are whole GiB, the only unit that bazel-remote's key takes: `1400GiB`, not `1.36TiB`. */
const wholeGiB = (b: Bytes): string => `${bazelRemoteGiB(b, "exact")}GiB`;

const amount = (n: number): string => (n > 0 ? formatBytes(bytes(n)) : "nothing");
