import { describe, expect, it } from "vitest";
import { credentialsPath, keyIssue, NO_STORE, storeEnvironment, storeOf } from "../../plan/store.ts";
import { bazelRemoteConfig } from "../../render/bazel-remote/bazel-remote-config.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo/cargo-resource.ts";
import { moonScript } from "../../render/moon/moon-resource.ts";
import { sccacheConfig } from "../../render/sccache/sccache-config.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { boxInput } from "./box.ts";

const store = (stack: Record<string, unknown>, created?: string) =>
  storeOf(parseStackConfig({ hosts: { a: {} }, ...stack }), created);

/** A server that does not wait for its store, and tells of its faults. */
const UNASKED = { SCCACHE_SKIP_CACHE_CHECK: "1", SCCACHE_LOG: "warn" };

it("is nothing unless the stack says so", () => {
  expect(store({})).toEqual(NO_STORE);
  expect(storeEnvironment(NO_STORE, { config: "/c" })).toEqual({});
});

it("takes the bucket that was made", () => {
  expect(store({ s3: { kind: "create", region: "eu-west-1" } }, "made")).toEqual({
    kind: "s3",
    bucket: "made",
    region: "eu-west-1",
    prefix: "warmbox",
    pathStyle: false,
    credentials: "keys",
  });
});

it("reaches the embedded server on loopback, in its path", () => {
  expect(store({ s3: { kind: "embedded" } })).toMatchObject({
    url: "http://127.0.0.1:7070",
    pathStyle: true,
    bucket: "warmbox",
  });
});

it("leads the daemons to the keys' file, and away from a metadata service", () => {
  expect(storeEnvironment(store({ s3: { kind: "embedded" } }), { config: "/c" })).toEqual({
    ...UNASKED,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_SHARED_CREDENTIALS_FILE: credentialsPath({ config: "/c" }),
  });
});

it("lets a role find its own way", () => {
  const role = store({ s3: { kind: "existing", bucket: "one", region: "eu-west-1", credentials: "role" } });
  expect(storeEnvironment(role, { config: "/c" })).toEqual(UNASKED);
});

it("no script of a resource holds a key", () => {
  const input = boxInput({}, { s3: { kind: "embedded" } });
  for (const script of [sccacheScript, bazelRemoteScript, cargoScript, moonScript])
    expect(script(input)).not.toMatch(/secret_access_key|access_key_id|AWS_SECRET|AWS_ACCESS_KEY_ID=/);
});

describe("AWS", () => {
  const tables = (s3: object) => {
    const input = boxInput({}, { s3: { kind: "existing", region: "eu-west-1", bucket: "builds", ...s3 } });
    const { plan, host, store, paths } = input;
    return {
      remote: bazelRemoteConfig(plan, host["bazel-remote"], store, paths),
      sccache: sccacheConfig(plan, host.sccache, store),
    };
  };

  it("has another domain in China, for both", () => {
    const { remote, sccache } = tables({ region: "cn-north-1" });
    expect(remote).toContain("endpoint: s3.cn-north-1.amazonaws.com.cn\n");
    expect(sccache).toContain('endpoint = "https://s3.cn-north-1.amazonaws.com.cn"\n');
    expect(tables({}).remote).toContain("endpoint: s3.eu-west-1.amazonaws.com\n");
    expect(tables({}).sccache).not.toContain("endpoint");
  });

  it("gets a bucket with dots in the path: its certificate covers one label", () => {
    expect(tables({ bucket: "my.builds" }).remote).toContain("bucket_lookup_type: path\n");
    expect(tables({}).remote).toContain("bucket_lookup_type: dns\n");
  });
});

it("GCS gets the prefix from both, and a system unit its key file from systemd", () => {
  const gcs = { bucket: "builds", prefix: "team", credentials: { kind: "file", path: "/root/gcs.json" } };
  const dirs = { sccache: { dir: "/var/cache/sccache" }, "bazel-remote": { dir: "/var/cache/bazel-remote" } };
  const system = { ...boxInput({ scope: "system", ...dirs }, { gcs }), kind: "systemd-system" } as const;
  for (const [script, unit] of [
    [bazelRemoteScript(system), "bazel-remote"],
    [sccacheScript(system), "sccache"],
  ] as const) {
    expect(script).toContain("LoadCredential=gcs-key:/root/gcs.json\n");
    expect(script).toContain(`/run/credentials/${unit}.service/gcs-key`);
    expect(script.replace(/^LoadCredential=.*$/m, "")).not.toContain("/root/gcs.json");
  }
  expect(bazelRemoteScript(system)).toContain("bucket: builds/team/bazel-remote\n");
  expect(sccacheScript(system)).toContain('key_prefix = "team/sccache"\n');
  expect(bazelRemoteScript(boxInput({}, { gcs }))).toContain("json_credentials_file: /root/gcs.json\n");
});

it("says what is wrong with a key, and does not print the key", () => {
  const next = "next: ./warmbox pulumi config set --secret s3AccessKeyId";
  const expected = "wanted one word as the store gave it";
  expect(keyIssue("s3AccessKeyId", "AKIA/+=x")).toBeUndefined();
  expect(keyIssue("s3AccessKeyId", "")).toBe(`s3AccessKeyId: it is empty, ${expected}; ${next}`);
  for (const value of ["a key", "key\n", " key", "kéy", "a\u0000b"])
    expect(keyIssue("s3AccessKeyId", value)).toBe(
      `s3AccessKeyId: it holds white space or a character beyond ASCII, ${expected}; ${next}`,
    );
});
