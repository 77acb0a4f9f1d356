import { expect, it } from "vitest";
import { bazelRemoteConfig } from "../../render/bazel-remote/bazel-remote-config.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { cargoConfig } from "../../render/cargo/cargo-config.ts";
import { moonEnvFile, moonEnvironmentD } from "../../render/moon/moon-env.ts";
import { moonRemoteBlock } from "../../render/moon/moon-remote-block.ts";
import { sccacheConfig } from "../../render/sccache/sccache-config.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { sample } from "./sample.ts";

const box = sample();
const overS3 = sample({}, { s3: { kind: "endpoint", url: "https://s3.lan:9000", bucket: "builds" } });
const overAws = sample(
  {},
  { s3: { kind: "existing", bucket: "builds", region: "eu-central-1", credentials: "role" } },
);
const overGcs = sample(
  {},
  { gcs: { bucket: "builds", credentials: { kind: "file", path: "/etc/gcs.json" } } },
);

const yaml = (input: typeof box) =>
  bazelRemoteConfig(input.plan, input.host["bazel-remote"], input.store, input.paths);
const toml = (input: typeof box) => sccacheConfig(input.plan, input.host.sccache, input.store);

/** Real files under real names, short enough to read; test/render/readers.test.ts starts the tools on the same text. */
const GOLDEN: Record<string, string> = {
  "sccache.toml": toml(box),
  "sccache-s3.toml": toml(overS3),
  "sccache-gcs.toml": toml(overGcs),
  "bazel-remote.yaml": yaml(box),
  "bazel-remote-s3.yaml": yaml(overS3),
  "bazel-remote-aws.yaml": yaml(overAws),
  "bazel-remote-gcs.yaml": yaml(overGcs),
  "warmbox.toml": cargoConfig({
    plan: box.plan,
    cargo: box.host.cargo,
    rustcWrapper: `${box.paths.bin}/rustc-wrapper`,
  }),
  "moon.env": moonEnvFile(box),
  "60-warmbox.conf": moonEnvironmentD(
    sample({ moon: { env: { MOON_REMOTE_CACHE_INSTANCE_NAME: 'a "b" $c' } } }),
  ),
  "workspace-remote.yml": moonRemoteBlock(box.host),
  "sccache-resource.sh": sccacheScript(box),
  "bazel-remote-resource.sh": bazelRemoteScript(box),
};

it.each(Object.entries(GOLDEN))("%s", async (name, text) => {
  expect(text.endsWith("\n") && !text.endsWith("\n\n"), "one line end at the end").toBe(true);
  await expect(text).toMatchFileSnapshot(`../golden/${name}`);
});
