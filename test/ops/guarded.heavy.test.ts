import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../ops/doctor/cause.ts";
import { type Box, makeBox } from "../e2e/box.ts";
import { demand, makeRepository } from "../e2e/workspace.ts";
import { HAS_IPV6 } from "../ipv6.ts";
import { killService } from "../support/service.ts";

/**
 * The output of every command about a bazel-remote that keeps its figures private, or that listens on IPv6: on the real
 * programs of one box, whose every `up` ends with the proof.
 */

/** A user `ci` with the password `test`, as `htpasswd -s` writes it. */
const HTPASSWD = "ci:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n";
const UNKNOWN = "bazel-remote requires a password or certificate for its figures";

let box: Box;

beforeAll(async () => {
  box = await makeBox();
  await makeRepository(box);
  writeFileSync(home("htpasswd"), HTPASSWD);
});

afterAll(async () => {
  await box.warmbox("destroy", "--yes");
  box.remove();
});

const home = (path: string): string => join(box.home, path);

async function up(remote: Record<string, unknown>, moonEnv: Record<string, string> = {}): Promise<void> {
  const host = {
    agents: { total: 4, active: 2 },
    "bazel-remote": { max_size: "2GiB", ...remote },
    sccache: { max_size: "3GiB" },
    moon: { workspaces: [{ path: "src/workspace", warm: ["moon run :build"] }], env: moonEnv },
  };
  box.stack("local", host, true);
  const result = await box.warmbox("up");
  expect(result.code, result.output).toBe(0);
}

async function doctor(): Promise<{ findings: Finding[]; notes: string[] }> {
  const result = await box.warmbox("doctor", "--json");
  return JSON.parse(result.stdout).hosts.box;
}

const said = async (...args: string[]): Promise<string> => {
  const result = await box.warmbox(...args);
  expect(result.code, result.output).toBe(0);
  return result.output;
};

async function proofOfMoon() {
  const result = await box.warmbox("prove", "--json");
  expect(result.code, result.output).toBe(0);
  return JSON.parse(result.stdout).hosts.box.tiers.find(({ tier }: { tier: string }) => tier === "moon");
}

const daemonPid = (): number =>
  Number(/^daemon (\d+)/m.exec(readFileSync(home(".local/state/warmbox/run/bazel-remote.pid"), "utf8"))?.[1]);

/** It has no figures, and no command reports it as unhealthy. */
async function expectGuarded(): Promise<void> {
  const { findings, notes } = await doctor();
  expect(findings).toEqual([]);
  expect(notes.join("\n")).toContain("bazel-remote answers, but requires a password or certificate");
  const status = await said("status");
  expect(status).toMatch(
    /bazel-remote +running \d+ s, 0 restarts +unknown \(1\) .*unknown \(1\) +unknown \(1\)/,
  );
  expect(status).toContain(`(1)     ${UNKNOWN}\n`);
}

/** Runs the command of a finding, and asks until the box is healthy again. */
async function applyFix({ fix }: Finding): Promise<void> {
  const result = await box.run(["sh", "-c", fix], box.project);
  expect(result.code, `${fix}\n${result.output}`).toBe(0);
  let { findings } = await doctor();
  for (let tries = 0; findings.length > 0 && tries < 5; tries++) ({ findings } = await doctor());
  expect(findings).toEqual([]);
}

describe("behind a password", () => {
  beforeAll(async () => await up({ settings: { htpasswd_file: home("htpasswd") } }));

  it("a healthy box yields no cause, and its figures are unknown", expectGuarded);

  it("the proof skips what it cannot know", async () => {
    expect(await proofOfMoon()).toMatchObject({
      state: "skipped",
      causes: [
        { cause: expect.stringMatching(/^bazel-remote wants a password, .*: whether it hits is not/) },
      ],
    });
  });

  it("warm says that moon had none, and what it does not know", async () => {
    const text = await said("warm");
    expect(text).toMatch(
      /filled from \w+ in \d+ s, bazel-remote not: moon could not connect to it, or has no/,
    );
    expect(text).toMatch(/box: 1 filled; .*bazel-remote unknown/);
  });

  it("nothing is copied to a store, and that is said", async () => {
    mkdirSync(home(".cache/bazel-remote/ac.v2"), { recursive: true });
    const call = `. host/scripts/lib/frame.sh; . host/scripts/warm.sh; wa_new_store=1 wa_remote=$HOME/.cache/bazel-remote wa_state=$HOME wa_http=127.0.0.1:${box.ports.http}; : >"$HOME/began"; wa_copy`;
    const { stdout } = await demand(box, ["sh", "-c", call], box.project);
    expect(stdout).toBe(
      `left out: http://127.0.0.1:${box.ports.http} gives no files without a password or certificate\n`,
    );
  });

  it("one that hangs is found and fixed as well", async () => {
    const limit = ["--pid", String(daemonPid()), "--nofile=3:"]; // it can open no file more, so takes no connection
    expect(spawnSync("prlimit", limit).status).toBe(0);
    const { findings } = await doctor();
    expect(findings.map(({ id }) => id)).toEqual(["bazel-remote-hung", "bazel-remote-open-files"]);
    expect((await box.warmbox("status")).output).toContain("does not answer");
    await applyFix(findings[0] as Finding);
  });
});

describe("with TLS", () => {
  /** A server's certificate and the authority that signed it: moon takes none that signed itself. */
  function certificate(): void {
    writeFileSync(home("extensions"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    const key = "-newkey rsa:2048 -nodes -subj /CN=test";
    const sign = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions";
    for (const words of [
      `req -x509 ${key} -days 2 -keyout ca.key -out ca.pem`,
      `req ${key} -keyout key.pem -out request.pem`,
      `x509 -req -in request.pem ${sign} -out cert.pem`,
    ]) {
      const done = spawnSync("openssl", words.split(" "), { cwd: box.home, encoding: "utf8" });
      expect(done.status, done.stderr).toBe(0);
    }
  }

  beforeAll(async () => {
    certificate();
    const settings = { tls_cert_file: home("cert.pem"), tls_key_file: home("key.pem") };
    await up({ settings }, { MOON_REMOTE_TLS_CERT: home("ca.pem") });
  });

  it("a healthy box yields no cause, and its figures are unknown", expectGuarded);

  it("the proof shows that moon hits, and says what it did not see", async () => {
    const { state, facts } = await proofOfMoon();
    expect(state).toBe("proved");
    expect(facts.at(-1)).toBe(`MaxSize, GOMEMLIMIT and GOGC are unknown: ${UNKNOWN}`);
  });

  it("warm fills what it could not behind the password, and does not know by how much", async () => {
    const text = await said("warm");
    expect(text).toMatch(/filled from \w+ in \d+ s\n/);
    expect(text).toContain("bazel-remote unknown");
  });
});

describe.skipIf(!HAS_IPV6)("on IPv6", () => {
  beforeAll(async () => {
    await up({ http_address: `[::1]:${box.ports.http}`, grpc_address: `[::1]:${box.ports.grpc}` });
  });

  it("a healthy box yields no cause, and tells its figures", async () => {
    expect(await doctor()).toMatchObject({ findings: [] });
    expect(await said("status")).toMatch(/bazel-remote +running \d+ s, 0 restarts .* of 2 GiB /);
  });

  it("the proof shows that moon hits, and the size in force", async () => {
    expect(await proofOfMoon()).toMatchObject({
      state: "proved",
      facts: expect.arrayContaining([`MaxSize ${2 * 2 ** 30}, as configured`]),
    });
  });

  it("warm counts what it got", async () => {
    expect(await said("warm", "--force")).toMatch(/box: 1 filled; .*bazel-remote \+\d+ files?/);
  });

  it("doctor finds a foreign process on the port, and its command moves bazel-remote to another port", async () => {
    await killService(box.home, "bazel-remote");
    const foreign = await occupied(box.ports.http);
    const { findings } = await doctor();
    expect(findings.map(({ id }) => id)).toEqual(["bazel-remote-port"]);
    expect(findings[0]?.fix).toContain("'[::1]:");
    await applyFix(findings[0] as Finding);
    foreign.close();
    expect(await said("status")).toMatch(/bazel-remote +running \d+ s, 0 restarts .* of 2 GiB /);
  });
});

/** A foreign process; the process that had the port may take a moment to end. */
async function occupied(port: number): Promise<{ close: () => void }> {
  for (let tries = 0; ; tries++) {
    const server = createServer((socket) => socket.on("error", () => {}));
    const taken = await new Promise<boolean>((done) =>
      server.once("error", () => done(false)).listen(port, "::1", () => done(true)),
    );
    if (taken) return server;
    if (tries > 100) throw new Error(`port ${port} does not come free`);
    await sleep(100);
  }
}
