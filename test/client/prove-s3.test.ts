/** The proof with S3 behind tiers 1 and 2: the real server, and both real tools in front of it. */

import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { s3Credentials } from "../../plan/store.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { toolPath } from "../tools.ts";
import { causeOf, type ProofBox, proofBox, states, tier } from "./proof-box.ts";

const LIMIT_MS = 120_000;
const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalr-of-the-server" };

interface S3ProofBox extends ProofBox {
  /** Starts the S3 server. */
  s3(): ReturnType<typeof daemon>;
  /** Starts both tools in front of it. */
  tools(): Promise<void>;
}

/** Both tools of the box take these keys and this bucket for the right ones. */
async function s3Box(keys = KEYS, bucket = "builds"): Promise<S3ProofBox> {
  const box = await proofBox();
  const port = await freePort();
  const file = await box.file("s3-credentials", s3Credentials(keys), 0o600);
  const bucketDir = `${box.dir}/objects/builds`;
  await mkdir(bucketDir, { recursive: true });
  Object.assign(box.words, { store: `http://127.0.0.1:${port}`, keys: file });
  delete box.words.cargo_home;
  const level = `[cache.s3]\nbucket = "${bucket}"\nregion = "us-east-1"\nendpoint = "http://127.0.0.1:${port}"\nuse_ssl = false\nenable_virtual_host_style = false\nkey_prefix = "p/sccache"\nno_credentials = false\n`;
  const chain = '[cache.multilevel]\nchain = ["disk", "s3"]\nwrite_error_policy = "l0"\n';
  await writeFile(box.conf, `${chain}${await readFile(box.conf, "utf8")}${level}`);
  const proxy = `num_uploaders: 4\nmax_queued_uploads: 100\ns3_proxy:\n  endpoint: 127.0.0.1:${port}\n  bucket: ${bucket}\n  prefix: p/bazel-remote\n  region: us-east-1\n  disable_ssl: true\n  bucket_lookup_type: path\n  auth_method: aws_credentials_file\n  aws_shared_credentials_file: ${file}\n  aws_profile: default\n`;
  const server = {
    PATH: box.env.PATH ?? "",
    ROOT_ACCESS_KEY: KEYS.accessKeyId,
    ROOT_SECRET_KEY: KEYS.secretAccessKey,
  };
  const sccache = {
    ...box.env,
    AWS_SHARED_CREDENTIALS_FILE: file,
    AWS_EC2_METADATA_DISABLED: "true",
    SCCACHE_CONF: box.conf,
    SCCACHE_SERVER_PORT: String(box.port),
    SCCACHE_START_SERVER: "1",
    SCCACHE_NO_DAEMON: "1",
  };
  return {
    ...box,
    s3: async () => {
      const words = ["--port", `127.0.0.1:${port}`, "--region", "us-east-1", "--quiet", "posix"];
      return await daemon([await toolPath("versitygw"), ...words, `${box.dir}/objects`], port, server);
    },
    tools: async () => {
      await daemon([box.sccache], box.port, sccache);
      await box.bazelRemote(5, proxy);
    },
  };
}

/**
 * Servers that a proof of the box began and did not end: its temporary directory is in their words or environment. The
 * wrapper's guards are left out: each sees within seconds that its cargo is gone.
 */
function left({ dir }: ProofBox): string[] {
  const read = (pid: string, file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "latin1");
    } catch {
      return ""; // it ended, or belongs to another user
    }
  };
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => `${read(pid, "cmdline")}${read(pid, "environ")}`.includes(`${dir}/tmp/warmbox-prove.`))
    .map((pid) => read(pid, "cmdline").replaceAll("\0", " "))
    .filter((words) => !/^(sh|sleep) /.test(words));
}

test("an object of each tier is read back from S3 alone", { timeout: LIMIT_MS }, async () => {
  const box = await s3Box();
  await box.s3();
  await box.tools();
  const proofs = await box.prove();
  expect(causeOf(proofs, "sccache") + causeOf(proofs, "moon")).toBe("");
  expect(states(proofs)).toEqual({ sccache: "proved", moon: "proved" });
  expect(tier(proofs, "sccache")?.facts.at(-1)).toBe(
    "built by a second, empty server: its 2 libraries from S3",
  );
  expect(tier(proofs, "moon")?.facts.at(-1)).toBe("read by a second, empty server: its blob from S3");
  expect(left(box)).toEqual([]);
});

test.each([
  ["keys", { ...KEYS, secretAccessKey: "wrong" }, "builds"],
  ["bucket", KEYS, "another"],
])("a store that refuses: wrong %s fail both tiers", { timeout: LIMIT_MS }, async (_name, keys, bucket) => {
  const box = await s3Box(keys, bucket);
  await box.s3();
  await box.tools();
  const proofs = await box.prove();
  expect(states(proofs)).toEqual({ sccache: "failed", moon: "failed" });
  for (const [name, tool] of [
    ["sccache", "sccache"],
    ["moon", "bazel-remote"],
  ] as const)
    expect(causeOf(proofs, name)).toMatch(
      new RegExp(
        `^what ${tool} writes cannot be read back from S3, although http://127\\.0\\.0\\.1:\\d+ answers: wrong`,
      ),
    );
});

test("a store that does not answer fails no tier, and the proof warns about it", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await s3Box();
  await box.tools();
  const proofs = await box.prove();
  const down = /^S3 at http:\/\/\S+ does not answer/;
  expect(tier(proofs, "sccache")).toMatchObject({ state: "proved", warnings: [expect.stringMatching(down)] });
  // each lookup of bazel-remote waits for S3, so that moon may or may not come through in time
  const moon = tier(proofs, "moon");
  expect(["proved", "skipped"]).toContain(moon?.state);
  expect([...(moon?.warnings ?? []), ...(moon?.causes ?? []).map(({ cause }) => cause)]).toEqual([
    expect.stringMatching(down),
  ]);
});
