import { type ChildProcess, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { librarySums } from "../../components/inspect.ts";
import { hostPaths } from "../../plan/paths.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo/cargo-resource.ts";
import { libraryScript } from "../../render/lib/library-resource.ts";
import type { ResourceInput } from "../../render/lib/resource.ts";
import { moonScript } from "../../render/moon/moon-resource.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { gib, mib } from "../../stacks/bytes.ts";
import { sentLibrary } from "../host/sent.ts";
import { fillCache } from "../large-cache.ts";
import { fileOf, temporaryDirectory } from "../support/files.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { toolPath } from "../tools.ts";
import { boxInput } from "./box.ts";

/** A whole host of the `process` kind in a separate HOME, with free ports. */
async function box(home: string): Promise<ResourceInput> {
  const [sccache, http, grpc] = [await freePort(), await freePort(), await freePort()];
  const input = boxInput({
    sccache: { port: sccache },
    "bazel-remote": { http_address: `127.0.0.1:${http}`, grpc_address: `127.0.0.1:${grpc}` },
    moon: { workspaces: [{ path: "code", remote_block: true }] },
  });
  const { plan } = input;
  return {
    ...input,
    paths: hostPaths(input.host, home, join(home, ".cargo")),
    plan: {
      ...plan,
      sccache: { ...plan.sccache, max_size: mib(123), dir: join(home, ".cache/sccache") },
      bazelRemote: { ...plan.bazelRemote, max_size: gib(3), dir: join(home, ".cache/bazel-remote") },
    },
    tools: {
      sccache: await toolPath("sccache"),
      "bazel-remote": await toolPath("bazel-remote"),
      moon: await toolPath("moon"),
    },
  };
}

/** Files of 4 KiB that bazel-remote reads for a second or two at its start. */
const MANY = 150_000;

/** Runs a script as the program does: on standard input of a shell, with the word. */
function sent(script: string, word: "apply" | "remove", home: string): Promise<string> {
  return new Promise((done) => {
    const env = { PATH: process.env.PATH ?? "", HOME: home };
    const child: ChildProcess = execFile(
      "/bin/sh",
      ["-s", "--", word],
      { env, timeout: 120_000 },
      (error, stdout, stderr) => done(`${error?.code ?? 0} ${stdout}${stderr}`.trim()),
    );
    child.stdin?.end(script);
  });
}

it("the library applies every resource, finds the caps in force, and puts HOME back", async () => {
  const home = join(await temporaryDirectory(), "a home");
  await mkdir(join(home, "code/.moon"), { recursive: true });
  await mkdir(join(home, ".cargo"));
  await fileOf(home, ".profile", "umask 022\n");
  await fileOf(home, ".cargo/config.toml", "[term]\nquiet = true\n");
  await fileOf(home, "code/.moon/workspace.yml", "projects: []\n");
  const tree = async () =>
    (await run(["find", ".", "-type", "f", "-exec", "sha256sum", "{}", "+"], { cwd: home })).stdout;
  const before = await tree();

  const input = await box(home);
  const scripts = [
    sentLibrary(libraryScript(input, librarySums())),
    sccacheScript(input),
    bazelRemoteScript(input),
    cargoScript(input),
    moonScript(input),
  ];
  const backwards = [...scripts].reverse();
  onTestFinished(async () => {
    for (const script of backwards) await sent(script, "remove", home); // ends the daemons where the test failed
  });
  for (const script of scripts) expect(await sent(script, "apply", home)).toMatch(/^0\b/);

  const status = await fetch(`http://${input.host["bazel-remote"].http_address}/status`);
  expect(await status.json()).toMatchObject({ MaxSize: gib(3) });
  expect(await readFile(join(home, ".cargo/config.toml"), "utf8")).toBe(
    'include = [{ path = "warmbox.toml", optional = true }] # warmbox\n[term]\nquiet = true\n',
  );
  expect(await readFile(join(home, "code/.moon/workspace.yml"), "utf8")).toContain(
    "remote:\n  host: grpc://127.0.0.1:",
  );

  const [, sccache = ""] = scripts;
  const wrong = sccache.replace('print "max_cache_size " $3', 'print "max_cache_size " 7'); // a cap that is not in force
  expect(await sent(wrong, "apply", home)).toMatch(/^78\b/);

  for (const script of backwards) expect(await sent(script, "remove", home)).toMatch(/^0\b/);
  expect(await tree()).toBe(before);
  expect(existsSync(join(home, ".local"))).toBe(false);
  expect((await readdir(home)).sort()).toEqual([".cache", ".cargo", ".profile", "code"]); // caches' contents stay
});

it("a bazel-remote that reads a large cache is starting, no drift, and a stop waits for it", async () => {
  const home = await temporaryDirectory();
  const input = await box(home);
  const scripts = [sentLibrary(libraryScript(input, librarySums())), bazelRemoteScript(input)];
  const [first = "", remote = ""] = scripts;
  onTestFinished(async () => {
    for (const script of [remote, first]) await sent(script, "remove", home);
  });
  for (const script of scripts) expect(await sent(script, "apply", home)).toMatch(/^0\b/);
  expect(await sent(remote, "remove", home)).toMatch(/^0\b/); // the cache's contents stay
  fillCache(input.plan.bazelRemote.dir, MANY, 4096);
  expect(await sent(remote, "apply", home)).toMatch(/^0\b/);
  const status = await fetch(`http://${input.host["bazel-remote"].http_address}/status`);
  expect(await status.json()).toMatchObject({ NumFiles: MANY, MaxSize: gib(3) });

  const observe = () =>
    sent(`. "$HOME/.local/share/warmbox/warmbox.sh"\nobserve </dev/null\n`, "apply", home);
  const pidFile = join(input.paths.home, ".local/state/warmbox/run/bazel-remote.pid");
  const daemonPid = async () => Number(/^daemon (\d+)/m.exec(await readFile(pidFile, "utf8"))?.[1]);
  const killed = await daemonPid();
  process.kill(killed, "SIGKILL");
  await expect
    .poll(async () => ![0, killed].includes(await daemonPid()), { timeout: 60_000, interval: 20 })
    .toBe(true);
  const scanning = await observe();
  expect(scanning).toMatch(
    /@@warmbox note bazel-remote\n\|bazel-remote is starting: its port \d+ is not open yet/,
  );
  expect(scanning).not.toMatch(/^\|[-+]/m);
  expect(await sent(remote, "remove", home)).toMatch(/^0\b/);
  const dir = input.plan.bazelRemote.dir;
  expect(await run(["flock", "--nonblock", dir, "true"])).toMatchObject({ code: 0 }); // no process holds the lock
});
