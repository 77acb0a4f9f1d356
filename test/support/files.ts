/** Files of a test, deleted with it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** An empty directory, deleted when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "warmbox-test-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  return dir;
}

/** Writes a file into a directory and returns its path. */
export async function fileOf(dir: string, name: string, text: string, mode = 0o644): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text, { mode });
  return path;
}
