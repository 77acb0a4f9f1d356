import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BuildHost } from "../../components/build-host.ts";
import type { BuildHostArgs } from "../../components/build-host-args.ts";
import { type Recorded, record } from "./recorder.ts";

const TYPES = [/^warmbox:index:/, /^command:local:Command$/];
const FACTS: BuildHostArgs["facts"] = {
  ...{ arch: "x86_64", memTotal: "16GiB", cpus: 8, user: { home: "/home/ci" } },
  disks: { sccache: { total: "90GiB", free: "80GiB" }, "bazel-remote": { total: "90GiB", free: "80GiB" } },
};

/** What a preview declares of a machine that is made in the same `up`. */
async function previewed(args: BuildHostArgs): Promise<{ resources: Recorded[]; maxSize: unknown }> {
  const host = pulumi.output(pulumi.unknown) as unknown as pulumi.Output<string>;
  let maxSize: unknown;
  const program = async () => {
    const box = new BuildHost("forge", { ...args, reach: { kind: "ssh", host, user: "ci" } });
    maxSize = await (box.sccache.maxSize as unknown as { promise(): Promise<unknown> }).promise();
  };
  return { resources: await record(TYPES, program, undefined, { preview: true }), maxSize };
}

const commandOf = (resources: Recorded[], name: string): Record<string, unknown> | undefined =>
  resources.find((resource) => resource.name === name && resource.type === "command:local:Command")?.inputs;

describe("an address that a preview does not know", () => {
  it("leaves scripts and outputs unknown; every resource is shown", async () => {
    const { resources, maxSize } = await previewed({});
    const names = resources.filter(({ type }) => type.endsWith("Command")).map(({ name }) => name);
    expect(names.sort()).toEqual(
      ["bazel-remote", "cargo", "library", "moon", "proof", "sccache", "tools"].map(
        (name) => `forge-${name}`,
      ),
    );
    for (const name of names) expect(typeof commandOf(resources, name)?.stdin).not.toBe("string");
    expect(typeof maxSize).not.toBe("string");
    expect(resources.find(({ name }) => name === "forge")?.outputs).toEqual({});
  });

  it("shows the plan and its scripts from declared facts", async () => {
    const { resources, maxSize } = await previewed({ facts: FACTS, sccache: { max_size: "5GiB" } });
    expect(maxSize).toBe("5GiB");
    expect(commandOf(resources, "forge-sccache")?.stdin).toContain("size = 5368709120");
    expect(commandOf(resources, "forge-sccache")?.interpreter).not.toContain("/bin/sh");
    expect(resources.find(({ name }) => name === "forge")?.outputs).toMatchObject({ memory: "16GiB" });
  });

  it("does not delay a mistake in the rest of the arguments", async () => {
    await expect(previewed({ agents: { total: 1, active: 2 } })).rejects.toThrow(
      /hosts\.forge\.agents\.active/,
    );
  });
});

describe("an output of a tier", () => {
  it("that is disabled is refused with the key", async () => {
    await record(TYPES, () => {
      const box = new BuildHost("here", { "bazel-remote": { enabled: false }, moon: { enabled: false } });
      expect(() => box.bazelRemote).toThrow(/bazel-remote\.enabled: false.*next: enable it/);
    });
  });
});
