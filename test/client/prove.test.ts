import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseProof, proofReport, type TierProof } from "../../ops/prove.ts";
import { httpGet } from "../../render/http-get.ts";
import { toolPath } from "../tools.ts";
import { daemon, freePort, run, SHELLS } from "./box.ts";
import { type CargoBox, cargoBox } from "./sccache.ts";

const LIMIT_MS = 120_000;
const GIB = 1024 ** 3;
const CACHE_SIZE = 64 * 1024 * 1024;

interface ProofBox extends CargoBox {
  /** What the proof is told of the box; a test changes one of them, or the box. */
  readonly words: Record<string, string>;
  readonly grpcPort: number;
  bazelRemote(maxSizeGiB?: number): ReturnType<typeof daemon>;
  prove(shell?: readonly string[], env?: Record<string, string>): Promise<TierProof[]>;
}

async function proofBox(): Promise<ProofBox> {
  const box = await cargoBox();
  const [http, grpc] = [await freePort(), await freePort()];
  const [bazelRemote, moon] = [await toolPath("bazel-remote"), await toolPath("moon")];
  const url = `grpc://127.0.0.1:${grpc}`;
  const env = await box.file(
    ".config/warmbox/env",
    `export MOON_REMOTE_HOST=${url}\nexport MOON_CACHE=read-write\nexport MOON_TELEMETRY=false\n`,
  );
  const words: Record<string, string> = {
    sccache: box.sccache,
    port: String(box.port),
    max_cache_size: String(CACHE_SIZE),
    wrapper: box.wrapper,
    conf: box.conf,
    cargo_home: `${box.dir}/.cargo`,
    env,
    http: `127.0.0.1:${http}`,
    http_get: httpGet(),
    grpc: url,
    MaxSize: String(5 * GIB),
    moon,
  };
  return {
    ...box,
    words,
    grpcPort: grpc,
    bazelRemote: async (maxSizeGiB = 5) => {
      const config = `dir: ${box.dir}/bazel\nmax_size: ${maxSizeGiB}\nhttp_address: 127.0.0.1:${http}\ngrpc_address: 127.0.0.1:${grpc}\naccess_log_level: none\n`;
      const file = await box.file("bazel-remote.yaml", config);
      return await daemon([bazelRemote, "--config_file", file], grpc, box.env);
    },
    prove: async (shell = ["sh"], extra = {}) => {
      const text = await readFile(new URL("../../host/prove.sh", import.meta.url), "utf8");
      const call = Object.entries(words).map(([name, value]) => quoted(`${name}=${value}`));
      const said = await run([...shell, "-s", "--"], {
        env: { ...box.env, PATH: `${dirname(moon)}:${box.env.PATH}`, TMPDIR: await temporary(box), ...extra },
        stdin: `${text}\nprove ${call.join(" ")} </dev/null\n`,
      });
      const proofs = parseProof(said.stdout);
      expect(await readdir(`${box.dir}/tmp`)).toEqual([]);
      return proofs;
    },
  };
}

async function temporary(box: CargoBox): Promise<string> {
  await mkdir(`${box.dir}/tmp`, { recursive: true });
  return `${box.dir}/tmp`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const tier = (proofs: TierProof[], name: string): TierProof | undefined =>
  proofs.find((p) => p.tier === name);
const states = (proofs: TierProof[]) => Object.fromEntries(proofs.map((p) => [p.tier, p.state]));
const causeOf = (proofs: TierProof[], name: string): string =>
  (tier(proofs, name)?.causes ?? []).map(({ cause, next }) => `${cause} -> ${next}`).join("\n");

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
    expect(proofReport({ box: proofs })).toContain("2 of 2 libraries from the cache");
    expect(proofReport({ box: proofs })).toContain("with a blob of 5242880 bytes");
    expect(await readdir(box.dir)).not.toContain(".moon");
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
  expect(await brokenSccache(async () => undefined)).toMatch(/no server listens on port \d+ -> npm run up/);
});

test("tier 1: cargo runs another wrapper, or none", { timeout: LIMIT_MS }, async () => {
  const cause = await brokenSccache(async (box) => {
    await box.serve();
    await rm(`${box.dir}/.cargo/config.toml`);
    return undefined;
  });
  expect(cause).toMatch(
    /0 of 2 libraries from the cache: cargo does not run .*rustc-wrapper but rustc alone/,
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
  expect(cause).toMatch(/the server on port \d+ saw no request, so clients ask another one/);
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
  expect(() => parseProof("@@warmbox prove sccache proved\n")).toThrow(/cut short/);
});
