/** `npm test`, `npm run check` and `npm run format`. */
import { join } from "node:path";
import { findPulumi } from "./cli.ts";
import { inForeground } from "./foreground.ts";
import { demandPrograms } from "./prerequisites.ts";
import { ensureTestPrograms } from "./test-programs.ts";
import { obtainTool } from "./tools/obtain.ts";

/** What the tests run for real; obtained before the first test, with progress, because it may take minutes. */
const TEST_TOOLS = ["bazel-remote", "sccache", "moon", "versitygw"] as const;

/** All tests, or those that the arguments name. */
export async function runTests(root: string, args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    demandPrograms(["git", "cc", "go", "cargo"]);
    await ensureTestPrograms();
    await findPulumi();
    for (const tool of TEST_TOOLS) await obtainTool(tool);
  }
  return await node(root, "vitest/vitest.mjs", ["run", ...args]);
}

/** Format and lint, then types; both run, so that one report shows all. */
export async function runCheck(root: string, args: readonly string[]): Promise<number> {
  const biome = await step("format and lint", () =>
    node(root, "@biomejs/biome/bin/biome", ["check", ...args]),
  );
  const types = await step("types", () => node(root, "typescript/bin/tsc", ["--noEmit"]));
  return biome || types;
}

/** Rewrites the files in the project's format, with the fixes that are safe. */
export async function runFormat(root: string, args: readonly string[]): Promise<number> {
  return await node(root, "@biomejs/biome/bin/biome", ["check", "--write", ...args]);
}

async function step(name: string, work: () => Promise<number>): Promise<number> {
  process.stdout.write(`${name} ...\n`);
  const began = Date.now();
  const code = await work();
  process.stdout.write(
    `${name}: ${code === 0 ? "ok" : "failed"} in ${Math.round((Date.now() - began) / 1000)} s\n`,
  );
  return code;
}

async function node(root: string, program: string, args: readonly string[]): Promise<number> {
  const argv = [process.execPath, join(root, "node_modules", program), ...args];
  return await inForeground(argv, { cwd: root, env: process.env });
}
