import { expect, it } from "vitest";
import { bazelRemoteScript } from "../../render/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo-resource.ts";
import { moonScript } from "../../render/moon-resource.ts";
import { sccacheScript } from "../../render/sccache-resource.ts";
import { credentialsPath, NO_STORE, storeEnvironment, storeOf } from "../../render/store.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { boxInput } from "./box.ts";

const store = (stack: Record<string, unknown>, created?: string) =>
  storeOf(parseStackConfig({ hosts: { a: {} }, ...stack }), created);

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
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_SHARED_CREDENTIALS_FILE: credentialsPath({ config: "/c" }),
  });
});

it("lets a role find its own way", () => {
  const role = store({ s3: { kind: "existing", bucket: "one", region: "eu-west-1", credentials: "role" } });
  expect(storeEnvironment(role, { config: "/c" })).toEqual({});
});

it("no script of a resource holds a key", () => {
  const input = boxInput({}, { s3: { kind: "embedded" } });
  for (const script of [sccacheScript, bazelRemoteScript, cargoScript, moonScript])
    expect(script(input)).not.toMatch(/secret_access_key|access_key_id|AWS_SECRET|AWS_ACCESS_KEY_ID=/);
});
