/**
 * Bounds of the main flow on one host with every default, the proof too, measured on the real CLI and daemons in
 * a separate box. Exits with 1 if a bound does not hold.
 */
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findPulumi } from "../setup/pulumi/cli.ts";
import { type Box, makeBox } from "../test/e2e/box.ts";
import { median, runPaired, spread, timed } from "./paired.ts";
import { roundsAsked } from "./rounds.ts";

/** A no-op preview of one host may take this many times what the same CLI takes for an empty program. */
const PREVIEW_RATIO = 1.5;
/** The first up once the binaries are there, on two cores, seconds. */
const FIRST_UP_SECONDS = 20;
/** Seconds that a warmbox command may take beyond the CLI alone, once set up. */
const SETUP_SECONDS = 15;
/** First ups: each needs a destroy before it, so fewer than the rounds of what is quick. */
const FIRST_UPS = 3;

const rounds = roundsAsked(7, "up");
const box = await makeBox();
const broken: string[] = [];
try {
  box.stack("local", { "bazel-remote": { max_size: "2GiB" }, sccache: { max_size: "3GiB" } }, true);
  await firstUps();
  await convergedUp();
  await probes();
  await previews();
  await setUp();
} finally {
  await box.warmbox("destroy", "--yes");
  box.remove();
}
for (const bound of broken) console.log(`BROKEN: ${bound}`);
process.exitCode = broken.length === 0 ? 0 : 1;

function hold(holds: boolean, bound: string): void {
  if (!holds) broken.push(bound);
}

async function firstUps(): Promise<void> {
  const seconds: number[] = [];
  for (let at = 0; at < FIRST_UPS; at++) {
    if (at > 0) await demand(["destroy", "--yes"]);
    seconds.push((await timed({ name: "up", run: async () => await demand(["up"]) })) / 1000);
  }
  console.log(
    `first up, binaries there, proof included: ${spread(seconds, " s", 1)} (bound ${FIRST_UP_SECONDS} s)`,
  );
  hold(median(seconds) <= FIRST_UP_SECONDS, `first up ≤ ${FIRST_UP_SECONDS} s`);
}

/** Inode and time of change as well: the same bytes written again are a write. */
async function convergedUp(): Promise<void> {
  const before = written(box.home);
  await demand(["up"]);
  const changed = written(box.home).filter((line) => !before.includes(line));
  console.log(
    `converged up writes on the host: ${changed.length === 0 ? "nothing" : changed.join(", ")} (bound: nothing)`,
  );
  hold(changed.length === 0, "a converged up writes nothing");
}

/** Every file of the box's user but for Pulumi's state and the caches of the tools that run on this side. */
function written(home: string): string[] {
  return readdirSync(home, { recursive: true, encoding: "utf8" })
    .filter((path) => !/^\.(pulumi|cache)(\/|$)/.test(path))
    .map((path) => {
      const { ino, ctimeMs, size } = lstatSync(join(home, path));
      return `${path} ${ino} ${ctimeMs} ${size}`;
    });
}

async function probes(): Promise<void> {
  const log = join(box.home, "..", "spawns");
  const preload = pathToFileURL(join(import.meta.dirname, "count-spawns.mjs")).href;
  await demand(["preview"], box.project, { NODE_OPTIONS: `--import=${preload}`, WARMBOX_SPAWNS: log });
  const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  const toTheHost = lines
    .map((line) => JSON.parse(line))
    .filter(({ words }) => words[0] === "/bin/sh" && words[1] === "-s");
  rmSync(log, { force: true });
  console.log(`spawns to the host by a preview: ${toTheHost.length} (bound 1)`);
  hold(toTheHost.length === 1, "one process spawn per host and preview");
}

async function previews(): Promise<void> {
  const empty = emptyProgram(box);
  await demand(["preview"], empty);
  const result = await runPaired(
    { name: "one host", run: async () => await demand(["preview"]) },
    { name: "empty program", run: async () => await demand(["preview"], empty) },
    rounds,
  );
  console.log(`no-op preview, one host:      ${spread(result.a, " ms", 0)}`);
  console.log(`no-op preview, empty program: ${spread(result.b, " ms", 0)}`);
  console.log(`ratio: ${spread(result.ratios, "", 2)} (bound ${PREVIEW_RATIO})`);
  hold(median(result.ratios) <= PREVIEW_RATIO, `no-op preview ≤ ${PREVIEW_RATIO}× an empty program's`);
}

async function setUp(): Promise<void> {
  const { path } = await findPulumi();
  const alone = async (): Promise<void> => void (await box.run([path, "version"], box.project));
  const result = await runPaired(
    { name: "through warmbox", run: async () => await demand(["pulumi", "version"]) },
    { name: "the CLI alone", run: alone },
    rounds,
  );
  const more = result.a.map((ms, at) => (ms - (result.b[at] ?? 0)) / 1000);
  console.log(
    `set-up, second time: ${spread(more, " s", 2)} more than the CLI alone (bound ${SETUP_SECONDS} s)`,
  );
  hold(median(more) < SETUP_SECONDS, `set-up the second time < ${SETUP_SECONDS} s`);
}

/** The same project with a program that declares nothing: the floor that the CLI and the language host set. */
function emptyProgram(box: Box): string {
  const path = join(box.project, "..", "empty");
  cpSync(box.project, path, { recursive: true, verbatimSymlinks: true });
  const manifest = readFileSync(join(path, "Pulumi.yaml"), "utf8");
  writeFileSync(join(path, "Pulumi.yaml"), manifest.replace(/^name: .*/m, "name: empty"));
  writeFileSync(join(path, "stacks/Pulumi.local.yaml"), "config: {}\n");
  writeFileSync(
    join(path, "index.ts"),
    'import * as pulumi from "@pulumi/pulumi";\nexport const stack = pulumi.getStack();\n',
  );
  return path;
}

async function demand(
  args: string[],
  project = box.project,
  env: Record<string, string> = {},
): Promise<void> {
  const result = await box.run([process.execPath, join(project, "setup/run.mjs"), ...args], project, env);
  if (result.code !== 0) throw new Error(`${args.join(" ")} ended with ${result.code}:\n${result.output}`);
}
