import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { s3Credentials } from "../../plan/store.ts";
import { bazelRemoteConfig } from "../../render/bazel-remote/bazel-remote-config.ts";
import { bazelRemoteRun } from "../../render/bazel-remote/bazel-remote-run.ts";
import { cargoBlock, cargoBlockClash, cargoConfig } from "../../render/cargo/cargo-config.ts";
import { program } from "../../render/lib/program.ts";
import type { ResourceInput } from "../../render/lib/resource.ts";
import {
  moonEnvFile,
  moonEnvironment,
  moonEnvironmentD,
  moonPamBlock,
  moonProfileBlock,
} from "../../render/moon/moon-env.ts";
import { moonRemoteBlock } from "../../render/moon/moon-remote-block.ts";
import { sccacheConfig } from "../../render/sccache/sccache-config.ts";
import {
  type SccacheRunInput,
  sccacheLiveCommand,
  sccacheRun,
  sccacheStopCommand,
} from "../../render/sccache/sccache-run.ts";
import { gib, mib } from "../../stacks/bytes.ts";
import { HAS_IPV6 } from "../ipv6.ts";
import { daemon } from "../support/daemon.ts";
import { fileOf, temporaryDirectory } from "../support/files.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { toolPath } from "../tools.ts";
import { sample } from "./sample.ts";

const MINUTES = 60_000;
const PATH = process.env.PATH ?? "";

/** A sample whose ports are free and whose paths lie in a directory of the test's own. */
async function here(
  stack: Record<string, unknown> = {},
  declared: Record<string, unknown> = {},
): Promise<ResourceInput & { ports: Ports }> {
  const dir = await temporaryDirectory();
  const ports = { sccache: await freePort(), http: await freePort(), grpc: await freePort() };
  const input = sample(
    {
      ...declared,
      sccache: { port: ports.sccache },
      "bazel-remote": { http_address: `127.0.0.1:${ports.http}`, grpc_address: `127.0.0.1:${ports.grpc}` },
    },
    stack,
  );
  const at = (name: string) => join(dir, name);
  const { plan, paths } = input;
  return {
    ...input,
    ports,
    plan: {
      ...plan,
      sccache: { ...plan.sccache, max_size: mib(123), dir: at("sccache-cache") },
      bazelRemote: { ...plan.bazelRemote, max_size: gib(3), dir: at("bazel-remote-cache") },
    },
    paths: {
      ...paths,
      home: dir,
      config: dir,
      sccacheConfig: at("sccache.toml"),
      bazelRemoteConfig: at("bazel-remote.yaml"),
    },
  };
}
type Ports = { sccache: number; http: number; grpc: number };

async function startBazelRemote(input: Awaited<ReturnType<typeof here>>): Promise<void> {
  const { plan, host, paths, store } = input;
  await mkdir(plan.bazelRemote.dir);
  await fileOf(paths.home, "bazel-remote.yaml", bazelRemoteConfig(plan, host["bazel-remote"], store, paths));
  const program = { plan, remote: host["bazel-remote"], paths, toolPath: await toolPath("bazel-remote") };
  const script = await fileOf(paths.home, "bazel-remote-run", bazelRemoteRun(program), 0o755);
  await daemon([script], input.ports.http, { PATH, AZURE_TENANT_ID: "not for it" });
}

async function startSccache(input: Awaited<ReturnType<typeof here>>): Promise<SccacheRunInput> {
  const { plan, host, paths, store } = input;
  await fileOf(paths.home, "sccache.toml", sccacheConfig(plan, host.sccache, store));
  const program = { plan, sccache: host.sccache, store, paths, toolPath: await toolPath("sccache") };
  const script = await fileOf(paths.home, "sccache-run", sccacheRun(program), 0o755);
  await daemon([script], input.ports.sccache, {
    PATH,
    SCCACHE_CACHE_SIZE: "5G",
    SCCACHE_BUCKET: "not-for-it",
  });
  return program;
}

const status = async (port: number) =>
  (await fetch(`http://127.0.0.1:${port}/status`)).json() as Promise<Record<string, unknown>>;

describe("bazel-remote", { timeout: 10 * MINUTES }, () => {
  it("starts on its file by its run script, with the plan's size in force", async () => {
    const input = await here();
    await startBazelRemote(input);
    expect((await status(input.ports.http)).MaxSize).toBe(gib(3));
  });

  it("refuses a second one on the same directory", async () => {
    const input = await here();
    await startBazelRemote(input);
    const result = await run([join(input.paths.home, "bazel-remote-run")], { env: { PATH } });
    expect(result).toMatchObject({
      code: 75,
      stderr: `warmbox: bazel-remote: another process has ${input.plan.bazelRemote.dir}\n`,
    });
  });

  it.each([
    [
      "a GCS bucket",
      { gcs: { bucket: "builds", credentials: { kind: "file", path: "/nonexistent" } } },
      "nonexistent",
    ],
  ])("reads the table of %s", async (_name, stack, word) => {
    const input = await here(stack);
    const { plan, host, paths, store } = input;
    const file = await fileOf(
      paths.home,
      "c.yaml",
      bazelRemoteConfig(plan, host["bazel-remote"], store, paths),
    );
    const result = await run([await toolPath("bazel-remote"), "--config_file", file], { env: { PATH } });
    expect(result.code).not.toBe(0);
    expect(result.stdout + result.stderr).toContain(word); // it got as far as the key file, which is not there
  });
});

describe("http-get", () => {
  it.each(["curl", "wget", "bash"])("prints the body by %s, and fails on an error", async (client) => {
    const server = createHttpServer((request, response) => {
      response.writeHead(request.url === "/status" ? 200 : 404).end('{\n "MaxSize": 5\n}\n');
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const bin = await temporaryDirectory();
    for (const tool of ["sh", "sed", "timeout", client]) await symlink(await which(tool), join(bin, tool));
    const script = await fileOf(bin, "http-get", program("http-get"), 0o755);
    const get = (path: string) =>
      run([script, "127.0.0.1", String(port), path], {
        env: { PATH: bin, http_proxy: "http://127.0.0.1:1" },
      });
    expect(await get("/status")).toEqual({ code: 0, stdout: '{\n "MaxSize": 5\n}\n', stderr: "" });
    expect((await get("/other")).code).not.toBe(0);
  });

  it.skipIf(!HAS_IPV6).each(["curl", "wget", "bash"])(
    "asks an IPv6 address by %s, in brackets or without",
    async (client) => {
      const server = createHttpServer((_, response) => response.end("here\n"));
      await new Promise<void>((done) => server.listen(0, "::1", done));
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const bin = await temporaryDirectory();
      for (const tool of ["sh", "sed", "timeout", client]) await symlink(await which(tool), join(bin, tool));
      const script = await fileOf(bin, "http-get", program("http-get"), 0o755);
      for (const host of ["::1", "[::1]"])
        expect(await run([script, host, String(port), "/"], { env: { PATH: bin } }), host).toEqual({
          code: 0,
          stdout: "here\n",
          stderr: "",
        });
    },
  );

  it("names what is missing", async () => {
    const bin = await temporaryDirectory();
    await symlink(await which("sh"), join(bin, "sh"));
    const script = await fileOf(bin, "http-get", program("http-get"), 0o755);
    expect(await run([script, "127.0.0.1", "1", "/"], { env: { PATH: bin } })).toEqual({
      code: 69,
      stdout: "",
      stderr: "warmbox: http-get: this host has neither curl, wget nor bash; next: install one of them\n",
    });
  });
});

const which = async (tool: string) =>
  (await run(["/bin/sh", "-c", `command -v ${tool}`], { env: { PATH } })).stdout.trim();

describe("sccache", { timeout: 10 * MINUTES }, () => {
  it("starts on its file by its run script, tells its size, and ends on the stop command", async () => {
    const input = await here();
    const program = await startSccache(input);
    const live = () => run(["/bin/sh", "-c", sccacheLiveCommand(program)], { env: { PATH } });
    expect((await live()).stdout.trim()).toBe(`max_cache_size ${mib(123)}`);
    expect((await run(["/bin/sh", "-c", sccacheStopCommand(program)], { env: { PATH } })).code).toBe(0);
    expect((await live()).stdout.trim()).toBe("max_cache_size 1"); // the fallback: no server runs
  });

  it("merges the settings of the stack with warmbox's", async () => {
    const input = await here();
    const settings = { client_side_mode: true, basedirs: ["/w"], cache: { disk: { rw_mode: "READ_ONLY" } } };
    const program = await startSccache({
      ...input,
      host: { ...input.host, sccache: { ...input.host.sccache, settings } },
    });
    const { stdout } = await run([program.toolPath, "--show-stats", "--stats-format=json"], {
      env: {
        PATH,
        SCCACHE_CONF: input.paths.sccacheConfig,
        SCCACHE_SERVER_PORT: String(input.ports.sccache),
      },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      max_cache_size: mib(123),
      basedirs: ["/w/"],
      effective_cache_mode: "ReadOnly",
    });
  });
});

describe("GCS behind sccache", { timeout: 10 * MINUTES }, () => {
  it("is its second level", async () => {
    const input = await here({
      gcs: { bucket: "builds", credentials: { kind: "file", path: "/nonexistent" } },
    });
    const program = await startSccache(input);
    const { stdout } = await run([program.toolPath, "--show-stats", "--stats-format=json"], {
      env: {
        PATH,
        SCCACHE_CONF: input.paths.sccacheConfig,
        SCCACHE_SERVER_PORT: String(input.ports.sccache),
      },
    });
    const levels = JSON.parse(stdout).stats.multi_level.map((level: { name: string }) => level.name);
    expect(levels).toEqual(["L0 (disk)", "L1 (gcs)"]);
  });
});

describe("S3 behind both", { timeout: 10 * MINUTES }, () => {
  it("each writes below the prefix with the keys of the credentials file", async () => {
    const port = await freePort();
    const input = await here({ s3: { kind: "embedded", port, bucket: "builds" } });
    const keys = { accessKeyId: "warmbox-key", secretAccessKey: "warmbox-secret" };
    const bucket = join(input.paths.home, "s3", "builds");
    await mkdir(bucket, { recursive: true });
    await daemon(
      [
        await toolPath("versitygw"),
        "--port",
        `127.0.0.1:${port}`,
        "--health",
        "/health",
        "posix",
        join(input.paths.home, "s3"),
      ],
      port,
      { PATH, ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey },
    );
    await fileOf(input.paths.home, "s3-credentials", s3Credentials(keys), 0o600);
    const sccache = await startSccache(input);
    await startBazelRemote(input);
    const rustc = `${(await run(["rustc", "--print", "sysroot"], { env: process.env as Record<string, string> })).stdout.trim()}/bin/rustc`;
    const lib = await fileOf(input.paths.home, "lib.rs", "pub fn one() {}\n");
    const compile = [rustc, "--crate-name", "one", "--crate-type", "lib", "--emit=dep-info,link", lib];
    const compiled = await run([sccache.toolPath, ...compile, "--out-dir", input.paths.home], {
      env: {
        PATH,
        SCCACHE_SERVER_PORT: String(input.ports.sccache),
        SCCACHE_CONF: join(input.paths.home, "sccache.toml"),
      },
    });
    expect(compiled).toMatchObject({ code: 0 });
    const blob = "hello";
    const name = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const put = await fetch(`http://127.0.0.1:${input.ports.http}/cas/${name}`, {
      method: "PUT",
      body: blob,
    });
    expect(put.status).toBe(200);
    await expect
      .poll(async () => (await readdir(bucket, { recursive: true })).sort(), { timeout: MINUTES / 2 })
      .toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^warmbox\/sccache\/.\/.\/.\/[0-9a-f]{64}$/),
          `warmbox/bazel-remote/cas.v2/2c/${name}`,
        ]),
      );
  });
});

describe("cargo", { timeout: 5 * MINUTES }, () => {
  /** A crate, a CARGO_HOME and a wrapper that writes down that it was called. */
  async function crate() {
    const dir = await temporaryDirectory();
    const home = join(dir, "cargo-home");
    await mkdir(join(dir, "src"), { recursive: true });
    await mkdir(home);
    await fileOf(dir, "Cargo.toml", '[package]\nname = "probe"\nversion = "0.1.0"\nedition = "2021"\n');
    await fileOf(dir, "src/lib.rs", "");
    const wrapper = await fileOf(
      dir,
      "wrap per",
      `#!/bin/sh\necho "$@" >>'${dir}/calls'\nexec "$@"\n`,
      0o755,
    );
    const env = {
      PATH,
      CARGO_HOME: home,
      HOME: process.env.HOME ?? "",
      RUSTUP_HOME: process.env.RUSTUP_HOME ?? "",
    };
    if (env.RUSTUP_HOME === "") delete (env as Record<string, string>).RUSTUP_HOME;
    return { dir, home, wrapper, build: () => run(["cargo", "build", "-v", "--offline"], { env, cwd: dir }) };
  }

  it("reads the included file: wrapper, incremental and jobs", async () => {
    const { dir, home, wrapper, build } = await crate();
    const box = sample();
    await fileOf(
      home,
      "warmbox.toml",
      cargoConfig({ plan: box.plan, cargo: box.host.cargo, rustcWrapper: wrapper }),
    );
    await fileOf(home, "config.toml", 'include = [{ path = "warmbox.toml", optional = true }] # warmbox\n');
    const result = await build();
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).not.toMatch(/warning|incremental/);
    expect(await readFile(join(dir, "calls"), "utf8")).toContain("--crate-name probe");
    expect(await readFile(join(dir, "calls"), "utf8")).not.toContain("incremental=");
    expect(existsSync(join(dir, "target/debug/incremental/"))).toBe(true); // the directory is always made…
    expect(await readdir(join(dir, "target/debug/incremental"))).toEqual([]); // …and stays empty
  });

  it("reads the inline block at the end of a user's file", async () => {
    const { dir, home, wrapper, build } = await crate();
    const box = sample();
    const block = cargoBlock({ plan: box.plan, cargo: box.host.cargo, rustcWrapper: wrapper });
    await fileOf(
      home,
      "config.toml",
      `[term]\nverbose = true\n# >>> warmbox cargo\n${block}# <<< warmbox cargo\n`,
    );
    expect(await build()).toMatchObject({ code: 0 });
    expect(await readFile(join(dir, "calls"), "utf8")).toContain("--crate-name probe");
  });

  it.each([
    ["[build]", true],
    ["  [ net ]", true],
    ["[build.env]", true],
    ["build.jobs = 3", true],
    ["net = {}", true],
    ["[builder]", false],
    ["# [build]", false],
    ["[profile.dev.build-override]", false],
  ])("the clash expression on %s says %s", async (line, clash) => {
    const box = sample();
    const regex = cargoBlockClash({ plan: box.plan, cargo: box.host.cargo, rustcWrapper: undefined });
    const dir = await temporaryDirectory();
    const file = await fileOf(dir, "config.toml", `${line}\n`);
    expect((await run(["grep", "-E", regex, file])).code === 0).toBe(clash);
  });
});

describe("moon", { timeout: 2 * MINUTES }, () => {
  it("accepts the remote block, in its schema and by itself", async () => {
    const moon = await toolPath("moon");
    const dir = await temporaryDirectory();
    // moon does not take a workspace for one that is the home directory
    const env = {
      PATH,
      HOME: await temporaryDirectory(),
      MOON_TELEMETRY: "false",
      MOON_TOOLCHAIN_FORCE_GLOBALS: "true",
    };
    const git = ["git", "-C", dir, "-c", "user.name=t", "-c", "user.email=t@localhost"];
    await run([...git, "init", "-q"], { env });
    await run([...git, "commit", "-q", "--allow-empty", "-m", "start"], { env });
    await mkdir(join(dir, ".moon"));
    const block = moonRemoteBlock(sample().host);
    await fileOf(dir, ".moon/workspace.yml", `projects: []\n${block}`);
    expect(await run([moon, "projects"], { env, cwd: dir })).toMatchObject({ code: 0 });
    expect(await run([moon, "sync", "config-schemas"], { env, cwd: dir })).toMatchObject({ code: 0 });
    const schema = JSON.parse(await readFile(join(dir, ".moon/cache/schemas/workspace.json"), "utf8"));
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(parse(block)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ unstable_remote: parse(block).remote })).toBe(false);
  });
});

/** What the manager itself runs; comes with systemd. */
const GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

describe("shells", () => {
  const value = `a "b" 'c' $d \\ e`;
  const input = sample({ moon: { env: { MOON_X: value } } });

  it.each(["sh", "dash", "bash"])(
    "%s gets the environment from the file by the block of ~/.profile",
    async (shell) => {
      const dir = await temporaryDirectory();
      const file = await fileOf(dir, "an env", moonEnvFile(input));
      const profile = await fileOf(dir, "profile", moonProfileBlock(file));
      const result = await run(
        [shell, "-euc", `. '${profile}'; printf '%s|%s' "$MOON_REMOTE_HOST" "$MOON_X"`],
        { env: { PATH, SHLVL: "2" } }, // without SHLVL bash takes our pipe for a remote session and reads its start files
      );
      expect(result).toEqual({
        code: 0,
        stdout: `${moonEnvironment(input).MOON_REMOTE_HOST}|${value}`,
        stderr: "",
      });
    },
  );

  it("CARGO_HOME is set where cargo would take another one, and only for who may write there", async () => {
    const home = await temporaryDirectory();
    const variables = async (declared: Record<string, unknown>) => {
      const file = await fileOf(home, "env", moonEnvFile(sample(declared)));
      const result = await run(["sh", "-euc", `. '${file}'; env`], { env: { PATH } });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      return result.stdout
        .split("\n")
        .filter((line) => /^(CARGO_HOME|MOON_CACHE)=/.test(line))
        .sort();
    };
    expect(await variables({ cargo: { home } })).toEqual([`CARGO_HOME=${home}`, "MOON_CACHE=read-write"]);
    expect(await variables({ cargo: { home }, moon: { enabled: false } })).toEqual([`CARGO_HOME=${home}`]);
    expect(await variables({ cargo: { home: `${home}/does-not-exist` } })).toEqual(["MOON_CACHE=read-write"]);
    expect(await variables({})).toEqual(["MOON_CACHE=read-write"]);
  });

  it("a file for all accounts sets no CARGO_HOME, for most may not write there", () => {
    const shared = sample({ scope: "system", cargo: { home: "/srv/cargo" } });
    expect(moonPamBlock(shared)).not.toContain("CARGO_HOME");
    expect(moonEnvironmentD(shared)).not.toContain("CARGO_HOME");
    expect(moonEnvironmentD(sample({ cargo: { home: "/srv/cargo" } }))).toContain(
      "\nCARGO_HOME=/srv/cargo\n",
    );
  });

  it("systemd's user manager gets it from environment.d, by its own generator", async () => {
    const dir = await temporaryDirectory();
    await mkdir(join(dir, "environment.d"));
    await fileOf(dir, "environment.d/60-warmbox.conf", moonEnvironmentD(input));
    const { stdout, stderr } = await run([GENERATOR], { env: { HOME: dir, XDG_CONFIG_HOME: dir } });
    expect(stderr).toBe("");
    const result = await run(["sh", "-c", `${stdout}\nprintf '%s|%s' "$MOON_REMOTE_HOST" "$MOON_X"`], {
      env: {},
    });
    expect(result.stdout).toBe(`${moonEnvironment(input).MOON_REMOTE_HOST}|${value}`);
  });

  it("a block without its file is silent", async () => {
    const result = await run(["sh", "-euc", moonProfileBlock("/nonexistent/env")], { env: { PATH } });
    expect(result).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});
