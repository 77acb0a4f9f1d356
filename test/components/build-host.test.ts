import type * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BazelRemote } from "../../components/bazel-remote.ts";
import { BuildHost } from "../../components/build-host.ts";
import { CargoRegistry } from "../../components/cargo-registry.ts";
import { warningsFor } from "../../components/host-resource.ts";
import { MoonWorkspace } from "../../components/moon-workspace.ts";
import { Sccache } from "../../components/sccache.ts";
import type { HostFacts, Observed } from "../../host/types.ts";
import { serviceKind } from "../../plan/service-kind.ts";
import { described } from "./described.ts";
import { type Recorded, record, resolve } from "./recorder.ts";

const OURS = [/^warmbox:index:/, /^command:local:Command$/];

const boxOf = (
  host: Record<string, unknown> = {},
  observed: Observed = { library: null, ledgers: {} },
  facts: Partial<HostFacts> = {},
) => described({ host, observed, facts });

async function resourcesOf(...args: Parameters<typeof boxOf>): Promise<Recorded[]> {
  return await record(OURS, () => void new BuildHost("box", { description: boxOf(...args) }));
}

const short = (named: string): string => named.replace(/^.*:/, "");
const placeOf = ({ type, name, parent }: Recorded): string =>
  short(`${type} ${name}`) + (parent === undefined ? "" : ` < ${short(parent)}`);
const namesOf = (resources: Recorded[]): string[] =>
  resources.map(({ type, name }) => `${type} ${name}`).sort();
const commandOf = (resources: Recorded[], name: string): Record<string, unknown> => {
  const found = resources.find(
    (recorded) => recorded.name === name && recorded.type === "command:local:Command",
  );
  if (found === undefined) throw new Error(`${name} was not declared`);
  return found.inputs;
};

describe("BuildHost", () => {
  it("declares its tiers below the host, each with one command", async () => {
    expect((await resourcesOf()).map(placeOf).sort()).toEqual([
      "BazelRemote box-bazel-remote < BuildHost box",
      "BuildHost box",
      "CargoRegistry box-cargo < BuildHost box",
      "Command box-bazel-remote < BazelRemote box-bazel-remote",
      "Command box-cargo < CargoRegistry box-cargo",
      "Command box-library < HostTools box-tools",
      "Command box-moon < MoonWorkspace box-moon",
      "Command box-proof < Proof box-proof",
      "Command box-sccache < Sccache box-sccache",
      "Command box-tools < HostTools box-tools",
      "HostTools box-tools < BuildHost box",
      "MoonWorkspace box-moon < BuildHost box",
      "Proof box-proof < BuildHost box",
      "Sccache box-sccache < BuildHost box",
    ]);
  });

  it("goes from the tools to the daemons, from each daemon to its client, and ends with the proof", async () => {
    const resources = await resourcesOf();
    const order = resources
      .filter(({ type, dependsOn }) => /:index:/.test(type) && dependsOn.length > 0)
      .map(({ type, dependsOn }) => `${short(type)} after ${dependsOn.map(short).join(", ")}`);
    expect(order.sort()).toEqual([
      "BazelRemote after Command box-library, Command box-tools",
      "CargoRegistry after Command box-sccache",
      "MoonWorkspace after Command box-bazel-remote",
      "Proof after Command box-cargo, Command box-library, Command box-moon, Command box-tools",
      "Sccache after Command box-library, Command box-tools",
    ]);
    const tools = resources.find(({ name, type }) => name === "box-tools" && type.endsWith("Command"));
    expect(tools?.dependsOn.map(short)).toEqual(["Command box-library"]);
  });

  it("without its daemon a client follows the tools", async () => {
    const off = { enabled: false };
    const resources = await resourcesOf({ sccache: off, "bazel-remote": off });
    for (const name of ["box-cargo", "box-moon"]) {
      const found = resources.find((recorded) => recorded.name === name && /:index:/.test(recorded.type));
      expect(found?.dependsOn.map(short)).toEqual(["Command box-library", "Command box-tools"]);
    }
  });

  it("exports what the host got, which is what it registers", async () => {
    const box = boxOf();
    let summary: unknown;
    const resources = await record(OURS, async () => {
      summary = await resolve(new BuildHost("box", { description: box }).summary);
    });
    expect(summary).toEqual({
      scope: "user",
      service: "systemd-user",
      memory: "16GiB",
      cores: 8,
      agents: { total: 1, active: 1 },
      jobs: 4,
      maxTasks: 1,
      sccache: { max_size: "120GiB", port: 4226 },
      "bazel-remote": { max_size: "46GiB", grpc_address: "127.0.0.1:9092" },
      cargoHome: "/home/ci/.cargo",
      tools: {
        sccache: "0.19.0 (pushed by warmbox)",
        "bazel-remote": "2.6.2 (pushed by warmbox)",
        moon: "2.5.5 (pushed by warmbox)",
      },
    });
    expect(resources.find(({ name }) => name === "box")?.outputs).toEqual(summary);
  });

  it("leaves out what the stack switches off", async () => {
    const off = { enabled: false };
    const names = namesOf(await resourcesOf({ moon: off, "bazel-remote": off, cargo: off }));
    expect(names).toEqual([
      "command:local:Command box-library",
      "command:local:Command box-proof",
      "command:local:Command box-sccache",
      "command:local:Command box-tools",
      "warmbox:index:BuildHost box",
      "warmbox:index:HostTools box-tools",
      "warmbox:index:Proof box-proof",
      "warmbox:index:Sccache box-sccache",
    ]);
  });

  it("runs each script through the host's prefix and keeps its output out of the log", async () => {
    const resources = await resourcesOf();
    for (const name of ["box-library", "box-cargo", "box-sccache", "box-bazel-remote", "box-moon"]) {
      const { stdin, ...inputs } = commandOf(resources, name);
      const sender = name === "box-library" ? ["/bin/sh", "host/send-library.sh"] : [];
      expect(inputs).toEqual({
        interpreter: [...sender, "/bin/sh", "-s", "--"],
        create: "apply",
        delete: "remove",
        triggers: ["this machine"],
        logging: "none",
        addPreviousOutputInEnv: false,
      });
      expect(stdin).toContain(`resource ${name.slice("box-".length)} owner=local generation=`);
    }
  });

  it("carries no text of the library, which Pulumi would keep twice, but their sha256", async () => {
    const { stdin } = commandOf(await resourcesOf(), "box-library");
    expect(stdin).toContain("\na0  warmbox.sh\n");
    expect((stdin as string).length).toBeLessThan(10_000);
  });

  it("names the pushed tools, one a line, and reaches the host from the operator's machine", async () => {
    const inputs = commandOf(await resourcesOf(), "box-tools");
    expect(inputs.interpreter).toEqual(["node", "host/push-tools.ts"]);
    const manifest = JSON.parse(inputs.stdin as string);
    expect(manifest).toMatchObject({
      host: "box",
      prefix: ["/bin/sh", "-s", "--"],
      arch: "x86_64",
      owner: "local",
    });
    expect(manifest.tools.map(({ tool }: { tool: string }) => tool)).toEqual([
      "sccache",
      "bazel-remote",
      "moon",
    ]);
  });

  it("shows the plan as its inputs, stable between runs", async () => {
    const [first, second] = [await resourcesOf(), await resourcesOf()];
    const inputs = (resources: Recorded[]) => resources.find(({ name }) => name === "box")?.inputs;
    expect(inputs(first)).toEqual({
      scope: "user",
      service: "systemd-user",
      memory: "16GiB",
      cores: 8,
      agents: { total: 1, active: 1 },
      jobs: 4,
      maxTasks: 1,
    });
    expect(inputs(second)).toEqual(inputs(first));
  });
});

describe("the generation line", () => {
  const ledgers = (drift: string, owner = "local"): Observed => ({
    library: null,
    ledgers: { sccache: { owner, generation: 7, drift } },
  });
  const generation = async (observed: Observed): Promise<string | undefined> =>
    /generation=(\d+)/.exec(String(commandOf(await resourcesOf({}, observed), "box-sccache").stdin))?.[1];

  it("stays for an intact ledger of this stack", async () => expect(await generation(ledgers(""))).toBe("7"));
  it("rises by one on drift", async () => expect(await generation(ledgers("-a\n+b\n"))).toBe("8"));
  it("rises by one when another stack owns it", async () =>
    expect(await generation(ledgers("", "s3"))).toBe("8"));
  it("is the time where there is no ledger", async () =>
    expect(Number(await generation({ library: null, ledgers: {} }))).toBeGreaterThan(1.7e9));

  it("comes with a warning that holds the diff, or the other stack's name", () => {
    expect(warningsFor(boxOf({}, ledgers("-a\n+b\n")).host, "sccache")).toEqual([
      "box: sccache is not as it was applied; up puts it back:\n-a\n+b",
    ]);
    expect(warningsFor(boxOf({}, ledgers("", "s3")).host, "sccache")).toEqual([
      'box: sccache was last applied by stack "s3"; this stack, "local", takes it over on up.',
    ]);
    expect(warningsFor(boxOf({}, ledgers("")).host, "sccache")).toEqual([]);
  });
});

describe("the proof", () => {
  const proofOf = async (...args: Parameters<typeof boxOf>): Promise<unknown> =>
    commandOf(await resourcesOf(...args), "box-proof").stdin;
  const drifted = { library: null, ledgers: { sccache: { owner: "local", generation: 7, drift: "-a\n" } } };

  it("runs again when a tier's script changes, and not for a repair", async () => {
    expect(await proofOf({}, drifted)).toBe(await proofOf());
    expect(await proofOf({ sccache: { max_size: "7GiB" } })).not.toBe(await proofOf());
  });
});

describe("service: auto", () => {
  const systemd = { pid1: false, linger: false };
  it("is systemd where it is process 1", () =>
    expect(
      serviceKind("box", { service: "auto", scope: "system" }, { systemd: { ...systemd, pid1: true } }),
    ).toBe("systemd-system"));
  it("is a supervised process elsewhere", () =>
    expect(serviceKind("box", { service: "auto", scope: "user" }, { systemd })).toBe("process"));
  it("refuses systemd where there is none", () =>
    expect(() => serviceKind("box", { service: "systemd", scope: "user" }, { systemd })).toThrow(
      "hosts.box.service: systemd, wanted a host whose process 1 is systemd; next: write service: process, or leave the key out",
    ));
});

describe("a tier by itself", () => {
  type Tier = typeof Sccache | typeof BazelRemote | typeof CargoRegistry | typeof MoonWorkspace;

  /** Declares one tier; its outputs, resolved, and what it registered. */
  async function tier<T extends Tier>(Tier: T, outputs: readonly (keyof InstanceType<T>)[]) {
    const { host, input } = boxOf();
    const found: Record<string, unknown> = {};
    const resources = await record(OURS, async () => {
      const made = new Tier("tier", { host, input }, {}) as InstanceType<T>;
      for (const name of outputs) found[name as string] = await resolve(made[name] as pulumi.Output<unknown>);
    });
    const registered = resources.find(({ name }) => name === "tier");
    return { found, registered: registered?.outputs, inputs: registered?.inputs };
  }

  const ENVIRONMENT = {
    MOON_REMOTE_HOST: "grpc://127.0.0.1:9092",
    MOON_REMOTE_CACHE_COMPRESSION: "none",
    MOON_CACHE: "read-write",
    MOON_CONCURRENCY: "1",
    MOON_TELEMETRY: "false",
  };

  it.each([
    ["Sccache", Sccache, { port: 4226, maxSize: "120GiB", dir: "/home/ci/.cache/sccache" }, {}],
    [
      "BazelRemote",
      BazelRemote,
      { grpcAddress: "127.0.0.1:9092", httpAddress: "127.0.0.1:9090", maxSize: "46GiB" },
      {},
    ],
    ["CargoRegistry", CargoRegistry, { cargoHome: "/home/ci/.cargo" }, { jobs: 4 }],
    ["MoonWorkspace", MoonWorkspace, { environment: ENVIRONMENT }, {}],
  ])("%s tells what it set", async (_name, Tier, outputs, more) => {
    const { found, registered, inputs } = await tier(Tier, Object.keys(outputs) as never[]);
    expect(found).toEqual(outputs);
    expect(registered).toEqual({ ...outputs, ...more });
    expect(inputs).toEqual({ ...outputs, ...more });
  });
});
