import { execFileSync } from "node:child_process";
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { scriptText } from "../../host/scripts.ts";
import { parseProof, proofReport } from "../../ops/prove.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { SHELLS } from "./box.ts";
import { CACHE_SIZE, causeOf, GIB, type ProofBox, proofBox, states, tier } from "./proof-box.ts";

const LIMIT_MS = 120_000;

test.each(SHELLS)(
  "a healthy box is proved in all three tiers, under %s",
  { timeout: LIMIT_MS },
  async (_n, shell) => {
    const box = await proofBox();
    await box.serve();
    await box.bazelRemote();
    const proofs = await box.prove(shell);
    expect(causeOf(proofs, "sccache") + causeOf(proofs, "moon") + causeOf(proofs, "cargo")).toBe("");
    expect(states(proofs)).toEqual({ sccache: "proved", moon: "proved", cargo: "proved" });
    expect(proofReport([{ name: "box", value: { tiers: proofs } }])).toContain(
      "2 of 2 libraries from the cache",
    );
    expect(proofReport([{ name: "box", value: { tiers: proofs } }])).toContain(
      "with a blob of 5242880 bytes",
    );
    expect(await readdir(box.dir)).not.toContain(".moon");
    expect(tier(proofs, "cargo")?.facts).toContain("build.jobs 2, as configured");
    for (const size of ["MOON_CONCURRENCY 3", "GOGC 50", "GOMEMLIMIT 1GiB"])
      expect(tier(proofs, "moon")?.facts).toContain(`${size}, as configured`);
  },
);

/** Tier 1 alone, with one thing broken. */
async function brokenSccache(
  breakIt: (box: ProofBox) => Promise<Record<string, string> | undefined>,
): Promise<string> {
  const box = await proofBox();
  for (const name of ["grpc", "cargo_home"]) delete box.words[name];
  const env = await breakIt(box);
  const proofs = await box.prove(["sh"], env);
  expect(states(proofs)).toEqual({ sccache: "failed" });
  return causeOf(proofs, "sccache");
}

test("tier 1: no server", { timeout: LIMIT_MS }, async () => {
  expect(await brokenSccache(async () => undefined)).toMatch(
    /no server listens on port \d+ -> \.\/warmbox up/,
  );
});

test("tier 1: cargo runs another wrapper, or none", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    await box.serve();
    await rm(`${box.dir}/.cargo/config.toml`);
    return undefined;
  });
  expect(cause).toMatch(
    /^cargo does not run .*rustc-wrapper but rustc alone -> see which file sets build.rustc-wrapper: /,
  );
});

test("tier 1: incremental compilation is on", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    await box.serve();
    await box.file(".cargo/config.toml", `[build]\nrustc-wrapper = "${box.wrapper}"\nincremental = true\n`);
    return undefined;
  });
  expect(cause).toContain("incremental compilation is on");
});

test("tier 1: a server whose size came from an environment", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    const env = { ...box.env, SCCACHE_SERVER_PORT: String(box.port), SCCACHE_CACHE_SIZE: "1G" };
    const server = { ...env, SCCACHE_START_SERVER: "1", SCCACHE_NO_DAEMON: "1" };
    await daemon([box.sccache], box.port, server);
    return undefined;
  });
  expect(cause).toContain(`has max_cache_size ${GIB}, configured is ${CACHE_SIZE}`);
});

test("tier 1: a server that is stopped", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    (await box.serve()).kill("SIGSTOP");
    return undefined;
  });
  expect(cause).toContain("is open, but no sccache answers there");
});

test("tier 1: another program on the port", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    const server = createServer((socket) => void socket.on("error", () => {}).destroy());
    await new Promise<void>((done) => server.listen(box.port, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    return undefined;
  });
  expect(cause).toContain("is open, but no sccache answers there");
});

test("tier 1: a server that is read-only", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    await writeFile(box.conf, `${await readFile(box.conf, "utf8")}rw_mode = "READ_ONLY"\n`);
    await box.serve();
    return undefined;
  });
  expect(cause).toMatch(/read-only|stores nothing/);
});

test("tier 1: clients that ask another port", { timeout: LIMIT_MS }, async () => {
  const other = await freePort();
  const box = await proofBox();
  const env = { ...box.env, SCCACHE_SERVER_PORT: String(other), SCCACHE_CONF: box.conf };
  onTestFinished(async () => void (await run([box.sccache, "--stop-server"], { env })));
  const cause = await brokenSccache(async (broken) => {
    await broken.serve();
    const text = await readFile(broken.wrapper, "utf8");
    await writeFile(broken.wrapper, text.replace(/^SCCACHE_SERVER_PORT=.*/m, `SCCACHE_SERVER_PORT=${other}`));
    return undefined;
  });
  expect(cause).toMatch(/rustc-wrapper does not ask the server on port \d+ but another one/);
});

test("tier 1: hits of other builds on the same server are no proof", { timeout: LIMIT_MS }, async () => {
  let proving = true;
  const cause = await brokenSccache(async (box) => {
    await box.serve();
    await box.file(".cargo/config.toml", `[build]\nrustc-wrapper = "${box.wrapper}"\nincremental = true\n`);
    const cached = { CARGO_BUILD_INCREMENTAL: "false" };
    await box.build(cached);
    const others = (async () => {
      while (proving) await box.build(cached);
      expect((await box.stats()).hits).toBeGreaterThan(4);
    })();
    onTestFinished(() => others);
    return undefined;
  }).finally(() => {
    proving = false;
  });
  expect(cause).toContain("0 of 2 libraries from the cache: incremental compilation is on");
});

/** Tier 2 alone, with one thing broken. */
async function brokenMoon(breakIt: (box: ProofBox) => Promise<void>): Promise<string> {
  const box = await proofBox();
  for (const name of ["sccache", "cargo_home"]) delete box.words[name];
  await breakIt(box);
  const proofs = await box.prove();
  expect(states(proofs)).toEqual({ moon: "failed" });
  return causeOf(proofs, "moon");
}

test("tier 2: no bazel-remote", { timeout: LIMIT_MS }, async () => {
  expect(await brokenMoon(async () => {})).toContain("bazel-remote does not answer http://127.0.0.1:");
});

test("tier 2: another size than configured", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => void (await box.bazelRemote(7)));
  expect(cause).toContain(`bazel-remote has MaxSize ${7 * GIB}, configured is ${5 * GIB}`);
});

test("tier 2: other limits of Go than configured", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    box.words.GOMEMLIMIT = "3GiB";
  });
  expect(cause).toContain("bazel-remote has GOMEMLIMIT 1GiB, configured is 3GiB");
});

test("tier 2: a session with another number of tasks", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    await appendFile(box.words.env ?? "", "export MOON_CONCURRENCY=8\n");
  });
  expect(cause).toContain("a new session has MOON_CONCURRENCY 8, configured is 3");
});

test("tier 3: the user may choose another number of jobs than planned, and the proof warns about it", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await proofBox();
  for (const name of ["sccache", "grpc"]) delete box.words[name];
  box.words.jobs = "5";
  const proofs = await box.prove();
  expect(states(proofs)).toEqual({ cargo: "proved" });
  expect(tier(proofs, "cargo")?.warnings).toEqual([
    expect.stringMatching(/^build.jobs is 2, configured is 5: /),
  ]);
});

/** Writes another address into the file that sessions read, and tells the proof that it is the right one. */
async function address(box: ProofBox, url: string): Promise<void> {
  await writeFile(box.words.env ?? "", `export MOON_REMOTE_HOST=${url}\n`);
  box.words.grpc = url;
}

test("tier 2: localhost, for which moon switches its cache off", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    await address(box, `grpc://localhost:${box.grpcPort}`);
  });
  expect(cause).toContain("moon switches the remote cache off for an address with localhost");
});

test("tier 2: an address where nothing listens", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    await address(box, `grpc://127.0.0.1:${await freePort()}`);
  });
  expect(cause).toContain("moon cannot connect to grpc://127.0.0.1:");
});

test("tier 2: a session that does not get the environment", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    await rm(box.words.env ?? "");
  });
  expect(cause).toContain("a new session on this host does not get warmbox's environment");
});

test("tier 2: a server that takes connections and never answers", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenMoon(async (box) => {
    await box.bazelRemote();
    const hung = createServer((socket) => void socket.on("error", () => {}));
    await new Promise<void>((done) => hung.listen(0, "127.0.0.1", done));
    onTestFinished(() => void hung.close());
    const at = hung.address();
    await address(box, `grpc://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`);
  });
  expect(cause).toContain("takes connections but does not answer");
});

test("everything together has one limit, and what was at work then is named", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await proofBox();
  (await box.serve()).kill("SIGSTOP");
  await box.bazelRemote();
  const hung = createServer((socket) => void socket.on("error", () => {}));
  await new Promise<void>((done) => hung.listen(0, "127.0.0.1", done));
  onTestFinished(() => void hung.close());
  await address(box, `grpc://127.0.0.1:${(hung.address() as AddressInfo).port}`);
  const text = scriptText("prove.sh");
  const limit = Number(/^PV_LIMIT_SECONDS=(\d+)/m.exec(text)?.[1]);
  expect(limit + 2, "a second until a hung program is killed, and one for the rest").toBeLessThanOrEqual(30);
  const start = Date.now();
  const proofs = await box.prove(["sh"], {}, (whole) =>
    whole.replace(/^PV_LIMIT_SECONDS=\d+/m, "PV_LIMIT_SECONDS=8"),
  );
  expect(Date.now() - start, "well below the sum of the steps' own limits").toBeLessThan(20_000);
  expect(states(proofs)).toMatchObject({ sccache: "failed", moon: "failed" });
  expect(causeOf(proofs, "sccache")).toContain("is open, but no sccache answers there");
  expect(causeOf(proofs, "moon")).toMatch(/^the 8 s of the proof were over: .*moon run/);
});

test.each([
  ["is not there", async (at: string) => void (await rm(at, { recursive: true, force: true }))],
  ["has no byte free", async (at: string) => fillUp(at)],
])("a TMPDIR that %s: every tier has failed", { timeout: LIMIT_MS }, async (_name, breakIt) => {
  const box = await proofBox();
  await box.serve();
  await box.bazelRemote();
  const at = await mkdtemp(join(tmpdir(), "warmbox-full-"));
  onTestFinished(() => rm(at, { recursive: true, force: true }));
  await breakIt(at);
  const proofs = await box.prove(["sh"], { TMPDIR: at });
  expect(states(proofs)).toEqual({ sccache: "failed", moon: "failed", cargo: "failed" });
  for (const name of ["sccache", "moon", "cargo"]) expect(causeOf(proofs, name)).toContain("ended early");
});

/** A tiny file system at a path, without room for a byte. Where nothing can be mounted, that fails the test. */
function fillUp(at: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", at]);
  onTestFinished(() => void execFileSync("umount", ["--lazy", at]));
  execFileSync("sh", ["-c", 'cat /dev/zero >"$1/full" 2>/dev/null || true', "sh", at]);
}

test("what a killed proof left goes with the next", { timeout: LIMIT_MS }, async () => {
  const box = await proofBox();
  for (const name of ["sccache", "grpc", "cargo_home"]) delete box.words[name];
  await box.file("tmp/warmbox-prove.4194999.Ab12Cd/first/x", ""); // a pid above any that Linux gives
  expect(await box.prove()).toEqual([]);
});

test("a tier whose client is not on the host is skipped aloud", { timeout: LIMIT_MS }, async () => {
  const box = await proofBox();
  await box.serve();
  await box.bazelRemote();
  delete box.words.moon;
  const bin = await box.file("tools/true", "#!/bin/sh\n", 0o755);
  await chmod(bin, 0o755);
  const proofs = await box.prove(["sh"], { PATH: "/usr/bin:/bin", CARGO_HOME: `${box.dir}/.cargo` });
  expect(states(proofs)).toEqual({ sccache: "skipped", moon: "skipped", cargo: "skipped" });
  expect(causeOf(proofs, "moon")).toContain("there is no moon on this host");
  expect(causeOf(proofs, "cargo")).toContain("there is no cargo on this host");
});

test("an answer that was cut is an error, not a success", () => {
  expect(() => parseProof("@@warmbox prove sccache proved\n", [])).toThrow(/cut short/);
});

test("a tier without a verdict has failed", () => {
  const proofs = parseProof("@@warmbox prove moon proved\n@@warmbox end\n", ["sccache", "moon"]);
  expect(states(proofs)).toEqual({ moon: "proved", sccache: "failed" });
  expect(causeOf(proofs, "sccache")).toContain("was truncated");
});
