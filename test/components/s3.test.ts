import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BuildHost } from "../../components/build-host.ts";
import { describeHost } from "../../components/inspect.ts";
import { sharedS3 } from "../../components/s3-backend.ts";
import type { Observed } from "../../host/types.ts";
import { gib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { machine } from "../plan/machine.ts";
import { type Recorded, record } from "./recorder.ts";

const OURS = [/^warmbox:index:/, /^command:local:Command$/];
const KEYS = { s3AccessKeyId: "AKIDEXAMPLE", s3SecretAccessKey: "wJalrXUtnFEMI/K7MDENG" };
const ENDPOINT = { kind: "endpoint", url: "http://s3.lan:9000", bucket: "builds" };
/** How a secret arrives at a mock. */
const SECRET = "4dabf18193072939515e22adb298388d";

const library = { "prove.sh": "c0", "supervise.sh": "b0", "warmbox.sh": "a0" };

interface Case {
  readonly s3: object;
  readonly hosts?: Record<string, object>;
  readonly secrets?: Record<string, string>;
  readonly observed?: Observed;
}

async function resourcesOf({ s3, hosts = { box: {} }, secrets = {}, observed }: Case): Promise<Recorded[]> {
  const stack = parseStackConfig({ hosts, s3 });
  const probe = {
    facts: machine(gib(16), 8, gib(400)),
    observed: observed ?? { library: null, ledgers: {} },
  };
  return await record(OURS, async () => {
    const secret = (name: string) => (secrets[name] === undefined ? undefined : pulumi.secret(secrets[name]));
    const shared = await sharedS3(stack, secret);
    for (const [name, host] of Object.entries(stack.hosts))
      new BuildHost(name, {
        description: describeHost({ name, host, stack, owner: "s3", library, probe }),
        s3: shared,
      });
  });
}

const named = (resources: Recorded[], name: string): Recorded => {
  const found = resources.find(
    (recorded) => recorded.name === name && recorded.type === "command:local:Command",
  );
  if (found === undefined) throw new Error(`${name} was not declared`);
  return found;
};
const stdinOf = (resources: Recorded[], name: string): string => String(named(resources, name).inputs.stdin);
const markOf = (resources: Recorded[], name: string): string | undefined =>
  /WARMBOX_S3_KEYS=(\w+)/.exec(stdinOf(resources, name))?.[1];

describe("kind: embedded", () => {
  it("adds the keys' file and the server, and pushes versitygw", async () => {
    const resources = await resourcesOf({ s3: { kind: "embedded" } });
    const added = resources.filter(({ name }) => name.startsWith("box-s3")).map((r) => `${r.type} ${r.name}`);
    expect(added.sort()).toEqual([
      "command:local:Command box-s3",
      "command:local:Command box-s3-credentials",
      "warmbox:index:S3Backend box-s3",
      "warmbox:index:S3Server box-s3-server",
    ]);
    const { tools } = JSON.parse(stdinOf(resources, "box-tools"));
    expect(tools.map(({ tool }: { tool: string }) => tool)).toContain("versitygw");
  });

  it("has no key in any script: the host makes them", async () => {
    const resources = await resourcesOf({ s3: { kind: "embedded" } });
    expect(stdinOf(resources, "box-s3-credentials")).toContain("$(s3_random 40)");
  });

  it("takes the stack's keys where they are set", async () => {
    const resources = await resourcesOf({ s3: { kind: "embedded" }, secrets: KEYS });
    expect(named(resources, "box-s3-credentials").inputs.stdin).toHaveProperty(SECRET);
    expect(markOf(resources, "box-s3")).toMatch(/^[0-9a-f]{4}$/);
  });

  it("starts everything that read the keys again when their file was lost, and not before", async () => {
    const observed = (drift: string): Observed => ({
      library: null,
      ledgers: { "s3-credentials": { owner: "s3", generation: 7, drift } },
    });
    for (const [drift, mark] of [
      ["", "7"],
      ["-present\n+missing\n", "8"],
    ] as const) {
      const resources = await resourcesOf({ s3: { kind: "embedded" }, observed: observed(drift) });
      for (const name of ["box-s3", "box-sccache", "box-bazel-remote"])
        expect(markOf(resources, name), name).toBe(mark);
    }
  });

  it("is one host's own: the others go without, and say so", async () => {
    const other = { reach: { kind: "ssh", host: "other" } };
    const resources = await resourcesOf({ s3: { kind: "embedded" }, hosts: { box: {}, other } });
    expect(resources.map(({ name }) => name).filter((name) => name.startsWith("other-s3"))).toEqual([]);
    expect(stdinOf(resources, "other-sccache")).not.toContain("multilevel");
    const stack = parseStackConfig({ hosts: { box: {}, other }, s3: { kind: "embedded", host: "other" } });
    const probe = { facts: machine(gib(16), 8, gib(400)), observed: { library: null, ledgers: {} } };
    const host = stack.hosts.box;
    if (host === undefined) throw new Error("no host box");
    const { warnings, server } = describeHost({ name: "box", host, stack, owner: "s3", library, probe });
    expect(server).toBeUndefined();
    expect(warnings).toEqual([
      "box: no S3 behind its caches: the embedded server listens on other alone; next: for a store that hosts share write s3: {kind: endpoint, …}",
    ]);
  });
});

describe("keys of the stack", () => {
  it("are in one script, which is entirely secret", async () => {
    const resources = await resourcesOf({ s3: ENDPOINT, secrets: KEYS });
    const holding = resources.filter((recorded) =>
      JSON.stringify(recorded.inputs).includes(KEYS.s3SecretAccessKey),
    );
    expect(holding.map(({ name }) => name)).toEqual(["box-s3-credentials"]);
    const { stdin, ...rest } = named(resources, "box-s3-credentials").inputs;
    expect(Object.keys(stdin as object).sort()).toEqual([SECRET, "value"].sort());
    expect(JSON.stringify(rest)).not.toContain(KEYS.s3AccessKeyId);
    expect((stdin as { value: string }).value).toContain("put .config/warmbox/s3-credentials 0600 secret");
  });

  it("leave a mark in both daemons' scripts, which stay readable", async () => {
    const first = await resourcesOf({ s3: ENDPOINT, secrets: KEYS });
    const again = await resourcesOf({ s3: ENDPOINT, secrets: KEYS });
    const other = await resourcesOf({ s3: ENDPOINT, secrets: { ...KEYS, s3SecretAccessKey: "another" } });
    for (const name of ["box-sccache", "box-bazel-remote"]) {
      expect(typeof named(first, name).inputs.stdin).toBe("string");
      expect(markOf(first, name)).toMatch(/^[0-9a-f]{4}$/);
      expect(markOf(again, name)).toBe(markOf(first, name));
      expect(markOf(other, name)).not.toBe(markOf(first, name));
    }
  });

  it("are demanded by a store that needs them", async () => {
    const { s3AccessKeyId } = KEYS;
    await expect(resourcesOf({ s3: ENDPOINT, secrets: { s3AccessKeyId } })).rejects.toThrow(
      "s3: s3SecretAccessKey not set, wanted both halves of the store's keys as secrets of the stack; next: run ./warmbox pulumi config set --secret s3SecretAccessKey",
    );
    await expect(resourcesOf({ s3: ENDPOINT })).rejects.toThrow(
      "s3AccessKeyId and s3SecretAccessKey not set",
    );
  });

  it("are not wanted with a role", async () => {
    const resources = await resourcesOf({ s3: { ...ENDPOINT, credentials: "role" } });
    expect(resources.map(({ name }) => name)).not.toContain("box-s3-credentials");
  });
});
