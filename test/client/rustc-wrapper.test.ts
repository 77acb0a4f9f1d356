import { once } from "node:events";
import { chmod, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../tools.ts";
import { SHELLS } from "./box.ts";
import { type CargoBox, cargoBox } from "./sccache.ts";

const LIMIT_MS = 120_000;

/** The program that was built runs: the build did all its work. */
async function builds(box: CargoBox, env: Record<string, string> = {}): Promise<string> {
  const built = await box.build(env);
  expect({ code: built.code, stderr: built.stderr }).toMatchObject({ code: 0 });
  expect((await run([`${box.dir}/project/target/debug/program`])).stdout).toBe("2\n");
  return built.stderr;
}

/** The sccache server that a client started for itself ends with the test. */
function endServerOf(box: CargoBox): void {
  onTestFinished(async () => {
    const env = { ...box.env, SCCACHE_SERVER_PORT: String(box.port), SCCACHE_CONF: box.conf };
    await run([box.sccache, "--stop-server"], { env });
  });
}

describe.each(SHELLS)("under %s", (_name, shell) => {
  test("a second build hits for every library, and nothing is said", { timeout: LIMIT_MS }, async () => {
    const box = await cargoBox({ shell });
    await box.serve();
    await builds(box);
    const before = await box.stats();
    const output = await builds(box);
    const after = await box.stats();
    expect(after.hits - before.hits).toBe(2);
    expect(after.misses - before.misses).toBe(0);
    expect(output).not.toContain("warmbox:");
  });

  test("a crate that does not compile fails once, with rustc's words", { timeout: LIMIT_MS }, async () => {
    const box = await cargoBox({ shell });
    await box.serve();
    await box.file("project/one/src/lib.rs", "pub const N: u32 = missing_name;\n");
    const built = await box.build();
    expect(built.code).toBe(101);
    expect(built.stderr.match(/cannot find value `missing_name`/g)).toHaveLength(1);
    expect(built.stderr).not.toContain("warmbox:");
  });

  test("without a binary rustc runs alone", { timeout: LIMIT_MS }, async () => {
    const box = await cargoBox({ shell, sccachePath: "/nonexistent/sccache" });
    expect(await builds(box)).toContain(
      "warmbox: sccache: /nonexistent/sccache is missing, empty or not executable",
    );
  });

  test("a configuration that does not parse fails no build", { timeout: LIMIT_MS }, async () => {
    const box = await cargoBox({ shell });
    await box.serve();
    await writeFile(box.conf, '[cache.disk]\nsize = "30GiB"\n');
    await builds(box);
    expect((await box.stats().catch(() => ({ requests: 0 }))).requests).toBe(0);
  });

  test("a stopped server delays a build, but fails none", { timeout: LIMIT_MS }, async () => {
    const box = await cargoBox({ shell });
    const server = await box.serve();
    server.kill("SIGSTOP");
    await builds(box);
  });
});

test("a server that a client must start has the file's size, not the environment's", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await cargoBox();
  endServerOf(box);
  await builds(box, {
    SCCACHE_CACHE_SIZE: "1G",
    SCCACHE_DIR: `${box.dir}/elsewhere`,
    SCCACHE_SERVER_PORT: "1",
  });
  expect((await box.stats()).maxCacheSize).toBe(64 * 1024 * 1024);
  expect((await box.stats()).misses).toBe(2);
  expect(await readdir(box.dir)).not.toContain("elsewhere");
});

test("a file that is not executable, an empty one and another program's", { timeout: LIMIT_MS }, async () => {
  for (const [text, mode] of [
    ["#!/bin/sh\n", 0o644],
    ["", 0o755],
    ["\u007fELF garbage", 0o755],
  ] as const) {
    const box = await cargoBox({ sccachePath: "/proc/self/cwd/../broken/sccache" });
    const broken = await box.file("broken/sccache", text, mode);
    await chmod(broken, mode);
    await builds(box);
  }
});

test("without its configuration, no server starts with default sizes", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await cargoBox();
  await rm(box.conf);
  expect(await builds(box)).toContain(`${box.conf} cannot be read`);
  expect(await readdir(box.dir)).not.toContain(".cache");
});

test("CARGO_INCREMENTAL=1, under which sccache refuses to work", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  await box.serve();
  await builds(box, { CARGO_INCREMENTAL: "1" });
  expect((await box.stats()).requests).toBe(0);
});

test.each([
  ["hangs up", true],
  ["never answers", false],
])("another program on the port that %s", { timeout: LIMIT_MS }, async (_words, hangsUp) => {
  const box = await cargoBox();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (hangsUp) socket.destroy();
  });
  server.listen(box.port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  await builds(box);
});

test("a server killed in the middle of a build fails nothing", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  const server = await box.serve();
  endServerOf(box);
  await box.file("project/one/src/lib.rs", slowCrate(2));
  const built = builds(box);
  await until("a compile under way", async () => (await box.stats()).requests >= 4);
  server.kill("SIGKILL");
  await built;
});

test("a long compile is not cut while its server answers", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  await box.serve();
  await box.file("project/one/src/lib.rs", slowCrate(7));
  expect(await builds(box)).not.toContain("warmbox:");
  expect((await box.stats()).misses).toBe(2);
});

test("nor is one cut because a question cannot be asked", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  await box.serve();
  await box.file("none/timeout", "#!/bin/sh\nexit 127\n", 0o755);
  await box.file("project/one/src/lib.rs", slowCrate(5));
  const output = await builds(box, { PATH: `${box.dir}/none:${box.env.PATH}` });
  expect(output).not.toContain("warmbox:");
  expect((await box.stats()).misses).toBe(2);
});

test.each(["SIGKILL", "SIGTERM"])(
  "a client that %s ends alone fails nothing",
  { timeout: LIMIT_MS },
  async (signal) => {
    const box = await cargoBox();
    await box.serve();
    await box.file("project/one/src/lib.rs", slowCrate(5));
    const built = builds(box);
    const clients = `for p in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <$p/cmdline) in "$1 "*"--crate-name one "*) kill -s "$2" "\${p#/proc/}" && exit 0 ;; esac
  done 2>/dev/null; exit 1`;
    const words = ["sh", "-c", clients, "sh", box.sccache, signal.replace("SIG", "")];
    await until("a compile under way", async () => (await box.stats()).requests >= 4);
    await until("its client is there", async () => (await run(words)).code === 0);
    expect(await built).toContain("warmbox: sccache: the client was ended (signal ");
  },
);

describe("S3 that takes connections and never answers", () => {
  /** A box whose server runs on a real S3 server. */
  async function s3Box() {
    const s3Port = await freePort();
    const box = await cargoBox({ s3Port, storeLimitSeconds: 3 });
    await box.file("objects/warmbox/.keep", "");
    const words = ["--port", `127.0.0.1:${s3Port}`, "--quiet", "posix", `${box.dir}/objects`];
    const env = { ...box.env, ROOT_ACCESS_KEY: "a", ROOT_SECRET_KEY: "b" };
    return { ...box, s3: await daemon([await toolPath("versitygw"), ...words], s3Port, env) };
  }

  test("delays a build, and fails none", { timeout: LIMIT_MS }, async () => {
    const box = await s3Box();
    await box.serve();
    box.s3.kill("SIGSTOP");
    expect(await builds(box)).toContain(
      ", or the store behind that, does not answer; compiling without the cache",
    );
  });

  test("keeps no server from its start, and serves no less from the disk", {
    timeout: LIMIT_MS,
  }, async () => {
    const box = await s3Box();
    const first = await box.serve();
    await builds(box);
    box.s3.kill("SIGSTOP");
    first.kill("SIGKILL");
    await once(first, "exit");
    await box.serve();
    expect(await builds(box)).not.toContain("warmbox:");
    expect(await box.stats()).toMatchObject({ hits: 2, misses: 0 });
  });
});

test("the guard and its file end with the build", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  await box.serve();
  await builds(box);
  await until("the build's file is gone", async () => (await readdir(`${box.dir}/run`)).length === 0);
});

test("exit code, output and standard input of a direct call", { timeout: LIMIT_MS }, async () => {
  const box = await cargoBox();
  await box.serve();
  const rustc = (await run(["rustup", "which", "rustc"], { env: box.env })).stdout.trim() || "rustc";
  const call = (words: string[], stdin = "") =>
    run([box.wrapper, rustc, ...words], { env: box.env, cwd: box.dir, stdin });
  expect(await call(["-vV"])).toEqual(await run([rustc, "-vV"], { env: box.env }));
  const bad = await call(["--crate-name", "bad", "--crate-type", "lib", "-"], "fn main() { nothing }");
  expect({ code: bad.code, errors: bad.stderr.match(/cannot find value/g)?.length }).toEqual({
    code: 1,
    errors: 1,
  });
  const probe = await call(["-", "--crate-name", "___", "--print=file-names", "--crate-type", "lib"]);
  expect(probe).toMatchObject({ code: 0, stdout: "lib___.rlib\n" });
});

/** A library whose constant takes the compiler about so many seconds. */
function slowCrate(seconds: number): string {
  return `#![allow(long_running_const_eval)]
pub const N: u32 = { let mut i = 0u64; while i < ${seconds * 200_000} { i += 1; } (i > 0) as u32 };\n`;
}
