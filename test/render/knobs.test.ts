import { expect, it } from "vitest";
import { z } from "zod";
import { describeHost } from "../../components/inspect.ts";
import { declaredFacts } from "../../host/probe.ts";
import {
  bazelRemoteContainer,
  bazelRemoteContainerScript,
  bazelRemoteFilesScript,
  type ContainerInput,
} from "../../render/bazel-remote/bazel-remote-container.ts";
import { bazelRemoteScript } from "../../render/bazel-remote/bazel-remote-resource.ts";
import { cargoScript } from "../../render/cargo/cargo-resource.ts";
import type { ResourceInput } from "../../render/lib/resource.ts";
import { merged, type Table } from "../../render/lib/toml.ts";
import { moonScript } from "../../render/moon/moon-resource.ts";
import { sccacheScript } from "../../render/sccache/sccache-resource.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { hostSchema } from "../../stacks/schema/host.ts";
import { gcsSchema, s3Schema } from "../../stacks/schema/store.ts";
import { boxInput } from "./box.ts";

/** Everything that a host's stack file decides here: each enabled resource's script, and every number of the plan. */
function everything(declared: object, stack: object = {}): string {
  const base = boxInput(declared as Record<string, unknown>, stack as Record<string, unknown>);
  const kinds =
    base.host.scope === "system" ? (["systemd-system"] as const) : (["process", "systemd-user"] as const);
  const dir = base.host.scope === "system" ? "/var/cache/bazel-remote" : base.plan.bazelRemote.dir;
  const plan = { ...base.plan, bazelRemote: { ...base.plan.bazelRemote, dir } };
  return JSON.stringify([plan, kinds.map((kind) => scripts({ ...base, plan, kind }))]);
}

function scripts(input: ResourceInput): string[] {
  const { host } = input;
  return [
    host.sccache.enabled ? sccacheScript(input) : "",
    host["bazel-remote"].enabled ? bazelRemoteScript(input) : "",
    ...containerised({ ...input, container: input.container ?? CONTAINER }),
    host.cargo.enabled ? cargoScript(input) : "",
    host.moon.enabled ? moonScript(input) : "",
  ];
}

const CONTAINER = { name: "br", image: "br@sha256:0", user: "65532:65532", owned: true };

function containerised(input: ContainerInput): string[] {
  return [
    JSON.stringify(bazelRemoteContainer(input)),
    bazelRemoteFilesScript(input),
    bazelRemoteContainerScript(input),
  ];
}

/** One other value for every key of a host; a key without one fails the test below. */
const KNOBS: Record<string, object> = {
  scope: { scope: "system" },
  "agents.total": { agents: { total: 40 } },
  "agents.active": { agents: { total: 4, active: 2 } },
  purge: { purge: true },
  "sccache.enabled": { sccache: { enabled: false } },
  "sccache.dir": { sccache: { dir: "/big/sccache" } },
  "sccache.max_size": { sccache: { max_size: "5GiB" } },
  "sccache.port": { sccache: { port: 4300 } },
  "sccache.settings": { sccache: { settings: { client_side_mode: true } } },
  "sccache.env": { sccache: { env: { SCCACHE_LOG: "debug" } } },
  "bazel-remote.enabled": { "bazel-remote": { enabled: false } },
  "bazel-remote.dir": { "bazel-remote": { dir: "/big/br" } },
  "bazel-remote.max_size": { "bazel-remote": { max_size: "5GiB" } },
  "bazel-remote.storage_mode": { "bazel-remote": { storage_mode: "uncompressed" } },
  "bazel-remote.http_address": { "bazel-remote": { http_address: "127.0.0.1:9191" } },
  "bazel-remote.grpc_address": { "bazel-remote": { grpc_address: "127.0.0.1:9192" } },
  "bazel-remote.mean_blob_size": { "bazel-remote": { mean_blob_size: "64KiB" } },
  "bazel-remote.settings": { "bazel-remote": { settings: { access_log_level: "all" } } },
  "bazel-remote.env": { "bazel-remote": { env: { GOGC: 80 } } },
  "moon.enabled": { moon: { enabled: false } },
  "moon.workspaces": { moon: { workspaces: [{ path: "code", remote_block: true }] } },
  "moon.cache": { moon: { cache: "read" } },
  "moon.compression": { moon: { compression: "zstd" } },
  "moon.concurrency": { moon: { concurrency: 3 } },
  "moon.env": { moon: { env: { MOON_LOG: "debug" } } },
  "cargo.enabled": { cargo: { enabled: false } },
  "cargo.config": { cargo: { config: "inline" } },
  "cargo.home": { cargo: { home: "/big/cargo" } },
  "cargo.jobs": { cargo: { jobs: 1 } },
  "cargo.settings": { cargo: { settings: { net: { retry: 9 } } } },
};

/** A volume on which caches of any size fit. */
const VOLUME = { total: "500GiB", free: "400GiB" };
const FULL = { disks: { sccache: { ...VOLUME, free: "1MiB" }, "bazel-remote": { ...VOLUME, free: "1MiB" } } };
/** A completely described host, on which every fact counts. */
const DESCRIBED_HOST = {
  service: "docker",
  facts: {
    arch: "x86_64",
    memTotal: "16GiB",
    cpus: 8,
    docker: "27",
    user: { home: "/home/ci" },
    disks: { sccache: VOLUME, "bazel-remote": VOLUME },
  },
};
const binary = { kind: "file", path: "/x/sccache", sha256: "0".repeat(64) };
const volumes = (more: object) => ({
  facts: { disks: { sccache: { ...VOLUME, ...more }, "bazel-remote": VOLUME } },
});
const volumesOfRemote = (more: object) => ({
  facts: { disks: { sccache: VOLUME, "bazel-remote": { ...VOLUME, ...more } } },
});

/** Two data sets of one pool, which share its space where both are ZFS. */
const pool = (fs: string, remoteFs: string) => ({
  facts: {
    disks: {
      sccache: { ...VOLUME, device: "tank/a", fs },
      "bazel-remote": { ...VOLUME, device: "tank/b", fs: remoteFs },
    },
  },
});

/** The same for keys that the program reads before anything is rendered, with the keys that some of them require. */
const EARLY: Record<string, [change: object, beside?: object]> = {
  reach: [{ reach: { kind: "ssh", host: "a" } }],
  service: [{ service: "process" }],
  "bazel-remote.image": [{ "bazel-remote": { image: `a@sha256:${"0".repeat(64)}` } }],
  "tools.sccache": [{ tools: { sccache: binary } }],
  "tools.bazel-remote": [{ service: "process", tools: { "bazel-remote": binary } }, { service: "process" }],
  "tools.moon": [{ tools: { moon: binary } }],
  "facts.arch": [{ facts: { arch: "aarch64" } }],
  "facts.libc": [{ facts: { libc: "musl" } }],
  "facts.user.name": [{ facts: { user: { name: "me" } } }],
  "facts.user.uid": [{ facts: { user: { uid: 7 } } }],
  "facts.user.gid": [{ facts: { user: { gid: 7 } } }],
  "facts.user.home": [{ facts: { user: { home: "/srv" } } }],
  "facts.memTotal": [{ facts: { memTotal: "32GiB" } }],
  "facts.memLimit": [{ facts: { memLimit: "8GiB" } }],
  "facts.cpus": [{ facts: { cpus: 2 } }],
  "facts.cpuQuota": [{ facts: { cpuQuota: 1.5 } }],
  "facts.openFiles": [{ facts: { openFiles: 1024 } }],
  "facts.docker": [{ facts: { docker: undefined } }],
  "facts.systemd.pid1": [{ facts: { systemd: { pid1: true } } }],
  "facts.cargoHome": [{ facts: { cargoHome: "/srv/cargo" } }],
  "facts.disks.sccache.device": [volumes({ device: "/dev/sdb" })],
  "facts.disks.sccache.mount": [volumes({ mount: "/c" })],
  "facts.disks.sccache.fs": [pool("ext4", "zfs"), pool("zfs", "zfs")],
  "facts.disks.sccache.total": [
    { facts: { disks: { ...FULL.disks, sccache: { total: "9GiB", free: "1MiB" } } } },
    { facts: FULL },
  ],
  "facts.disks.sccache.free": [volumes({ free: "20GiB" })],
  "facts.disks.sccache.held": [volumes({ held: "50GiB" })],
  "facts.disks.bazel-remote.device": [volumesOfRemote({ device: "/dev/sdb" })],
  "facts.disks.bazel-remote.mount": [volumesOfRemote({ mount: "/c" })],
  "facts.disks.bazel-remote.fs": [pool("zfs", "ext4"), pool("zfs", "zfs")],
  "facts.disks.bazel-remote.total": [
    { facts: { disks: { ...FULL.disks, "bazel-remote": { total: "9GiB", free: "1MiB" } } } },
    { facts: FULL },
  ],
  "facts.disks.bazel-remote.free": [volumesOfRemote({ free: "20GiB" })],
  "facts.disks.bazel-remote.held": [volumesOfRemote({ held: "50GiB" })],
};

/** All that a program knows of the described host before its first resource, or the reason why it refuses the host. */
function early(change: object): string {
  const settings = JSON.parse(JSON.stringify(merged(DESCRIBED_HOST, change as Table))); // drops keys that are undefined
  const stack = parseStackConfig({ hosts: { box: settings } });
  const host = stack.hosts.box;
  if (host === undefined) throw new Error("no host box");
  const library = { "prove.sh": "c0", "supervise.sh": "b0", "warmbox.sh": "a0" };
  try {
    const probe = declaredFacts("box", host);
    const { host: context, ...rest } = describeHost({ name: "box", host, stack, owner: "o", library, probe });
    const { input, ...others } = rest;
    return JSON.stringify([context.prefix, others, { ...input, host: null }]); // what it makes of the host, not the host
  } catch (error) {
    return (error as Error).message;
  }
}

it.each(Object.entries(EARLY))("%s changes what is known of a host", (_key, [change, beside = {}]) => {
  expect(early(change)).not.toBe(early(beside));
});

/** Read by `./warmbox doctor` alone. */
const DOCTORS = ["facts.systemd.linger"];

type Json = {
  properties?: Record<string, Json>;
  anyOf?: Json[];
  oneOf?: Json[];
  additionalProperties?: unknown;
};

/** Key paths of a schema's leaves. */
function keys(schema: Json, above: string[] = []): string[] {
  const below = Object.entries(schema.properties ?? {});
  return below.length === 0
    ? [above.join(".")]
    : below.flatMap(([key, value]) => keys(value, [...above, key]));
}

const hostKeys = keys(z.toJSONSchema(hostSchema, { io: "input", unrepresentable: "any" }) as Json);

it("knows another value for every key of a host", () => {
  expect(hostKeys.sort()).toEqual([...Object.keys(KNOBS), ...Object.keys(EARLY), ...DOCTORS].sort());
});

const plain = everything({});
it.each(Object.entries(KNOBS))("%s changes something", (_key, declared) => {
  expect(everything(declared)).not.toBe(plain);
});

/** The same for what lies behind the caches: kind, its least keys, and one other value for each further key. */
const STORES: [string, object, Record<string, unknown>][] = [
  [
    "s3",
    { kind: "existing", bucket: "one", region: "eu-west-1" },
    { bucket: "two", region: "eu-west-2", prefix: "p", credentials: "role" },
  ],
  [
    "s3",
    { kind: "endpoint", url: "http://s3.lan:1", bucket: "one" },
    {
      url: "https://s3.lan:1",
      bucket: "two",
      region: "eu-west-2",
      path_style: false,
      prefix: "p",
      credentials: "role",
    },
  ],
  ["s3", { kind: "embedded" }, { port: 7071, bucket: "two", region: "eu-west-2", prefix: "p" }],
  ["gcs", { bucket: "one" }, { bucket: "two", prefix: "p", credentials: { kind: "file", path: "/k" } }],
];
/** Read by the component that makes the store, not by a renderer. */
const STORE_ELSEWHERE = ["kind", "host", "dir", "max_size"];

it.each(
  STORES.flatMap(([store, base, others]) =>
    Object.entries(others).map(
      ([key, value]) =>
        [`${store} ${"kind" in base ? base.kind : ""} ${key}`, store, base, { [key]: value }] as const,
    ),
  ),
)("%s changes something", (_name, store, base, other) => {
  expect(everything({}, { [store]: { ...base, ...other } })).not.toBe(everything({}, { [store]: base }));
});

it("knows another value for every key of a store", () => {
  for (const [store, base, others] of STORES) {
    const schema = z.toJSONSchema(store === "s3" ? s3Schema : gcsSchema, {
      io: "input",
      unrepresentable: "any",
    }) as Json;
    const kind = "kind" in base ? base.kind : undefined;
    const options = schema.oneOf ?? schema.anyOf ?? [schema];
    const mine = options.find(
      (o) => kind === undefined || (o.properties?.kind as { const?: string } | undefined)?.const === kind,
    );
    const expected = Object.keys(mine?.properties ?? {}).filter((key) => !STORE_ELSEWHERE.includes(key));
    expect(Object.keys(others).sort(), `${store} ${kind}`).toEqual(expected.sort());
  }
});
