import { type Bytes, bytes, gib, kib } from "../stacks/bytes.ts";
import { linesOf, type Section, wordOf, wordsOf } from "./sections.ts";
import type { HostFacts, PartialDisk } from "./types.ts";

const NAMES = ["sccache", "bazel-remote"] as const;

/** The volumes of both caches: `df` of each, its file system, and what the cache on it holds. */
export function seenDisks(sections: Section[]): Record<keyof HostFacts["disks"], PartialDisk> {
  const lines = linesOf(sections, "disks");
  const volumes = wordsOf(lines, "df").map(dfLine);
  const whole = volumes.length === NAMES.length;
  const mounts = linesOf(sections, "file", "/proc/self/mounts");
  const entries = NAMES.map((name, i) => {
    const path = wordOf(lines, name);
    const volume = whole ? (volumes[i] ?? {}) : {};
    const applied = appliedBytes(name, wordOf(linesOf(sections, "applied"), name));
    const cacheBytes = heldBytes(name, linesOf(sections, "slow"), volume.total);
    return [
      name,
      { ...(path && { path }), ...volume, ...mountOf(volume.mount, mounts), held: cacheBytes, applied },
    ];
  });
  return Object.fromEntries(entries) as Record<keyof HostFacts["disks"], PartialDisk>;
}

/** One line of `df -P -k`: device, blocks of 1 KiB, used, available, per cent, mount point. */
function dfLine(line: string): PartialDisk {
  const match = /^(.+?)\s+(\d+)\s+(-?\d+)\s+(-?\d+)\s+\S+\s+(.+)$/.exec(line);
  if (match === null) return {};
  const [, device = "", blocks = "", , available = "", mount = ""] = match;
  return { device, mount, total: kib(Number(blocks)), free: kib(Math.max(0, Number(available))) };
}

/** Type of the file system at a mount point; of two mounts on one place the later is the one that is seen. */
function mountOf(mount: string | undefined, mounts: string[]): PartialDisk {
  const last = mounts.map((l) => l.split(" ")).findLast(([, folder = ""]) => unescaped(folder) === mount);
  return last === undefined ? {} : { fs: last[2] ?? "" };
}

/** /proc/mounts writes a space, tab, line end or backslash as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** What a cache holds: its daemon's figure, else what was counted, extrapolated over its evenly filled folders. */
function heldBytes(name: string, lines: string[], total: Bytes | undefined): Bytes {
  const cacheBytes =
    liveBytes(name, wordOf(lines, `live ${name}`)) ?? countedBytes(wordOf(lines, `count ${name}`)) ?? 0;
  return bytes(Math.min(Math.floor(cacheBytes), total ?? 0));
}

function liveBytes(name: string, text: string | null): number | null {
  if (text === null) return null;
  try {
    const figures = JSON.parse(text) as Record<string, unknown>;
    const cacheBytes = name === "sccache" ? figures.cache_size : figures.CurrSize;
    return typeof cacheBytes === "number" && cacheBytes >= 0 ? cacheBytes : null;
  } catch {
    return null; // an answer of something else on that port
  }
}

/** `FOLDERS COUNTED KIB`. */
function countedBytes(text: string | null): number | null {
  const [folders = 0, counted = 0, size = 0] = (text ?? "").split(" ").map(Number);
  return counted > 0 ? kib(size) * (folders / counted) : null;
}

/** bazel-remote's file counts in GiB, sccache's in bytes. */
function appliedBytes(name: string, text: string | null): Bytes | null {
  if (text === null || !/^\d+$/.test(text)) return null;
  return name === "bazel-remote" ? gib(Number(text)) : bytes(Number(text));
}
