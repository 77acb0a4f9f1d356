import { describe, expect, it, vi } from "vitest";
import { dockerReach } from "../../components/bazel-remote-container.ts";
import { BuildHost } from "../../components/build-host.ts";
import { describeHost } from "../../components/inspect.ts";
import type { HostFacts, Observed } from "../../host/types.ts";
import { gib, goMemLimit, mib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { BAZEL_REMOTE_IMAGE } from "../../stacks/versions.ts";
import { machine } from "../plan/machine.ts";
import { type Recorded, record } from "./recorder.ts";

const TYPES = [/^warmbox:index:/, /^command:local:Command$/, /^docker:/, /^pulumi:providers:docker$/];
const library = { "prove.sh": "c0", "supervise.sh": "b0", "warmbox.sh": "a0" };
const IMAGE_ID = "sha256:feed";
const LEDGER = { owner: "local", generation: 7, drift: "" };
const INTACT: Observed = {
  library: null,
  ledgers: { "bazel-remote": LEDGER, "bazel-remote-container": { ...LEDGER, generation: 9 } },
};

type Box = { declared?: object; facts?: Partial<HostFacts>; stack?: object; observed?: Observed };

function boxOf({ declared = {}, facts = {}, stack = {}, observed = INTACT }: Box = {}) {
  const parsed = parseStackConfig({ hosts: { box: { service: "docker", ...declared } }, ...stack });
  const host = parsed.hosts.box;
  if (host === undefined) throw new Error("no host box");
  const probe = { facts: machine(gib(16), 8, gib(400), { docker: "27.5.1", ...facts }), observed };
  return {
    ...describeHost({ name: "box", host, stack: parsed, owner: "local", library, probe }),
  };
}

async function resourcesOf(box: Box = {}): Promise<Recorded[]> {
  const computed = (type: string) =>
    type === "docker:index/remoteImage:RemoteImage" ? { imageId: IMAGE_ID } : {};
  return await record(TYPES, () => void new BuildHost("box", { description: boxOf(box) }), computed);
}

async function inputsOf(type: string, name: string, box: Box = {}): Promise<Record<string, unknown>> {
  const found = (await resourcesOf(box)).find((recorded) => recorded.type === type && recorded.name === name);
  if (found === undefined) throw new Error(`${type} ${name} was not declared`);
  return found.inputs;
}

const container = (box: Box = {}) => inputsOf("docker:index/container:Container", "box-bazel-remote", box);
const script = async (name: string, box: Box = {}) =>
  String((await inputsOf("command:local:Command", name, box)).stdin);

describe("service: docker", () => {
  it("declares image and container between the files and the check, and brings no bazel-remote to the host", async () => {
    const resources = await resourcesOf();
    const names = resources
      .map(({ type, name }) => `${type} ${name}`)
      .filter((name) => /bazel-remote|docker/.test(name));
    expect(names.sort()).toEqual([
      "command:local:Command box-bazel-remote",
      "command:local:Command box-bazel-remote-container",
      "docker:index/container:Container box-bazel-remote",
      "docker:index/remoteImage:RemoteImage box-bazel-remote-image",
      "pulumi:providers:docker box-bazel-remote-docker",
      "warmbox:index:BazelRemoteContainer box-bazel-remote",
    ]);
    const tools = resources.find(
      ({ name, type }) => name === "box-tools" && type === "command:local:Command",
    );
    expect(JSON.parse(String(tools?.inputs.stdin)).tools.map(({ tool }: { tool: string }) => tool)).toEqual([
      "sccache",
      "moon",
    ]);
  });

  it("declares exactly this container", async () => {
    const { labels, memory, ...inputs } = await container();
    const { MemoryHigh, GOMEMLIMIT, LimitNOFILE } = boxOf().input.plan.bazelRemote;
    expect(inputs).toEqual({
      name: "warmbox-local-box-bazel-remote",
      image: IMAGE_ID,
      command: ["--config_file", "/home/ci/.config/bazel-remote/config.yaml", "--profile_address", "none"],
      user: "1000:1000",
      networkMode: "host",
      usernsMode: "host",
      envs: [`GOMEMLIMIT=${goMemLimit(GOMEMLIMIT)}`, "GOGC=50"],
      mounts: [
        {
          type: "bind",
          source: "/home/ci/.cache/bazel-remote",
          target: "/home/ci/.cache/bazel-remote",
          readOnly: false,
        },
        {
          type: "bind",
          source: "/home/ci/.config/bazel-remote/config.yaml",
          target: "/home/ci/.config/bazel-remote/config.yaml",
          readOnly: true,
        },
      ],
      memorySwap: memory,
      ulimits: [{ name: "nofile", soft: LimitNOFILE, hard: LimitNOFILE }],
      readOnly: true,
      securityOpts: ["no-new-privileges:true"],
      capabilities: { drops: ["ALL"] },
      init: false,
      restart: "unless-stopped",
      mustRun: true,
      stopTimeout: 120,
      destroyGraceSeconds: 120,
      logDriver: "json-file",
      logOpts: { "max-size": "10m", "max-file": "3" },
    });
    expect(memory).toBe(Math.ceil(MemoryHigh / mib(1)));
    expect(labels).toEqual([
      { label: "warmbox.config", value: expect.stringMatching(/^[0-9a-f]{16}\.7$/) },
      { label: "warmbox.dir", value: "/home/ci/.cache/bazel-remote" },
      { label: "warmbox.owner", value: "local" },
      { label: "warmbox.port", value: "9090" },
    ]);
  });

  it("pulls the image by digest and keeps it", async () => {
    const type = "docker:index/remoteImage:RemoteImage";
    expect(await inputsOf(type, "box-bazel-remote-image")).toEqual({
      name: BAZEL_REMOTE_IMAGE,
      keepLocally: true,
    });
    expect(BAZEL_REMOTE_IMAGE).toMatch(/@sha256:[0-9a-f]{64}$/);
    const image = `mirror.lan:5000/bazel-remote@sha256:${"a".repeat(64)}`;
    const declared = { "bazel-remote": { image } };
    expect(await inputsOf(type, "box-bazel-remote-image", { declared })).toMatchObject({ name: image });
  });

  it("changes the container with the configuration, and when its file had to be put back", async () => {
    const labelsOf = async (box: Box) => JSON.stringify((await container(box)).labels);
    const plain = await labelsOf({});
    expect(await labelsOf({})).toBe(plain);
    const settings = { log_timezone: "local" };
    expect(await labelsOf({ declared: { "bazel-remote": { settings } } })).not.toBe(plain);
    const ledgers = { ...INTACT.ledgers, "bazel-remote": { ...LEDGER, drift: "-a\n+b\n" } };
    expect(await labelsOf({ observed: { library: null, ledgers } })).toContain(".8");
  });

  it("gives root's cache to the image's user, and leaves an ordinary user's alone", async () => {
    expect(await script("box-bazel-remote")).toContain("directory .cache/bazel-remote 0700\n");
    const root = { user: { name: "root", uid: 0, gid: 0, home: "/root" } };
    expect((await container({ facts: root })).user).toBe("65532:65532");
    expect(await script("box-bazel-remote", { facts: root })).toMatch(
      /^directory \S+bazel-remote 0700 owner=65532:65532$/m,
    );
  });

  it("asks the container from outside whether it serves with its cap", async () => {
    const text = await script("box-bazel-remote-container");
    expect(text).toMatch(
      /^service bazel-remote kind=container file=warmbox-local-box-bazel-remote ready='http 127\.0\.0\.1:9090\/status 127\.0\.0\.1:9092' ready_timeout=\d+ stop_timeout=120$/m,
    );
    expect(text).toMatch(/^live bazel-remote 'MaxSize \d+'/m);
  });

  it("shows the container the files that the stack's settings name", async () => {
    const settings = {
      tls_cert_file: "/etc/tls/c.pem",
      http_proxy: { url: "https://h:1", key_file: "/etc/tls/k.pem" },
    };
    const { mounts } = await container({ declared: { "bazel-remote": { settings } } });
    const readOnly = (mounts as { source: string; readOnly: boolean }[]).filter((one) => one.readOnly);
    expect(readOnly.map(({ source }) => source).slice(1)).toEqual(["/etc/tls/c.pem", "/etc/tls/k.pem"]);
  });
});

describe("the docker server", () => {
  it("is this machine's, or the host's by ssh with the options of every other call", () => {
    expect(dockerReach({ reach: { kind: "local" } })).toEqual({ disableDockerDaemonCheck: true });
    const ssh = {
      kind: "ssh",
      host: "build-7",
      user: "ci",
      port: 2222,
      sudo: false,
      multiplex: true,
    } as const;
    const { host, sshOpts, disableDockerDaemonCheck } = dockerReach({ reach: ssh });
    expect({ host, disableDockerDaemonCheck }).toEqual({
      host: "ssh://ci@build-7",
      disableDockerDaemonCheck: true,
    });
    expect(sshOpts).toEqual(expect.arrayContaining(["BatchMode=yes", "-p", "2222"]));
    expect(sshOpts).not.toContain("ci@build-7");
  });

  it("is where this machine's client has it", () => {
    const endpoint = "unix:///run/user/1000/docker.sock";
    expect(boxOf({ facts: { dockerEndpoint: endpoint } }).input.container).toMatchObject({ endpoint });
    expect(dockerReach({ reach: { kind: "local" } }, { endpoint })).toEqual({
      host: endpoint,
      disableDockerDaemonCheck: true,
    });
  });

  it("has an address that a URL can hold, and is no other one because of the operator's environment", () => {
    const reach = { kind: "ssh", host: "fd00::7", user: "ci", sudo: false, multiplex: true } as const;
    expect(dockerReach({ reach }).host).toBe("ssh://ci@[fd00::7]");
    vi.stubEnv("DOCKER_CONTEXT", "far");
    expect(() => dockerReach({ reach })).toThrow(
      "DOCKER_CONTEXT=far in your environment sends every container there, that of fd00::7 too; next: unset DOCKER_CONTEXT",
    );
    vi.unstubAllEnvs();
  });

  it("is refused where it is a rootless one", () => {
    expect(() =>
      boxOf({ facts: { dockerRootless: true } }),
    ).toThrow(`1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.service
    got:      docker
    expected: a docker server that runs as root: the rootless one there gives the cache's files to other uids than 1000
    next:     write service: process, or leave the key out`);
  });

  it("is demanded where the stack wants it, and only there", () => {
    expect(() =>
      boxOf({ facts: { docker: null } }),
    ).toThrow(`1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.service
    got:      docker
    expected: a docker server that answers ci there
    next:     start it and put ci into the group docker, or write service: process, or leave the key out`);
    const off = { service: "docker", "bazel-remote": { enabled: false } };
    expect(boxOf({ declared: off, facts: { docker: null } }).input.container).toBeUndefined();
  });
});
