import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type ProofInput,
  proofResourceScript,
  proofWords,
  unshown,
} from "../../render/lib/proof-resource.ts";
import { hostTextFile } from "../host/text-file.ts";
import { fileOf, temporaryDirectory } from "../support/files.ts";
import { run } from "../support/process.ts";
import { boxInput } from "./box.ts";

const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]];
const LIBRARY = hostTextFile("warmbox.sh");

/** A `prove` that answers what a test wants; the real one is run by test/client and test/e2e. */
const answering = (...lines: string[]): string =>
  `prove() {\ncat <<'ANSWER'\n${lines.join("\n")}\nANSWER\n}\n`;

/** The box, with a HOME of the test's. */
function hostedIn(home: string, input: ProofInput & { owner: string } = boxInput()) {
  return { ...input, paths: { ...input.paths, share: `${home}/.local/share/warmbox` } };
}

/** A HOME with the library and a prover, and the proof's script for it. */
async function boxWith(prove: string, input?: ProofInput & { owner: string }) {
  const home = await temporaryDirectory();
  await mkdir(join(home, ".local/share/warmbox"), { recursive: true });
  await symlink(LIBRARY, join(home, ".local/share/warmbox/warmbox.sh"));
  await fileOf(join(home, ".local/share/warmbox"), "prove.sh", prove);
  const script = await fileOf(home, "script", proofResourceScript("0123", hostedIn(home, input)));
  const env = { HOME: home, PATH: process.env.PATH ?? "" };
  return { home, env, script };
}

async function runWithProof(prove: string, action: string, shell: string[]) {
  const { env, script } = await boxWith(prove);
  const { code, stdout, stderr } = await run([...shell, script, action], { env });
  return { code, stdout, stderr };
}

const SCCACHE = "@@warmbox prove sccache proved";
const MOON = "@@warmbox prove moon proved";
const CARGO = "@@warmbox prove cargo proved";
const END = "@@warmbox end";

describe.each(SHELLS)("the proof's script under %s", (...shell) => {
  it("passes where every tier hits or is skipped, and prints what was seen", async () => {
    const prove = answering(
      ...["@@warmbox ended sccache", SCCACHE, "|fact 2 of 2 hit", "|warn S3 does not answer"],
      // the word of a verdict in the text of a finding is no verdict
      ...[MOON, "@@warmbox prove cargo skipped", "|cause the download failed", "|cause it has failed", END],
    );
    expect(await runWithProof(prove, "apply", shell)).toEqual({
      code: 0,
      stdout:
        "sccache proved\n  2 of 2 hit\n  WARNING: S3 does not answer\nmoon proved\ncargo skipped\n  the download failed\n  it has failed\n",
      stderr: "",
    });
  });

  it("fails with each tier, its cause and the next step", async () => {
    const prove = answering(
      ...["@@warmbox prove sccache failed", "|cause the server has another size", "|next run up"],
      ...["@@warmbox prove moon failed", "|fact MaxSize 1", "|cause no answer", "|next start it", CARGO, END],
    );
    const result = await runWithProof(prove, "apply", shell);
    expect(result.code).toBe(79);
    expect(result.stderr).toBe(
      `warmbox: sccache does not hit:
  the server has another size
  Next: run up
warmbox: moon does not hit:
  no answer
  Next: start it
sccache: no earlier configuration was ever proved here: the new one stays in place
cargo: no earlier configuration was ever proved here: the new one stays in place
bazel-remote: no earlier configuration was ever proved here: the new one stays in place
moon: no earlier configuration was ever proved here: the new one stays in place
`,
    );
  });

  it.each([
    ["that was cut short", [SCCACHE, MOON, CARGO], "end"],
    ["without a tier", [SCCACHE, CARGO, END], "moon"],
    ["of nothing", [END], "sccache"],
  ])("does not take an answer %s for a proof", async (_name, lines, missing) => {
    const result = await runWithProof(answering(...lines), "apply", shell);
    expect(result).toMatchObject({
      code: 70,
      stderr: `warmbox: the proof was cut short: it says nothing of ${missing}. Next: run the same command again.\n`,
    });
  });

  it("remembers what it proved, puts back what it did not, and forgets on remove", async () => {
    const { home, env, script } = await boxWith(answering(SCCACHE, MOON, CARGO, END));
    const setting = async (text: string, generation: number): Promise<void> => {
      const body = `. "$HOME/.local/share/warmbox/warmbox.sh"\nresource cargo owner=local generation=${generation}\nput setting 0644 <<'WARMBOX-END'\n${text}\nWARMBOX-END\napply\n`;
      expect(await run([...shell, "-c", body], { env })).toMatchObject({ code: 0 });
    };
    const now = async (): Promise<string> => (await run(["cat", "setting"], { cwd: home })).stdout;
    await setting("old", 3);
    expect(await run([...shell, script, "apply"], { env })).toMatchObject({ code: 0, stderr: "" });
    await setting("new", 3);
    const failing = answering(
      SCCACHE,
      MOON,
      "@@warmbox prove cargo failed",
      "|cause 'jobs'",
      "|next fix it",
      END,
    );
    await fileOf(join(home, ".local/share/warmbox"), "prove.sh", failing);
    const next = await fileOf(home, "next", proofResourceScript("4567", hostedIn(home)));
    const failed = await run([...shell, next, "apply"], { env });
    expect(failed).toMatchObject({
      code: 79,
      stderr: expect.stringContaining("  Next: fix it\ncargo: put back"),
    });
    expect(await now()).toBe("old\n");
    const ledger = await run(["cat", ".local/state/warmbox/cargo/ledger"], { cwd: home });
    expect(ledger.stdout).toContain("# restored: a failed proof of cargo: 'jobs'\n");
    await setting("new", 4);
    expect(await run([...shell, script, "remove"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
    await run([...shell, next, "apply"], { env });
    expect(await now(), "what was proved before the proof was left out of the stack is history").toBe(
      "new\n",
    );
  });
});

describe("behind a password or TLS", () => {
  const tls = { tls_cert_file: "/etc/cert", tls_key_file: "/etc/key" };
  const trusted = { MOON_REMOTE_TLS_CERT: "/etc/ca" };
  const client = { MOON_REMOTE_MTLS_CA_CERT: "/etc/ca", MOON_REMOTE_MTLS_CLIENT_CERT: "/etc/mine" };
  const guarded = (settings: object, env: object = {}) =>
    boxInput({ "bazel-remote": { settings }, moon: { env } });

  it.each([
    ["a password", { htpasswd_file: "/etc/h" }, trusted, /wants a password/],
    ["TLS", tls, {}, /has TLS, and moon\.env no MOON_REMOTE_TLS_CERT/],
    ["a client's certificate", { ...tls, tls_ca_file: "/etc/ca" }, trusted, /wants a client's certificate/],
  ])("skips aloud what moon cannot reach: %s", async (_name, settings, env, why) => {
    const input = guarded(settings, env);
    expect(unshown(input.host)).toMatch(why);
    expect(proofWords(input).join("\n")).not.toMatch(/^(grpc|http|moon)=/m);
    const { home, env: own, script } = await boxWith(answering(SCCACHE, CARGO, END), input);
    expect(await run(["sh", script, "apply"], { env: own, cwd: home })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`moon skipped\n  bazel-remote ${why.source}`)),
      stderr: "",
    });
  });

  it.each([
    ["the server's", tls, trusted],
    ["its own, too", { ...tls, tls_ca_file: "/etc/ca" }, client],
  ])("where moon has the certificates, %s, only the figures are not asked for", (_name, settings, env) => {
    const input = guarded(settings, env);
    expect(unshown(input.host)).toBeUndefined();
    const words = proofWords(input).join("\n");
    expect(words).toMatch(/^grpc=grpcs:/m);
    expect(words).not.toMatch(/^http=/m);
  });
});

describe("proofWords", () => {
  const names = (declared: Record<string, unknown>): string[] =>
    proofWords(boxInput(declared)).map((word) => word.replace(/=.*/s, ""));

  it("leaves out a tier that the stack has not", () => {
    expect(names({ moon: { enabled: false } })).toEqual([
      ...["cargo_home", "jobs", "sccache", "port", "max_cache_size", "wrapper", "conf", "cache"],
    ]);
    expect(names({ sccache: { enabled: false }, moon: { enabled: false } })).toEqual(["cargo_home", "jobs"]);
  });

  it("holds every size against the plan, or against what the stack has in its place", () => {
    const { plan } = boxInput();
    const words = proofWords(boxInput());
    for (const word of [
      `max_cache_size=${plan.sccache.max_size}`,
      `jobs=${plan.builders.jobs}`,
      `concurrency=${plan.builders.maxTasks}`,
      `GOGC=${plan.bazelRemote.GOGC}`,
    ])
      expect(words).toContain(word);
    expect(words.some((word) => /^GOMEMLIMIT=\d+\wiB$/.test(word))).toBe(true);
    const own = { moon: { concurrency: 4 }, "bazel-remote": { env: { GOGC: "77" } } };
    expect(proofWords(boxInput(own))).toEqual(expect.arrayContaining(["concurrency=4", "GOGC=77"]));
  });

  it("names the store and where its keys are read", () => {
    const s3: Record<string, unknown> = { kind: "existing", bucket: "builds", region: "eu-west-1" };
    expect(proofWords(boxInput({}, { s3 }))).toEqual(
      expect.arrayContaining([
        "store=https://s3.eu-west-1.amazonaws.com",
        "keys=/home/ci/.config/warmbox/s3-credentials",
      ]),
    );
    const role = proofWords(boxInput({}, { s3: { ...s3, credentials: "role" } }));
    expect(role.filter((word) => word.startsWith("keys="))).toEqual([]);
  });
});

it("a proof in system scope is the building user's, whoever runs it", () => {
  const script = proofResourceScript("0123", boxInput({ scope: "system" }));
  expect(script).toContain("prove_host() { prove_text | (cd / && su -s /bin/sh ci -c 'exec sh -s'); }\n");
  expect(script).toContain("HOME=/home/ci\nWARMBOX_SCOPE=system\n");
  expect(script).toContain("cat /usr/local/share/warmbox/prove.sh\n");
});
