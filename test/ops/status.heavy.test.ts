import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { type Box, makeBox } from "../e2e/box.ts";
import { addWorktree, demand, makeRepository, session } from "../e2e/workspace.ts";
import { freePort } from "../support/free-port.ts";
import { killService } from "../support/service.ts";

const HOST = {
  agents: { total: 4, active: 2 },
  "bazel-remote": { max_size: "2GiB" },
  sccache: { max_size: "3GiB" },
};

let box: Box;

beforeAll(async () => {
  box = await makeBox();
  box.stack("local", HOST);
  const up = await box.warmbox("up");
  if (up.code !== 0) throw new Error(up.output);
});

afterAll(async () => {
  box.stack("local", HOST);
  await box.warmbox("destroy", "--yes");
  box.remove();
});

async function statusJson() {
  const result = await box.warmbox("status", "--json");
  return { code: result.code, ...JSON.parse(result.stdout) };
}

it("shows sizes, caps and services of a box that has just been set up", async () => {
  const { code, stack, hosts } = await statusJson();
  expect([code, stack]).toEqual([0, "local"]);
  expect(hosts.box).toMatchObject({
    up: true,
    drift: {},
    sccache: { hits: 0, misses: 0, maxSizeBytes: 3 * 2 ** 30 },
    "bazel-remote": { files: 0, maxSizeBytes: 2 * 2 ** 30, actions: { hits: 0, misses: 0 }, evictedBytes: 0 },
    services: {
      sccache: { state: "running", restarts: 0 },
      "bazel-remote": { state: "running", restarts: 0 },
    },
  });
  expect(hosts.box["bazel-remote"].index.budgetBytes).toBeGreaterThan(2 ** 20);
});

it("counts what two worktrees built since the last look", async () => {
  const repository = await makeRepository(box);
  expect((await session(box, "moon run :build", repository)).code).toBe(0);
  await statusJson();
  const worktree = await addWorktree(box, repository, "second");
  expect((await session(box, "moon run :build", worktree)).code).toBe(0);
  await demand(box, ["cargo", "build", "--workspace", "--locked"], worktree);
  const { since, sccache, "bazel-remote": remote, cargo } = (await statusJson()).hosts.box;
  expect(since["bazel-remote"].hits).toBeGreaterThanOrEqual(1);
  expect(since.sccache.hits, "the two dependencies").toBe(2);
  expect(sccache.misses).toBeGreaterThan(since.sccache.misses);
  expect(sccache.sizeBytes).toBeGreaterThan(0);
  expect(remote.files).toBeGreaterThan(0);
  expect(cargo.crates).toBe(2);
  const text = await box.warmbox("status");
  expect(text.output).toMatch(/sccache +running .* as applied\n/);
});

it("finds a service that was killed for good, and settings that are not as applied", async () => {
  await killService(box.home, "sccache");
  const { code, hosts } = await statusJson();
  expect(code).toBe(1);
  expect(hosts.box.services.sccache.state).toBe("stopped");
  expect(hosts.box.sccache).toBeNull();
  expect(hosts.box.drift.sccache).toContain("-state running");
  expect((await box.warmbox("up")).code).toBe(0);
});

it("says which size of the stack was not applied yet", async () => {
  box.stack("local", { ...HOST, sccache: { max_size: "4GiB" } });
  const { hosts } = await statusJson();
  expect(hosts.box.pending).toEqual({ sccache: "sccache.max_size is 4 GiB in the stack, 3 GiB live" });
  expect((await box.warmbox("status")).output).toMatch(/sccache +running .* NOT applied yet\n/);
  box.stack("local", HOST);
});

it("--watch --json is one document a line, again and again", async () => {
  const child = spawn(process.execPath, ["setup/run.mjs", "status", "--watch", "1", "--json"], {
    cwd: box.project,
    env: box.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((done) => child.once("exit", done));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === 2) break;
  }
  child.kill("SIGTERM");
  await ended;
  const [first, second] = lines.map((line) => JSON.parse(line).hosts.box);
  expect(first.up).toBe(true);
  expect(second.since.seconds).toBeGreaterThanOrEqual(1);
});

it("asks all hosts at the same time: each of two answers only once both were asked", async () => {
  const front = join(box.home, "front");
  mkdirSync(front);
  const ssh = `#!/bin/sh
case "$*" in *alpha*) : >"$HOME/asked-one" ;; *) : >"$HOME/asked-two" ;; esac
tries=0
until [ -e "$HOME/asked-one" ] && [ -e "$HOME/asked-two" ]; do
  tries=$((tries + 1)); [ $tries -lt 300 ] || { echo "the other was never asked" >&2; exit 1; }
  sleep 0.1
done
exec sh -s
`;
  writeFileSync(join(front, "ssh"), ssh, { mode: 0o755 });
  const file = join(box.project, "stacks/Pulumi.local.yaml");
  const stack = parse(readFileSync(file, "utf8"));
  const { box: one } = stack.config["warmbox:hosts"];
  stack.config["warmbox:hosts"] = Object.fromEntries(
    ["alpha", "beta"].map((host) => [host, { ...one, reach: { kind: "ssh", host } }]),
  );
  writeFileSync(file, JSON.stringify(stack));
  const result = await box.run([process.execPath, "setup/run.mjs", "status"], box.project, {
    PATH: `${front}:${box.env.PATH}`,
  });
  expect(result.output).toMatch(/^alpha {2}\(alpha\)\n[\s\S]*^beta {2}\(beta\)\n/m);
  expect([result.code, result.output]).toEqual([0, expect.not.stringContaining("never asked")]);
  box.stack("local", HOST);
});

it("shows the other hosts when one does not answer, with ssh's own words", async () => {
  const port = await freePort();
  const file = join(box.project, "stacks/Pulumi.local.yaml");
  const stack = parse(readFileSync(file, "utf8"));
  stack.config["warmbox:hosts"].far = { reach: { kind: "ssh", host: "127.0.0.1", port } };
  writeFileSync(file, JSON.stringify(stack));
  const result = await box.warmbox("status");
  expect(result.code).toBe(1);
  expect(result.output).toMatch(/^far {2}\(127\.0\.0\.1\): cannot be asked: ssh: .*refused/m);
  expect(result.output).toMatch(/sccache +running/);
  const metrics = await box.warmbox("status", "--prometheus", "--host", "far");
  expect([metrics.code, metrics.stdout]).toEqual([1, expect.stringContaining('warmbox_up{host="far"} 0\n')]);
});

it("refuses wrong words with the right ones", async () => {
  const wrong = await box.warmbox("status", "--host", "nope");
  expect([wrong.code, wrong.output]).toEqual([
    2,
    expect.stringMatching(/--host nope: the stack local has box/),
  ]);
  const stack = await box.warmbox("status", "--stack", "nope");
  expect([stack.code, stack.output]).toEqual([2, expect.stringMatching(/the stack nope has no file/)]);
});

it("shows who builds", async () => {
  box.stack("local", HOST);
  const hold = box.run(
    [join(box.home, ".local/share/warmbox/bin/warmbox-run"), "--", "sleep", "20"],
    box.home,
  );
  let queue: { state: string; command: string }[] = [];
  for (let tries = 0; queue.length === 0 && tries < 5; tries++)
    queue = (await statusJson()).hosts.box.agents.queue;
  expect(queue).toEqual([
    { pid: expect.any(Number), state: "builds", command: expect.stringContaining("sleep 20") },
  ]);
  await hold;
});
