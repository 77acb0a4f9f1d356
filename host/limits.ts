import { type Bytes, bytes, kib } from "../stacks/bytes.ts";

/**
 * A line of /proc/meminfo in bytes, or null where there is none. The kernel writes "kB" and means KiB.
 * @see https://docs.kernel.org/filesystems/proc.html
 */
export function meminfo(lines: string[], key: string): Bytes | null {
  const match = lines.map((l) => /^(\w+):\s+(\d+) kB$/.exec(l)).find((m) => m?.[1] === key);
  return match ? kib(Number(match[2])) : null;
}

/** The number of processors in a list such as `0-3,8`, or null where it is none. */
export function cpuCount(list: string | null): number | null {
  if (list === null || !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(list)) return null;
  const size = (range: string) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return last - first + 1;
  };
  return list.split(",").reduce((sum, range) => sum + size(range), 0);
}

/** `PATH VALUE` lines of the cgroups above the probe. */
type Limit = { folder: string; file: string; value: string };

/**
 * The smallest memory limit on the way up, where it is below `memTotal`: v2 writes `max` and v1 an absurdly large number for none.
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export function memoryLimit(lines: string[], memTotal: number): Bytes | null {
  return limitingGroup(lines, memTotal)?.limit ?? null;
}

/** The control group that sets {@link memoryLimit}, as a folder, and its limit. */
export function limitingGroup(lines: string[], memTotal: number): { folder: string; limit: Bytes } | null {
  const files = ["memory.max", "memory.high", "memory.limit_in_bytes"];
  const limits = limitsOf(lines).filter((l) => files.includes(l.file) && /^[1-9]\d*$/.test(l.value));
  const [least] = limits.sort((a, b) => Number(a.value) - Number(b.value));
  return least !== undefined && Number(least.value) < memTotal
    ? { folder: least.folder, limit: bytes(Number(least.value)) }
    : null;
}

/** The smallest CPU quota on the way up, in cores, or null where none is set. */
export function cpuQuota(lines: string[]): number | null {
  const limits = limitsOf(lines);
  const quotas = limits.map((limit) => quotaOf(limit, limits)).filter((cores) => cores !== null && cores > 0);
  return quotas.length === 0 ? null : Math.min(...(quotas as number[]));
}

function quotaOf(limit: Limit, limits: Limit[]): number | null {
  if (limit.file === "cpu.max") {
    const [quota = Number.NaN, period = Number.NaN] = limit.value.split(" ").map(Number);
    return Number.isFinite(quota / period) ? quota / period : null;
  }
  if (limit.file !== "cpu.cfs_quota_us" || Number(limit.value) <= 0) return null;
  const period = limits.find((entry) => entry.folder === limit.folder && entry.file === "cpu.cfs_period_us");
  return period === undefined ? null : Number(limit.value) / Number(period.value);
}

function limitsOf(lines: string[]): Limit[] {
  return lines.flatMap((line) => {
    const match = /^(.*)\/([a-z_.]+) (.*)$/.exec(line);
    return match ? [{ folder: match[1] ?? "", file: match[2] ?? "", value: match[3] ?? "" }] : [];
  });
}
