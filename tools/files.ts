/** Files of warmbox's own on the operator's machine. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file whole: under another name in the same folder, then renamed, so that a reader sees the former content or
 * the new one. Makes the folder if it is missing.
 */
export function writeWhole(path: string, content: string, mode = 0o644): void {
  const staged = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(staged, content, { mode });
    renameSync(staged, path);
  } finally {
    rmSync(staged, { force: true });
  }
}

/** The value in a JSON file; undefined if the file is missing or holds no JSON. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
