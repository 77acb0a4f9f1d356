import { join } from "node:path";
import { baseDirectory } from "../../tools/base.mjs";
import { readJson, writeWhole } from "../../tools/files.ts";
import type { Snapshot } from "./delta.ts";

/** Snapshots of the former call of `status`, by stack, host and address. */
export type Snapshots = Readonly<Record<string, Snapshot>>;

/** Older snapshots are dropped, seconds. */
const OLDEST_SECONDS = 30 * 86_400;

/**
 * `${XDG_STATE_HOME:-~/.local/state}/warmbox-status.json`, beside warmbox's folder and not in it: that one belongs to
 * the host that this machine may be, and `destroy` removes it.
 */
const snapshotFile = (env: NodeJS.ProcessEnv): string =>
  join(baseDirectory("state", env), "warmbox-status.json");

/** The snapshots of the former call; none if the file is missing or unreadable. */
export function readSnapshots(env: NodeJS.ProcessEnv = process.env): Snapshots {
  const content = readJson<Snapshots>(snapshotFile(env));
  return typeof content === "object" && content !== null ? content : {};
}

/** Keeps snapshots for the next call. */
export function writeSnapshots(snapshots: Snapshots, env: NodeJS.ProcessEnv = process.env): void {
  const newest = Math.max(0, ...Object.values(snapshots).map(({ epochSeconds }) => epochSeconds));
  const recent = Object.entries(snapshots).filter(
    ([, { epochSeconds }]) => newest - epochSeconds < OLDEST_SECONDS,
  );
  writeWhole(snapshotFile(env), `${JSON.stringify(Object.fromEntries(recent), null, 1)}\n`);
}
