import type { Disk, HostFacts } from "../host/facts.ts";
import { type Bytes, bytes, gib } from "../stacks/bytes.ts";
import type { HostConfig } from "../stacks/types.ts";
import {
  BAZEL_REMOTE_DISK_PART,
  CACHE_LEAST,
  DISK_SHARE,
  KEEP_FACTOR,
  SCCACHE_DISK_MOST,
  SCCACHE_DISK_PART,
} from "./constants.ts";

/** Room of one cache on its volume. */
export type DiskRoom = {
  /** What it gets when the stack says nothing. */
  share: Bytes;
  /** The most the stack may say. */
  bound: Bytes;
  /** What `share` would be without the size that was applied before. */
  fresh: Bytes;
  /** The other cache lies on the same volume. */
  shared: boolean;
};

type Sizes = Pick<HostConfig, "sccache" | "bazel-remote">;

/** Room of both caches. A cache that is off has none and takes none. */
export function diskRooms(
  disks: HostFacts["disks"],
  host: Sizes,
): { sccache: DiskRoom; bazelRemote: DiskRoom } {
  const both = host.sccache.enabled && host["bazel-remote"].enabled;
  const shared = both && volumeOf(disks.sccache) === volumeOf(disks["bazel-remote"]);
  const usable = usableBytes(disks, host, shared);
  // A size beyond the volume leaves sccache its least all the same, so that the fault names the size, not a full disk.
  const beside = usable["bazel-remote"] - CACHE_LEAST.value;
  const other = shared
    ? Math.min(host["bazel-remote"].max_size ?? CACHE_LEAST.value, Math.max(0, beside))
    : 0;
  const sccache = room(
    usable.sccache,
    other,
    shared ? SCCACHE_DISK_PART.value : 1,
    shared,
    disks.sccache.applied,
  );
  sccache.share = least(sccache.share, SCCACHE_DISK_MOST.value);
  const taken = shared ? least(host.sccache.max_size ?? sccache.share, sccache.bound) : 0;
  const part = shared ? BAZEL_REMOTE_DISK_PART.value : 1;
  const bazelRemote = room(usable["bazel-remote"], taken, part, shared, disks["bazel-remote"].applied);
  return { sccache, bazelRemote };
}

/** {@link DISK_SHARE} of free space plus what our caches on that volume hold, per cache. */
function usableBytes(
  disks: HostFacts["disks"],
  host: Sizes,
  shared: boolean,
): Record<"sccache" | "bazel-remote", number> {
  const held = (name: "sccache" | "bazel-remote") => (host[name].enabled ? disks[name].held : 0);
  const usable = (name: "sccache" | "bazel-remote") => {
    const caches = shared ? held("sccache") + held("bazel-remote") : held(name);
    return DISK_SHARE.value * (disks[name].free + caches);
  };
  return { sccache: usable("sccache"), "bazel-remote": usable("bazel-remote") };
}

function room(usable: number, taken: number, part: number, shared: boolean, applied: Bytes | null): DiskRoom {
  const bound = wholeGiB(Math.max(0, usable - taken));
  const fresh = least(wholeGiB(usable * part), bound);
  return { share: settled(fresh, bound, applied), bound, fresh, shared };
}

/** The size that stands, as long as it fits and is not off by {@link KEEP_FACTOR}: else free space would be a diff in every preview. */
function settled(fresh: Bytes, bound: Bytes, applied: Bytes | null): Bytes {
  if (applied === null || applied > bound || applied < CACHE_LEAST.value) return fresh;
  const near = applied <= fresh * KEEP_FACTOR.value && applied * KEEP_FACTOR.value >= fresh;
  return near ? applied : fresh;
}

/**
 * What two directories must have in common to take space from each other: the block device (bind mounts and btrfs
 * subvolumes name the same one), the ZFS pool, else the mount (`overlay` and `tmpfs` are names of many).
 */
export function volumeOf(disk: Disk): string {
  if (disk.fs === "zfs") return disk.device.split("/")[0] ?? disk.device;
  return disk.device.includes("/") ? disk.device : `${disk.device} ${disk.mount}`;
}

const least = (a: Bytes, b: Bytes): Bytes => (a < b ? a : b);
const wholeGiB = (n: number): Bytes => bytes(Math.floor(n / gib(1)) * gib(1));
