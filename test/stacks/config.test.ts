import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ConfigError, parseStackConfig, readStack, stackConfigKeys } from "../../stacks/config.ts";
import { parseStackText, stackFiles } from "../../stacks/stack-file.ts";

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
function one(path: string, got: string, expected: string, next: string): string {
  return `1 problem in the stack's configuration; nothing was changed.
  warmbox:${path}
    got:      ${got}
    expected: ${expected}
    next:     ${next}`;
}

/** For `toThrow`, which takes a text for a part of the message. */
const exactly = (message: string) => ({
  asymmetricMatch: (error: unknown) => (error as Error).message === message,
});

const CACHE_MODE = "one of off, read, read-write, write";
const SIZE = "a size in KiB, MiB, GiB or TiB of at least 64MiB";
const ADDRESS = "HOST:PORT with HOST an IP address of the host and PORT from 1024 to 65535";
const SETTING = "a setting that warmbox does not own";
const VARIABLE = "a variable that warmbox does not set itself";
const NO_SECRET =
  "nothing secret: the preview, the state and a file that every account can read would show it";
const BAZEL_REMOTE_SECRET =
  "remove it: bazel-remote takes it from this file alone; write htpasswd_file or tls_ca_file for its users, declare warmbox:s3 or warmbox:gcs for a store";
const HOST_KEYS = "reach, scope, service, agents, facts, purge, sccache, bazel-remote, moon, cargo, tools";
const MOON_KEYS = "enabled, workspaces, cache, compression, concurrency, env";
const NO_MAX_TASKS =
  "moon has no such setting in any version; write moon.concurrency (it becomes MOON_CONCURRENCY)";

/** Declared below host `box`, and the one fault that it must give: path below the host, got, expected, next. */
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
      "a size in KiB, MiB, GiB or TiB of at least 1GiB, a multiple of 1GiB",
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
      "a free port; sccache.port has 4226 already",
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
    "a purge of caches that systemd keeps",
    { scope: "system", purge: true },
    [
      "purge",
      "true",
      "false in scope system, where systemd makes the caches' directories and keeps them",
      "remove purge; after the destroy: sudo rm -r /var/cache/private/bazel-remote /var/cache/sccache",
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
  [
    "one cache inside the other's default",
    { sccache: { dir: ".cache/bazel-remote" } },
    [
      "bazel-remote.dir",
      "nothing",
      "a directory apart from sccache.dir, which is .cache/bazel-remote",
      "write another one: a stray file there stops bazel-remote's start",
    ],
  ],
  [
    "a cache around the other's default",
    { "bazel-remote": { dir: ".cache" } },
    [
      "bazel-remote.dir",
      '".cache"',
      "a directory apart from sccache.dir, which is .cache/sccache",
      "write another one: a stray file there stops bazel-remote's start",
    ],
  ],
  [
    "a cache in system scope around the other's default",
    { scope: "system", "bazel-remote": { dir: "/var/cache/sccache/br" } },
    [
      "bazel-remote.dir",
      '"/var/cache/sccache/br"',
      "a directory apart from sccache.dir, which is /var/cache/sccache",
      "write another one: a stray file there stops bazel-remote's start",
    ],
  ],
  [
    "an address that is none",
    { "bazel-remote": { http_address: "999.1.1.1:9090" } },
    [
      "bazel-remote.http_address",
      '"999.1.1.1:9090"',
      ADDRESS,
      "write 127.0.0.1:9090, or the IP address of one of the host's networks",
    ],
  ],
  [
    "a group without keys",
    { sccache: null },
    [
      "sccache",
      "null",
      "a group of keys",
      "indent its keys below it, one a line, or write {} for the default of each",
    ],
  ],
  [
    "a number for a name",
    { facts: { user: { name: 7 } } },
    ["facts.user.name", "7", "a user name", "write one line of text, in quotes where it looks like a number"],
  ],
  [
    "a password of bazel-remote's",
    { "bazel-remote": { settings: { ldap: { bind_password: "hush" } } } },
    ["bazel-remote.settings.ldap.bind_password", "(not shown)", NO_SECRET, BAZEL_REMOTE_SECRET],
  ],
  [
    "a key of another store",
    { "bazel-remote": { settings: { azblob_proxy: { shared_key: "hush" } } } },
    ["bazel-remote.settings.azblob_proxy.shared_key", "(not shown)", NO_SECRET, BAZEL_REMOTE_SECRET],
  ],
  [
    "a password in an address",
    { "bazel-remote": { settings: { http_proxy: { url: "https://me:hush@cache.lan" } } } },
    ["bazel-remote.settings.http_proxy.url", '"(not shown)"', NO_SECRET, BAZEL_REMOTE_SECRET],
  ],
  [
    "a token of sccache's",
    { sccache: { settings: { dist: { auth: { type: "token", token: "hush" } } } } },
    [
      "sccache.settings.dist.auth.token",
      "(not shown)",
      NO_SECRET,
      "remove it: sccache takes it from this file alone, and the file cannot be kept secret",
    ],
  ],
  [
    "a token of a registry",
    { cargo: { settings: { registries: { inner: { token: "hush" } } } } },
    [
      "cargo.settings.registries.inner.token",
      "(not shown)",
      NO_SECRET,
      "run `cargo login --registry NAME` on the host, which keeps it in its credentials.toml; a proxy's password goes into HTTPS_PROXY there",
    ],
  ],
  [
    "a secret in the environment",
    { "bazel-remote": { env: { MY_TOKEN: "hush" } } },
    ["bazel-remote.env.MY_TOKEN", "(not shown)", NO_SECRET, "remove it"],
  ],
  [
    "a variable that is not moon's",
    { moon: { env: { LD_PRELOAD: "/x.so" } } },
    ["moon.env.LD_PRELOAD", '"/x.so"', VARIABLE, "write names that begin with MOON_ or PROTO_ only"],
  ],
  [
    "a value that PAM would cut",
    { scope: "system", moon: { env: { MOON_X: "a # b" } } },
    [
      "moon.env.MOON_X",
      '"a # b"',
      "text without #, quotes, backslashes and blanks at its ends in scope system, where /etc/environment carries it",
      "write another value, or scope: user",
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
    expect(text).toMatch(/^7 problems in the stack's configuration; nothing was changed\.\n/);
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
        "no such key; there are kind, host, port, dir, max_size, bucket, region, prefix",
        "keys are secrets: run `pulumi config set --secret s3SecretAccessKey`",
      ),
    );
  });

  it("keeps the embedded S3 server's objects where systemd can give them to its user", () => {
    expect(report({ scope: "system" }, { s3: { kind: "embedded", dir: "/data/s3" } })).toBe(
      one(
        "s3.dir",
        '"/data/s3"',
        "a directory below /var/cache/ on a host in scope system, where the server has its own user",
        "write /var/cache/warmbox-s3 (mount the larger volume there), or scope: user",
      ),
    );
  });

  it("gives the embedded S3 server a separate port", () => {
    expect(report({}, { s3: { kind: "embedded", port: 9092 } })).toBe(
      one(
        "s3.port",
        "9092",
        "a free port; hosts.box.bazel-remote.grpc_address has 9092 already",
        "write 9093, or another free port",
      ),
    );
  });
});

describe("readStack, on Pulumi's own Config", () => {
  /** The configuration as the engine hands it over: scalars as text, the rest as JSON. */
  function read(config: Record<string, string>): { asked: string[]; read: () => unknown } {
    const asked: string[] = [];
    const named = Object.entries(config).map(([key, value]) => [`warmbox:${key}`, value]);
    pulumi.runtime.setAllConfig(Object.fromEntries(named));
    const own = new pulumi.Config("warmbox");
    const get = (key: string) => {
      asked.push(key);
      return own.get(key);
    };
    return { asked, read: () => readStack(get, Object.keys(config)) };
  }
  const KEYS =
    "no such key; there are extends, hosts, proof, s3, gcs and the secrets s3AccessKeyId, s3SecretAccessKey";

  it("reads its keys and no others, so that no secret is read", () => {
    const { asked, read: run } = read({ hosts: '{"this":{}}', proof: "false", s3SecretAccessKey: "hush" });
    expect(run()).toMatchObject({ hosts: { this: {} }, proof: false });
    expect(asked).toEqual([...stackConfigKeys]);
  });

  it.each([
    ["a flag", { proof: "no" }, one("proof", '"no"', "true or false", "write true or false, without quotes")],
    [
      "the hosts",
      { hosts: "this" },
      one(
        "hosts",
        '"this"',
        "the hosts of this stack by name",
        "write `warmbox:hosts:` with `this: {}` below it for this machine",
      ),
    ],
    ["a misspelt key", { prof: "false1" }, one("prof", "(not shown)", KEYS, "write proof")],
    [
      "a misspelt secret",
      { s3AccesKeyId: "hush" },
      one(
        "s3AccesKeyId",
        "(not shown)",
        KEYS,
        "run `pulumi config rm s3AccesKeyId` and `pulumi config set --secret s3AccessKeyId`",
      ),
    ],
    [
      "a strange key",
      { colour: "x" },
      one("colour", "(not shown)", KEYS, "remove it, or run `pulumi config rm colour`"),
    ],
  ])("text that is no JSON, in %s, is a fault like any other", (_name, config, expected) => {
    expect(read({ hosts: '{"this":{}}', ...(config as object) }).read).toThrow(exactly(expected));
  });

  it("reports them with all others", () => {
    const { read: run } = read({ hosts: '{"this":{"sccache":null}}', proof: "no", prof: "hush" });
    expect(run).toThrow(/^3 problems .*hosts\.this\.sccache\n.*warmbox:proof\n.*warmbox:prof\n/s);
    expect(run).not.toThrow(/hush/);
  });
});

describe("the example stacks", () => {
  const project = { stackDirectory: join(import.meta.dirname, "../../stacks") };

  it.each(["local", "s3", "fleet"])("%s is right", (name) => {
    const files = {
      ...stackFiles(project),
      read: (stack: string) => parseStackText(exampleText(stack), stack),
    };
    const raw = parseStackText(exampleText(name), name);
    const stack = readStack((key) => raw[key], Object.keys(raw), files, name);
    expect(Object.keys(stack.hosts).length).toBeGreaterThan(0);
  });

  const exampleText = (name: string) =>
    readFileSync(join(project.stackDirectory, "examples", `${name}.yaml`), "utf8");
});
