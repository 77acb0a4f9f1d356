/** `npm test`, `./warmbox check` and `./warmbox format`. */
import { join } from "node:path";
import { obtainTool } from "../../tools/obtain.ts";
import { inForeground } from "../foreground.ts";
import { findPulumi } from "../pulumi/cli.ts";
import { demandPrograms } from "./prerequisites.ts";
import { ensureTestPrograms, globOf, leftOut } from "./test-programs.ts";

/** What the tests run for real; obtained before the first test, with progress, because it may take minutes. */
const TEST_TOOLS = ["bazel-remote", "sccache", "moon", "versitygw"] as const;

/** Exit code of a test run in which everything passed that could be run here, but not everything could. */
const INCOMPLETE = 2;

/** All tests, or those that the arguments name. */
export async function runTests(root: string, args: readonly string[]): Promise<number> {
  if (args.length > 0) return await node(root, "vitest/vitest.mjs", ["run", ...args]);
  demandPrograms(["git", "cc", "go", "cargo"]);
  const { suites, text } = leftOut(await ensureTestPrograms());
  await findPulumi();
  for (const tool of TEST_TOOLS) await obtainTool(tool);
  process.stderr.write(text);
  process.env.WARMBOX_TESTS_LEFT_OUT = suites.map(globOf).join(" ");
  const code = await node(root, "vitest/vitest.mjs", ["run"]);
  process.stderr.write(text);
  return code || (suites.length > 0 ? INCOMPLETE : 0);
}

/** Format and lint, types, shell programs, then words, names and lengths; all run, so that one report shows all. */
export async function runCheck(root: string, args: readonly string[]): Promise<number> {
  const biome = await step("format and lint", () =>
    node(root, "@biomejs/biome/bin/biome", ["check", ...args]),
  );
  const types = await step("types", () => node(root, "typescript/bin/tsc", ["--noEmit"]));
  const shell = await step("shell programs", () => runScript(root, "setup/dev/shell/main.ts"));
  const measures = await step("words, names and lengths", () =>
    runScript(root, "setup/dev/measures/main.ts"),
  );
  return biome || types || shell || measures;
}

/** Rewrites the files in the project's format, with the fixes that are safe. */
export async function runFormat(root: string, args: readonly string[]): Promise<number> {
  const biome = await node(root, "@biomejs/biome/bin/biome", ["check", "--write", ...args]);
  return biome || (await runScript(root, "setup/dev/shell/main.ts", "--write"));
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

async function runScript(root: string, program: string, ...args: readonly string[]): Promise<number> {
  return await inForeground([process.execPath, join(root, program), ...args], {
    cwd: root,
    env: process.env,
  });
}

async function node(root: string, program: string, args: readonly string[]): Promise<number> {
  const argv = [process.execPath, join(root, "node_modules", program), ...args];
  return await inForeground(argv, { cwd: root, env: process.env });
}
