import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import type { HostWarmed } from "../../ops/warm.ts";
import { type Box, listing, makeBox } from "../e2e/box.ts";
import {
  addWorktree,
  demand,
  makeRepository,
  moonStatuses,
  sccacheCounters,
  session,
} from "../e2e/workspace.ts";
import { notUploaded } from "../s3/box.ts";
import { freePort } from "../support/free-port.ts";
import { killService, processEnd } from "../support/service.ts";
import { until } from "../support/until.ts";

const REPOSITORY = "src/workspace";

let box: Box;
let repository: string;

const HOST = {
  agents: { total: 4, active: 2 },
  "bazel-remote": { max_size: "2GiB" },
  sccache: { max_size: "3GiB" },
};

/** The stack with one workspace, and what is to be run in it. */
const declare = (warm?: string[], more = {}) =>
  box.stack("local", {
    ...HOST,
    moon: { workspaces: [{ path: REPOSITORY, ...(warm ? { warm } : {}) }], ...more },
  });

// biome-ignore lint/suspicious/noExplicitAny: a stack file, as YAML has it
function editStack(edit: (config: any) => void): void {
  const file = join(box.project, "stacks/Pulumi.local.yaml");
  const stack = parse(readFileSync(file, "utf8"));
  edit(stack.config);
  writeFileSync(file, JSON.stringify(stack));
}

const demandUp = async (): Promise<void> => {
  const up = await box.warmbox("up");
  if (up.code !== 0) throw new Error(up.output);
};

/** Removes the contents of the named caches; up creates their directories again. */
async function emptied(...caches: string[]): Promise<void> {
  for (const cache of caches) {
    await killService(box.home, cache);
    rmSync(join(box.home, ".cache", cache), { recursive: true });
  }
  await demandUp();
}

beforeAll(async () => {
  box = await makeBox();
  declare();
  const up = await box.warmbox("up");
  if (up.code !== 0) throw new Error(up.output);
  repository = await makeRepository(box);
});

afterAll(async () => {
  await box.warmbox("destroy", "--yes");
  box.remove();
});

async function warm(...args: string[]): Promise<HostWarmed & { code: number }> {
  const result = await box.warmbox("warm", "--json", ...args);
  return { code: result.code, ...JSON.parse(result.stdout).hosts.box };
}

it("fills all three tiers, and does not touch the checkout", async () => {
  const before = listing(repository);
  const { code, workspaces, gained } = await warm();
  expect(code, JSON.stringify(workspaces)).toBe(0);
  expect(workspaces[0]).toMatchObject({ workspace: REPOSITORY, result: "filled" });
  expect(workspaces[0]?.steps.map(({ command }) => command)).toEqual([
    "cargo fetch --locked",
    "cargo build --workspace --locked",
    "cargo test --no-run --workspace --locked",
    "moon run :build :test",
  ]);
  expect(gained).toMatchObject({ crates: 2 });
  expect(gained?.bazelRemoteFiles).toBeGreaterThan(0);
  expect(listing(repository)).toEqual(before);
});

it("so that a worktree made afterwards hits in each", async () => {
  const worktree = await addWorktree(box, repository, "second");
  await demand(box, ["unshare", "--net", "cargo", "fetch", "--locked"], worktree);
  const start = await sccacheCounters(box);
  await demand(box, ["cargo", "build", "--workspace", "--locked"], worktree);
  expect((await sccacheCounters(box)).hits - start.hits, "both dependencies").toBe(2);
  rmSync(join(worktree, "target"), { recursive: true });
  expect((await session(box, "moon run :build :test", worktree)).code).toBe(0);
  expect(moonStatuses(worktree)).toEqual({
    "workspace:build": "cached-from-remote",
    "workspace:test": "cached-from-remote",
  });
});

it("a second run has nothing to do; a new commit, or --force, has", async () => {
  const start = await sccacheCounters(box);
  expect(await warm()).toMatchObject({ code: 0, workspaces: [{ result: "warm", steps: [] }], gained: null });
  expect(await sccacheCounters(box)).toEqual(start);
  expect((await box.warmbox("warm")).output).toMatch(/nothing done[\s\S]*box: 1 warm already\n/);
  expect((await warm("--force")).workspaces[0]).toMatchObject({ result: "filled" });
  await demand(
    box,
    ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "x"],
    repository,
  );
  expect((await warm()).workspaces[0]).toMatchObject({ result: "filled" });
});

it("a step that fails says so, and the next run goes on with it", async () => {
  declare(["cargo fetch --locked", 'test -e "$HOME/go" || { echo not yet; exit 7; }']);
  const failed = await warm();
  expect(failed).toMatchObject({ code: 1, workspaces: [{ result: "failed" }] });
  expect(failed.workspaces[0]?.why).toMatch(/\(exit code 7\): not yet$/);
  writeFileSync(join(box.home, "go"), "");
  const resumed = await warm();
  expect(resumed).toMatchObject({ code: 0, workspaces: [{ result: "filled" }] });
  expect(resumed.workspaces[0]?.steps.map(({ command }) => command)).toEqual([
    expect.stringContaining("test -e"),
  ]);
});

it("a run that is cut leaves no worktree and no process, and the next one goes on", async () => {
  declare(["cargo fetch --locked", 'echo $$ >"$HOME/step.pid"; test -e "$HOME/quick" || sleep 600']);
  const child = spawn(process.execPath, ["setup/run.mjs", "warm"], {
    cwd: box.project,
    env: box.env,
    stdio: "ignore",
  });
  const ended = new Promise((done) => child.once("exit", done));
  await until(
    "the step's pid",
    () =>
      existsSync(join(box.home, "step.pid")) &&
      readFileSync(join(box.home, "step.pid"), "utf8").endsWith("\n"),
  );
  const step = Number(readFileSync(join(box.home, "step.pid"), "utf8"));
  child.kill("SIGINT");
  await ended;
  await processEnd(step);
  expect((await demand(box, ["git", "worktree", "list"], repository)).stdout).not.toContain("/warm/");
  writeFileSync(join(box.home, "quick"), "");
  expect((await warm()).workspaces[0]?.steps).toHaveLength(1);
});

it("each cache whose directory was created again is filled again, also if sessions only read", async () => {
  declare(undefined, { cache: "read" });
  await warm();
  await emptied("sccache");
  const first = await warm();
  expect(first.workspaces[0]).toMatchObject({ result: "filled" });
  const { misses } = await sccacheCounters(box);
  expect(misses, "both dependencies and the library were compiled").toBeGreaterThanOrEqual(3);
  expect(listing(join(box.home, ".cache/sccache")).length).toBeGreaterThan(3);
  await emptied("bazel-remote");
  const second = await warm();
  expect(second.workspaces[0]).toMatchObject({ result: "filled" });
  expect(second.gained?.bazelRemoteFiles).toBeGreaterThan(2);
  expect((await sccacheCounters(box)).misses, "sccache had all of it").toBe(misses);
});

it("never builds more workspaces at once than agents.active", async () => {
  const step = 'echo start >>"$HOME/turns"; sleep 1; echo end >>"$HOME/turns"';
  await demand(box, ["git", "clone", "-q", repository, join(box.home, "src/other")], box.home);
  box.stack("local", {
    ...HOST,
    agents: { total: 4, active: 1 },
    moon: { workspaces: [REPOSITORY, "src/other"].map((path) => ({ path, warm: [step] })) },
  });
  expect((await warm()).workspaces.map(({ result }) => result)).toEqual(["filled", "filled"]);
  expect(readFileSync(join(box.home, "turns"), "utf8")).toBe("start\nend\nstart\nend\n");
});

it("a step without output shows that it runs", async () => {
  declare(["sleep 12"]);
  expect((await box.warmbox("warm")).output).toMatch(/: sleep 12( runs for \d+ s)?, \d+ s/);
});

it("ends on the host when no process reads its output any more, as after a cut connection", async () => {
  declare(['echo $$ >"$HOME/step.pid"; sleep 600']);
  rmSync(join(box.home, "step.pid"), { force: true });
  const front = join(box.home, "far");
  mkdirSync(front);
  // When ssh is killed, it ends at once, and the process on the host writes to a pipe without a reader.
  writeFileSync(join(front, "ssh"), `#!/bin/sh\nsetsid sh -s 2>/dev/null | cat\n`, { mode: 0o755 });
  editStack((config) => {
    config["warmbox:hosts"].box.reach = { kind: "ssh", host: "far" };
  });
  const child = spawn(process.execPath, ["setup/run.mjs", "warm"], {
    cwd: box.project,
    env: { ...box.env, PATH: `${front}:${box.env.PATH}` },
    stdio: "ignore",
  });
  const ended = new Promise((done) => child.once("exit", done));
  const pidFile = join(box.home, "step.pid");
  await until("the step's pid", () => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
  const step = Number(readFileSync(pidFile, "utf8"));
  child.kill("SIGTERM");
  await ended;
  await processEnd(step);
  const states = join(box.home, ".cache/warmbox/warm");
  await until(
    "the checkouts' removal",
    () => !readdirSync(states).some((name) => existsSync(join(states, name, "tree"))),
  );
});

it("fills a new store from what the local caches have: a host with empty ones gets all of it from there", async () => {
  declare();
  await demandUp();
  expect((await warm()).workspaces[0]?.result).toBe("filled");
  const s3 = { kind: "embedded", port: await freePort(), dir: join(box.home, "objects") };
  editStack((config) => {
    config["warmbox:s3"] = s3;
  });
  await demandUp();
  const start = Date.now();
  const filled = await warm();
  expect(filled.workspaces[0], JSON.stringify(filled)).toMatchObject({ result: "filled" });
  expect(filled.workspaces[0]?.steps.at(-1)?.command).toBe("copy what the tasks made to the store");
  expect((await warm()).workspaces[0]).toMatchObject({ result: "warm" });
  await expect.poll(() => notUploaded({ ...box, objects: s3.dir }, start), { timeout: 30_000 }).toEqual([]);
  await emptied("sccache", "bazel-remote");
  const worktree = await addWorktree(box, repository, "third");
  await demand(box, ["cargo", "build", "--workspace", "--locked"], worktree);
  expect((await sccacheCounters(box)).hits, "both dependencies, from the store alone").toBe(2);
  rmSync(join(worktree, "target"), { recursive: true });
  expect((await session(box, "moon run :build :test", worktree)).code).toBe(0);
  expect(moonStatuses(worktree)).toEqual({
    "workspace:build": "cached-from-remote",
    "workspace:test": "cached-from-remote",
  });
});

it("refuses to fill caches that do not run, and names what is wrong with a workspace", async () => {
  await killService(box.home, "sccache");
  const down = await box.warmbox("warm");
  expect([down.code, down.output]).toEqual([
    1,
    expect.stringMatching(/box: sccache is stopped: .*\.\/warmbox doctor/),
  ]);
  expect((await box.warmbox("up")).code).toBe(0);
  box.stack("local", { moon: { workspaces: [{ path: "nowhere" }] } });
  const nowhere = await warm();
  expect(nowhere).toMatchObject({
    code: 1,
    workspaces: [{ result: "failed", why: expect.stringMatching(/nowhere is not a directory/) }],
  });
});
