import { describe, expect, it } from "vitest";
import { BuildHost } from "../../components/build-host.ts";
import { warningsFor } from "../../components/host-resource.ts";
import { describeHost, serviceKind } from "../../components/inspect.ts";
import type { HostFacts, Observed } from "../../host/facts.ts";
import { gib } from "../../plan/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { machine } from "../plan/machine.ts";
import { type Recorded, record } from "./recorder.ts";

const OURS = [/^warmbox:index:/, /^command:local:Command$/];

const library = {
  warmbox: "# the library\n",
  supervise: "#!/bin/sh\n# the supervisor\n",
  prove: "prove() { :; }\n",
};

function boxOf(
  declared: Record<string, unknown> = {},
  observed: Observed = { library: null, ledgers: {} },
  facts: Partial<HostFacts> = {},
) {
  const stack = parseStackConfig({ hosts: { box: declared } });
  const host = stack.hosts.box;
  if (host === undefined) throw new Error("no host box");
  const probe = { facts: machine(gib(16), 8, gib(400), facts), observed };
  return describeHost({ name: "box", host, stack, owner: "local", library, probe });
}

async function resourcesOf(...args: Parameters<typeof boxOf>): Promise<Recorded[]> {
  return await record(OURS, () => void new BuildHost(boxOf(...args)));
}

const namesOf = (resources: Recorded[]): string[] =>
  resources.map(({ type, name }) => `${type} ${name}`).sort();
const commandOf = (resources: Recorded[], name: string): Record<string, unknown> => {
  const found = resources.find((one) => one.name === name && one.type === "command:local:Command");
  if (found === undefined) throw new Error(`${name} was not declared`);
  return found.inputs;
};

describe("BuildHost", () => {
  it("declares its tiers, each with one command, below the host", async () => {
    expect(namesOf(await resourcesOf())).toEqual([
      "command:local:Command box-bazel-remote",
      "command:local:Command box-cargo",
      "command:local:Command box-library",
      "command:local:Command box-moon",
      "command:local:Command box-proof",
      "command:local:Command box-sccache",
      "command:local:Command box-tools",
      "warmbox:index:BazelRemote box-bazel-remote",
      "warmbox:index:BuildHost box",
      "warmbox:index:CargoRegistry box-cargo",
      "warmbox:index:HostTools box-tools",
      "warmbox:index:MoonWorkspace box-moon",
      "warmbox:index:Proof box-proof",
      "warmbox:index:Sccache box-sccache",
    ]);
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
      expect(inputs).toEqual({
        interpreter: ["/bin/sh", "-s", "--"],
        create: "apply",
        delete: "remove",
        triggers: ["this machine"],
        logging: "none",
        addPreviousOutputInEnv: false,
      });
      expect(stdin).toContain(`resource ${name.slice("box-".length)} owner=local generation=`);
    }
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

  it("stays for an intact ledger of ours", async () => expect(await generation(ledgers(""))).toBe("7"));
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
