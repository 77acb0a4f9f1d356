import type { Disk, HostFacts } from "../host/types.ts";
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
  /** Its size if the stack sets none. */
  share: Bytes;
  /** The largest size that the stack may set. */
  bound: Bytes;
  /** `share` without regard to the size that was applied before. */
  fresh: Bytes;
  /** The other cache is on the same volume. */
  shared: boolean;
};

/** Room of both caches. */
export type DiskRooms = { readonly sccache: DiskRoom; readonly bazelRemote: DiskRoom };

type CacheName = keyof HostFacts["disks"];
type Sizes = Pick<HostConfig, CacheName>;

/** Room of both caches. A disabled cache has none and takes none. */
export function diskRooms(disks: HostFacts["disks"], host: Sizes): DiskRooms {
  const areEnabled = host.sccache.enabled && host["bazel-remote"].enabled;
  const shared = areEnabled && volumeOf(disks.sccache) === volumeOf(disks["bazel-remote"]);
  const usable = (name: CacheName) =>
    usableBytes(disks, host, shared ? ["sccache", "bazel-remote"] : [name], name);
  // A size beyond the volume still leaves sccache its minimum, so that the issue names the size, not a full disk.
  const beside = Math.max(0, usable("bazel-remote") - CACHE_LEAST.value);
  const sccache = room({
    usable: usable("sccache"),
    used: shared ? Math.min(host["bazel-remote"].max_size ?? CACHE_LEAST.value, beside) : 0,
    part: shared ? SCCACHE_DISK_PART.value : 1,
    shared,
    applied: disks.sccache.applied,
  });
  sccache.share = smaller(sccache.share, SCCACHE_DISK_MOST.value);
  const bazelRemote = room({
    usable: usable("bazel-remote"),
    used: shared ? smaller(host.sccache.max_size ?? sccache.share, sccache.bound) : 0,
    part: shared ? BAZEL_REMOTE_DISK_PART.value : 1,
    shared,
    applied: disks["bazel-remote"].applied,
  });
  return { sccache, bazelRemote };
}

/** {@link DISK_SHARE} of a volume's free space plus the bytes that the enabled caches on it hold. */
function usableBytes(disks: HostFacts["disks"], host: Sizes, caches: CacheName[], name: CacheName): number {
  const enabled = caches.filter((cache) => host[cache].enabled);
  const used = enabled.reduce((sum, cache) => sum + disks[cache].held, 0);
  return DISK_SHARE.value * (disks[name].free + used);
}

type RoomInput = { usable: number; used: number; part: number; shared: boolean; applied: Bytes | null };

function room({ usable, used, part, shared, applied }: RoomInput): DiskRoom {
  const bound = wholeGiB(Math.max(0, usable - used));
  const fresh = smaller(wholeGiB(usable * part), bound);
  return { share: stableSize(fresh, bound, applied), bound, fresh, shared };
}

/**
 * The applied size, as long as it fits and is within {@link KEEP_FACTOR} of the fresh one. Otherwise every preview
 * would show a diff as free space changes.
 */
function stableSize(fresh: Bytes, bound: Bytes, applied: Bytes | null): Bytes {
  if (applied === null || applied > bound || applied < CACHE_LEAST.value) return fresh;
  const isNear = applied <= fresh * KEEP_FACTOR.value && applied * KEEP_FACTOR.value >= fresh;
  return isNear ? applied : fresh;
}

/**
 * Identifies the storage that directories take space from: the block device (the same for bind mounts and btrfs
 * subvolumes), the ZFS pool, else device and mount (many mounts have the device `overlay` or `tmpfs`).
 */
export function volumeOf(disk: Disk): string {
  if (disk.fs === "zfs") return disk.device.split("/")[0] ?? disk.device;
  return disk.device.includes("/") ? disk.device : `${disk.device} ${disk.mount}`;
}

const smaller = (a: Bytes, b: Bytes): Bytes => (a < b ? a : b);
const wholeGiB = (n: number): Bytes => bytes(Math.floor(n / gib(1)) * gib(1));
