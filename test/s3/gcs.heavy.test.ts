/**
 * GCS behind both caches, configuration only: both daemons start on it and serve from their disks. No Google is asked;
 * what a bucket there makes of it is not shown.
 */

import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { bazelRemoteConfig } from "../../render/bazel-remote/bazel-remote-config.ts";
import { bazelRemoteRun } from "../../render/bazel-remote/bazel-remote-run.ts";
import { sccacheConfig } from "../../render/sccache/sccache-config.ts";
import { sccacheRun } from "../../render/sccache/sccache-run.ts";
import { gib, mib } from "../../stacks/bytes.ts";
import { sample } from "../render/sample.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { toolPath } from "../tools.ts";

const PATH = process.env.PATH ?? "";

/** A service account's key that Google never gave out, where gcloud puts the default one of a user. */
function madeUpKey(home: string): string {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const path = join(home, ".config/gcloud/application_default_credentials.json");
  mkdirSync(dirname(path), { recursive: true });
  const client_email = "missing@nowhere.iam.gserviceaccount.com";
  const token_uri = "http://127.0.0.1:9/token"; // no server listens there
  writeFileSync(
    path,
    JSON.stringify({ type: "service_account", client_email, private_key: privateKey, token_uri }),
    {
      mode: 0o600,
    },
  );
  return path;
}

it.each(["file", "default"] as const)(
  "both daemons start on it, with credentials of kind %s",
  async (kind) => {
    const dir = mkdtempSync(join(tmpdir(), "warmbox-gcs-"));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const path = madeUpKey(dir);
    const [sccache, httpPort, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
    const { plan, host, paths, store } = sample(
      {
        sccache: { port: sccache },
        "bazel-remote": { http_address: `127.0.0.1:${httpPort}`, grpc_address: `127.0.0.1:${grpc}` },
      },
      { gcs: { bucket: "builds", credentials: kind === "file" ? { kind, path } : { kind } } },
    );
    const here = {
      ...paths,
      home: dir,
      config: dir,
      sccacheConfig: join(dir, "sccache.toml"),
      bazelRemoteConfig: join(dir, "bazel-remote.yaml"),
    };
    const sized = {
      ...plan,
      sccache: { ...plan.sccache, max_size: mib(123), dir: join(dir, "sccache") },
      bazelRemote: { ...plan.bazelRemote, max_size: gib(3), dir: join(dir, "bazel-remote") },
    };
    const remote = host["bazel-remote"];
    const write = (name: string, text: string, mode = 0o644): string => {
      writeFileSync(join(dir, name), text, { mode });
      return join(dir, name);
    };

    mkdirSync(sized.bazelRemote.dir);
    write("bazel-remote.yaml", bazelRemoteConfig(sized, remote, store, here));
    const second = { plan: sized, remote, store, paths: here, toolPath: await toolPath("bazel-remote") };
    await daemon([write("run-bazel-remote", bazelRemoteRun(second), 0o755)], httpPort, { PATH });
    const status = await fetch(`http://127.0.0.1:${httpPort}/status`);
    expect(await status.json()).toMatchObject({ MaxSize: gib(3) });
    const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // its sha256
    const blob = `http://127.0.0.1:${httpPort}/cas/${hello}`;
    expect((await fetch(blob, { method: "PUT", body: "hello" })).status).toBe(200);
    expect(await (await fetch(blob)).text()).toBe("hello");

    write("sccache.toml", sccacheConfig(sized, host.sccache, store));
    const first = {
      plan: sized,
      sccache: host.sccache,
      store,
      paths: here,
      toolPath: await toolPath("sccache"),
    };
    await daemon([write("run-sccache", sccacheRun(first), 0o755)], sccache, { PATH });
    const result = await run([first.toolPath, "--show-stats", "--stats-format=json"], {
      env: { PATH, SCCACHE_CONF: here.sccacheConfig, SCCACHE_SERVER_PORT: String(sccache) },
    });
    const answer = JSON.parse(result.stdout);
    expect(answer.max_cache_size).toBe(mib(123));
    expect(answer.stats.multi_level.map(({ name }: { name: string }) => name)).toEqual([
      "L0 (disk)",
      "L1 (gcs)",
    ]);
  },
);
