import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { scriptText } from "../../host/scripts.ts";

/** One folder for the tests of a file, which vitest runs in its own process. */
let folder: string | undefined;
const files = new Map<string, string>();

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** Path of a text of host/ as the one file that it is on a host, for scripts that read it from there; goes at the end. */
export function hostTextFile(name: string): string {
  folder ??= mkdtempSync(join(tmpdir(), "warmbox-scripts-"));
  const file = files.get(name) ?? join(folder, name);
  if (!files.has(name)) writeFileSync(file, scriptText(name));
  files.set(name, file);
  return file;
}
