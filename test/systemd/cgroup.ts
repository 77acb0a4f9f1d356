/** A cgroup (v2) of the machine for one container, and its removal. */

import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/until.ts";

/** Where a new cgroup named after `id` would lie: in the machine's v2 tree, be it all there is or beside v1. */
export function testCgroup(id: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
  const tree = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2")?.[1];
  if (!tree)
    throw new Error("no cgroup2 file system is mounted: mount one, for example on /sys/fs/cgroup/unified");
  return join(tree, `warmbox-test-${id}`);
}

/** Removes it with all below, once the kernel has let go of the processes that were killed in it. */
export async function removeCgroup(path: string): Promise<void> {
  await until(`removal of ${path}`, () => !existsSync(path) || removed(path));
}

function removed(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() && !removed(join(path, entry.name))) return false;
    }
    rmdirSync(path);
    return true;
  } catch {
    return false; // busy: a process is still ending
  }
}
