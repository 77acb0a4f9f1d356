import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ConfigError, parseStackConfig, readStack, stackConfigKeys } from "../../stacks/config.ts";

/** The whole report for one host named box. */
function report(box: unknown, rest: Record<string, unknown> = {}): string {
  try {
    parseStackConfig({ hosts: { box }, ...rest });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  return "no fault";
}

/** The four lines of a report with one fault. */
function one(path: string, got: string, wanted: string, next: string): string {
  return `1 fault in the stack's configuration; nothing was changed.
  warmbox:${path}
    got:    ${got}
    wanted: ${wanted}
    next:   ${next}`;
}

const CACHE_MODE = "one of off, read, read-write, write";
const SIZE = "a size in KiB, MiB, GiB or TiB of at least 64MiB";
const ADDRESS = "HOST:PORT with HOST an IP address of the host and PORT from 1024 to 65535";
const SETTING = "a setting that warmbox does not own";
const VARIABLE = "a variable that warmbox does not set itself";
const HOST_KEYS = "reach, scope, service, agents, facts, purge, sccache, bazel-remote, moon, cargo, tools";
const MOON_KEYS = "enabled, workspaces, cache, compression, concurrency, env";
const NO_MAX_TASKS =
  "moon has no such setting in any version; write moon.concurrency (it becomes MOON_CONCURRENCY)";

/** Declared below host `box`, and the one fault that it must give: path below the host, got, wanted, next. */
const ONE_FAULT: [string, unknown, [string, string, string, string]][] = [
  [
    "read-only is not moon's word",
    { moon: { cache: "read-only" } },
    [
      "moon.cache",
      '"read-only"',
      CACHE_MODE,
      "write read: moon takes any word it does not know for read-write, so read-only would upload",
    ],
  ],
  [
    "another word",
    { moon: { cache: "none" } },
    ["moon.cache", '"none"', CACHE_MODE, "write one of off, read, read-write, write"],
  ],
  [
    "GB is decimal",
    { sccache: { max_size: "30GB" } },
    ["sccache.max_size", '"30GB"', SIZE, "write 30GiB (sizes are 1024-based)"],
  ],
  [
    "a size too small",
    { sccache: { max_size: "1MiB" } },
    ["sccache.max_size", '"1MiB"', SIZE, "write 64MiB or more, or remove the key to have it sized"],
  ],
  ["no size", { sccache: { max_size: "lots" } }, ["sccache.max_size", '"lots"', SIZE, "write it like 30GiB"]],
  [
    "bazel-remote counts whole GiB",
    { "bazel-remote": { max_size: "1.5GiB" } },
    [
      "bazel-remote.max_size",
      '"1.5GiB"',
      "a size in KiB, MiB, GiB or TiB of at least 1GiB, in whole steps of 1GiB",
      "write 2GiB",
    ],
  ],
  [
    "localhost",
    { "bazel-remote": { grpc_address: "localhost:9092" } },
    [
      "bazel-remote.grpc_address",
      '"localhost:9092"',
      ADDRESS,
      "write 127.0.0.1:9092: moon switches its remote cache off for `localhost` where no terminal is",
    ],
  ],
  [
    "0.0.0.0",
    { "bazel-remote": { grpc_address: "0.0.0.0:9092" } },
    [
      "bazel-remote.grpc_address",
      '"0.0.0.0:9092"',
      ADDRESS,
      "write 127.0.0.1:9092: 0.0.0.0 opens the cache to every network, and moon switches its remote cache off for it",
    ],
  ],
  [
    "a socket",
    { "bazel-remote": { http_address: "unix:///run/br.sock" } },
    [
      "bazel-remote.http_address",
      '"unix:///run/br.sock"',
      ADDRESS,
      "write 127.0.0.1:9090: a socket file left by a killed process stops the next start",
    ],
  ],
  [
    "a random port",
    { "bazel-remote": { http_address: "127.0.0.1:0" } },
    [
      "bazel-remote.http_address",
      '"127.0.0.1:0"',
      ADDRESS,
      "write 127.0.0.1:9090: port 0 is another port at every start",
    ],
  ],
  [
    "any interface",
    { "bazel-remote": { http_address: ":9090" } },
    [
      "bazel-remote.http_address",
      '":9090"',
      ADDRESS,
      "write 127.0.0.1:9090: without an address it listens on every interface",
    ],
  ],
  [
    "a network without authentication",
    { "bazel-remote": { http_address: "10.0.0.5:9090" } },
    [
      "bazel-remote.http_address",
      '"10.0.0.5:9090"',
      "a loopback address, or an address with authentication: whoever can write can poison builds",
      "write 127.0.0.1:9090, or add settings.htpasswd_file or settings.tls_ca_file",
    ],
  ],
  [
    "gRPC to a network with a password only",
    { "bazel-remote": { grpc_address: "10.0.0.5:9092", settings: { htpasswd_file: "/etc/h" } } },
    [
      "bazel-remote.grpc_address",
      '"10.0.0.5:9092"',
      "a loopback address, or an address with authentication: whoever can write can poison builds",
      "write 127.0.0.1:9092, or add settings.tls_ca_file (mutual TLS; moon knows no other way over gRPC)",
    ],
  ],
  ["maxTasks", { maxTasks: 2 }, ["maxTasks", "2", `no such key; there are ${HOST_KEYS}`, NO_MAX_TASKS]],
  [
    "maxTasks of moon",
    { moon: { maxTasks: 2 } },
    ["moon.maxTasks", "2", `no such key; there are ${MOON_KEYS}`, NO_MAX_TASKS],
  ],
  [
    "moon 1's key",
    { moon: { unstable_remote: {} } },
    [
      "moon.unstable_remote",
      "{}",
      `no such key; there are ${MOON_KEYS}`,
      "moon 2 refuses it, its key is `remote`; write moon.workspaces[].remote_block: true to have that block written",
    ],
  ],
  [
    "a slip of the finger",
    { scoep: "user" },
    ["scoep", '"user"', `no such key; there are ${HOST_KEYS}`, "write scope"],
  ],
  [
    "more active than there are",
    { agents: { total: 2, active: 3 } },
    ["agents.active", "3", "at most agents.total, which is 2 agents", "write 2, or raise agents.total"],
  ],
  [
    "one port twice",
    { "bazel-remote": { grpc_address: "127.0.0.1:4226" } },
    [
      "bazel-remote.grpc_address",
      '"127.0.0.1:4226"',
      "a port of its own; sccache.port has 4226 already",
      "write 4227, or another free port",
    ],
  ],
  [
    "an owned key in the pass-through",
    { "bazel-remote": { settings: { http_address: "127.0.0.1:1" } } },
    ["bazel-remote.settings.http_address", '"127.0.0.1:1"', SETTING, "write bazel-remote.http_address"],
  ],
  [
    "a key that bazel-remote would ignore",
    { "bazel-remote": { settings: { acess_log_level: "all" } } },
    ["bazel-remote.settings.acess_log_level", '"all"', SETTING, "write access_log_level"],
  ],
  [
    "a variable that bazel-remote would ignore",
    { "bazel-remote": { env: { BAZEL_REMOTE_MAX_SIZE: 5 } } },
    [
      "bazel-remote.env.BAZEL_REMOTE_MAX_SIZE",
      "5",
      VARIABLE,
      "write it below bazel-remote.settings: with a file bazel-remote ignores its variables",
    ],
  ],
  [
    "the S3 key of many guides, its value unseen",
    { sccache: { settings: { cache: { s3: { secret: "hush" } } } } },
    [
      "sccache.settings.cache.s3.secret",
      "(not shown)",
      SETTING,
      "sccache has no such key and would fail every compile; run `pulumi config set --secret s3AccessKeyId` and `... s3SecretAccessKey`",
    ],
  ],
  [
    "sccache's size by environment",
    { sccache: { env: { SCCACHE_CACHE_SIZE: "30GiB" } } },
    [
      "sccache.env.SCCACHE_CACHE_SIZE",
      '"30GiB"',
      VARIABLE,
      "write sccache.max_size (this variable replaces the whole [cache.disk] table, and `30GiB` in it silently means 10 GiB)",
    ],
  ],
  [
    "another wrapper",
    { cargo: { settings: { build: { "rustc-wrapper": "x" } } } },
    ["cargo.settings.build.rustc-wrapper", '"x"', SETTING, "remove it, or write sccache.enabled: false"],
  ],
  [
    "incremental",
    { cargo: { settings: { profile: { dev: { incremental: true } } } } },
    [
      "cargo.settings.profile.dev.incremental",
      "true",
      SETTING,
      "remove it: sccache does not cache incremental compilations",
    ],
  ],
  [
    "a home in shell's words",
    { sccache: { dir: "~/cache" } },
    [
      "sccache.dir",
      '"~/cache"',
      "a directory, absolute or relative to the home directory",
      "write it without ~/ or $HOME: a relative path starts at the home directory",
    ],
  ],
  [
    "one cache inside the other",
    { sccache: { dir: "/c/s" }, "bazel-remote": { dir: "/c" } },
    [
      "bazel-remote.dir",
      '"/c"',
      "a directory apart from sccache.dir, which is /c/s",
      "write another one: a stray file there stops bazel-remote's start",
    ],
  ],
  [
    "an option in place of a host",
    { reach: { kind: "ssh", host: "-oProxyCommand=x" } },
    [
      "reach.host",
      '"-oProxyCommand=x"',
      "a host name, address or alias of ~/.ssh/config: a name without spaces that does not begin with a dash",
      "write it alone; a user goes to reach.user, options to ~/.ssh/config",
    ],
  ],
  [
    "system scope without root",
    { scope: "system", reach: { kind: "ssh", host: "a" } },
    [
      "scope",
      '"system"',
      "user, or system with root on the host",
      "write reach.sudo: true, or reach.user: root",
    ],
  ],
  [
    "a system cache where systemd keeps none",
    { scope: "system", sccache: { dir: "/big/sccache" } },
    [
      "sccache.dir",
      '"/big/sccache"',
      "a directory below /var/cache/ in scope system",
      "write /var/cache/sccache (mount the larger volume there), or scope: user",
    ],
  ],
];

describe("parseStackConfig", () => {
  it("fills in every default", () => {
    const { hosts, proof } = parseStackConfig({ hosts: { this: {} } });
    expect(proof).toBe(true);
    expect(hosts.this).toEqual({
      reach: { kind: "local" },
      scope: "user",
      service: "auto",
      agents: { total: 1, active: 1 },
      purge: false,
      sccache: { enabled: true, port: 4226, settings: {}, env: {} },
      "bazel-remote": {
        enabled: true,
        storage_mode: "zstd",
        http_address: "127.0.0.1:9090",
        grpc_address: "127.0.0.1:9092",
        settings: {},
        env: {},
      },
      moon: { enabled: true, workspaces: [], cache: "read-write", compression: "none", env: {} },
      cargo: { enabled: true, config: "include", settings: {} },
      tools: { sccache: { kind: "auto" }, "bazel-remote": { kind: "auto" }, moon: { kind: "auto" } },
    });
  });

  it("reads sizes as bytes and environment values as text", () => {
    const { box } = parseStackConfig({
      hosts: {
        box: {
          sccache: { max_size: "30GiB", env: { SCCACHE_LOG: "debug" } },
          "bazel-remote": { max_size: 2 ** 31, env: { GOGC: 80 } },
        },
      },
    }).hosts;
    expect(box?.sccache.max_size).toBe(30 * 2 ** 30);
    expect(box?.["bazel-remote"].max_size).toBe(2 ** 31);
    expect(box?.["bazel-remote"].env).toEqual({ GOGC: "80" });
  });

  it.each(ONE_FAULT)("refuses %s", (_name, box, [path, got, wanted, next]) => {
    expect(report(box)).toBe(one(`hosts.box.${path}`, got, wanted, next));
  });

  it("reports every fault at once, in the order of the schema, rules between keys beside faults of keys", () => {
    const text = report(
      { agents: { total: 1, active: 2 }, sccache: { max_size: "1GB", port: "x" }, moon: { cache: "on" } },
      { s3: { kind: "existing", bucket: "b" }, hots: {} },
    );
    expect(text.split("\n").filter((line) => line.startsWith("  warmbox:"))).toEqual([
      "  warmbox:hosts.box.agents.active",
      "  warmbox:hosts.box.sccache.max_size",
      "  warmbox:hosts.box.sccache.port",
      "  warmbox:hosts.box.moon.cache",
      "  warmbox:s3.bucket",
      "  warmbox:s3.region",
      "  warmbox:hots",
    ]);
    expect(text).toMatch(/^7 faults in the stack's configuration; nothing was changed\.\n/);
  });

  it("wants a host", () => {
    expect(() => parseStackConfig({ hosts: {} })).toThrow(
      one("hosts", "{}", "at least one host", "write `this: {}` below warmbox:hosts for this machine"),
    );
    expect(() => parseStackConfig(undefined)).toThrow(
      one(
        "hosts",
        "nothing",
        "the hosts of this stack by name",
        "write `warmbox:hosts:` with `this: {}` below it for this machine",
      ),
    );
  });

  it("refuses one machine under two names", () => {
    expect(() => parseStackConfig({ hosts: { a: {}, b: {} } })).toThrow(
      one(
        "hosts.b.reach",
        "nothing",
        "another machine or user than hosts.a",
        "remove hosts.b, or give it another reach",
      ),
    );
  });

  it("keeps S3's keys out of the file", () => {
    expect(report({}, { s3: { kind: "embedded", secret_access_key: "hush" } })).toBe(
      one(
        "s3.secret_access_key",
        "(not shown)",
        "no such key; there are kind, host, port, dir, bucket, region, prefix",
        "keys are secrets: run `pulumi config set --secret s3SecretAccessKey`",
      ),
    );
  });

  it("gives the embedded S3 server a port of its own", () => {
    expect(report({}, { s3: { kind: "embedded", port: 9092 } })).toBe(
      one(
        "s3.port",
        "9092",
        "a port of its own; hosts.box.bazel-remote.grpc_address has 9092 already",
        "write 9093, or another free port",
      ),
    );
  });
});

describe("readStack", () => {
  it("reads its keys and no others", () => {
    const asked: string[] = [];
    const stack = readStack((key) => {
      asked.push(key);
      return key === "hosts" ? { this: {} } : undefined;
    });
    expect(asked).toEqual([...stackConfigKeys]);
    expect(Object.keys(stack.hosts)).toEqual(["this"]);
  });

  it("refuses a key that nobody reads", () => {
    const get = (key: string) => (key === "hosts" ? { this: {} } : "x");
    const present = ["hosts", "prof", "s3SecretAccessKey"];
    expect(() => readStack((key) => (present.includes(key) ? get(key) : undefined), present)).toThrow(
      one("prof", '"x"', "no such key; there are hosts, proof, s3, gcs", "write proof"),
    );
  });
});

describe("stack files of this project", () => {
  const dir = new URL("../../stacks/", import.meta.url);
  const files = readdirSync(dir).filter((name) => /^Pulumi\..*\.yaml$/.test(name));

  it("are there", () => {
    expect(files).toContain("Pulumi.local.yaml");
  });

  it.each(files)("%s is right", (file) => {
    const { config } = parse(readFileSync(new URL(file, dir), "utf8")) as { config: Record<string, unknown> };
    const present = Object.keys(config).map((key) => key.replace(/^warmbox:/, ""));
    expect(Object.keys(readStack((key) => config[`warmbox:${key}`], present).hosts).length).toBeGreaterThan(
      0,
    );
  });
});
