import { type ChildProcess, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { gib, mib } from "../../plan/bytes.ts";
import { bazelRemoteScript } from "../../render/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo-resource.ts";
import { libraryScript } from "../../render/library-resource.ts";
import { moonScript } from "../../render/moon-resource.ts";
import { hostPaths } from "../../render/paths.ts";
import type { ResourceInput } from "../../render/resource.ts";
import { sccacheScript } from "../../render/sccache-resource.ts";
import { toolPath } from "../tools.ts";
import { boxInput } from "./box.ts";
import { fileOf, freePort, run, temporaryDirectory } from "./daemon.ts";

const HOST = new URL("../../host/", import.meta.url);

/** A whole host of the `process` kind in a HOME of its own, with free ports. */
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
  const text = (name: string) => readFile(new URL(name, HOST), "utf8");
  const supervise = {
    path: `${input.paths.share}/supervise.sh`,
    mode: "0755",
    text: await text("supervise.sh"),
  };
  const scripts = [
    libraryScript(input, await text("warmbox.sh"), [supervise]),
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
