/** A stack that takes its hosts from another one, with real files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveExtends } from "../../stacks/extends.ts";
import { readStackFile, stackNames } from "../../stacks/stack-file.ts";

let project: { stackDirectory: string };

beforeEach(() => {
  project = { stackDirectory: mkdtempSync(join(tmpdir(), "warmbox-stacks-")) };
  mkdirSync(join(project.stackDirectory, "examples"));
});
afterEach(() => rmSync(project.stackDirectory, { recursive: true, force: true }));

const put = (file: string, text: string) => writeFileSync(join(project.stackDirectory, file), text);
const stack = (name: string, config: object) =>
  put(
    `Pulumi.${name}.yaml`,
    JSON.stringify({
      config: Object.fromEntries(Object.entries(config).map(([key, value]) => [`warmbox:${key}`, value])),
    }),
  );
const read = (name: string) => readStackFile(project, name);
const fails = (name: string, message: string | RegExp) => expect(() => read(name)).toThrow(message);

const HOSTS = { this: { agents: { total: 4, active: 2 }, sccache: { max_size: "30GiB" } } };

describe("what a stack extends", () => {
  it("S3 is one key more: the same stack as with everything written twice", () => {
    stack("local", { hosts: HOSTS, proof: false });
    stack("s3", { extends: "local", s3: { kind: "embedded" } });
    stack("full", { hosts: HOSTS, proof: false, s3: { kind: "embedded" } });
    const { extends: _name, ...rest } = read("s3");
    expect(rest).toEqual(read("full"));
  });

  it("groups are merged key by key; values, lists and kinds are replaced", () => {
    const workspaces = (...paths: string[]) => ({ workspaces: paths.map((path) => ({ path })) });
    stack("base", {
      hosts: {
        ...{ this: { ...HOSTS.this, moon: workspaces("a", "b") } },
        other: { reach: { kind: "ssh", host: "h", user: "u", port: 22 } },
      },
      s3: { kind: "endpoint", url: "https://s3", bucket: "builds" },
    });
    stack("top", {
      extends: "base",
      hosts: {
        this: { sccache: { max_size: "5GiB" }, moon: workspaces("c") },
        other: { reach: { kind: "ssh", host: "h2" } },
      },
      s3: { kind: "embedded" },
    });
    const top = read("top");
    expect(top.hosts.this?.agents).toEqual({ total: 4, active: 2 });
    expect(top.hosts.this?.sccache.max_size).toBe(5 * 2 ** 30);
    expect(top.hosts.this?.moon.workspaces.map(({ path }) => path)).toEqual(["c"]);
    expect(top.hosts.other?.reach).toMatchObject({ kind: "ssh", host: "h2" });
    expect(top.hosts.other?.reach).not.toHaveProperty("port");
    expect(top.s3?.kind).toBe("embedded");
  });

  it("a stack's own store replaces the base's store of another kind", () => {
    stack("s3", { hosts: { this: {} }, s3: { kind: "embedded" } });
    stack("gcs", { extends: "s3", gcs: { bucket: "builds" } });
    expect(read("gcs").s3).toBeUndefined();
  });

  it("through several files", () => {
    stack("a", { hosts: HOSTS });
    stack("b", { extends: "a", proof: false });
    stack("c", { extends: "b", s3: { kind: "embedded" } });
    expect(read("c")).toMatchObject({ proof: false, s3: { kind: "embedded" } });
    expect(read("c").hosts.this?.agents.total).toBe(4);
  });

  it("secrets are not taken over, and those of the other stack are no fault", () => {
    put(
      "Pulumi.local.yaml",
      "encryptionsalt: v1:x\nconfig:\n  warmbox:hosts: {this: {}}\n  warmbox:s3AccessKeyId: {secure: v1:y}\n",
    );
    stack("s3", { extends: "local", s3: { kind: "embedded" } });
    expect(Object.keys(read("s3").hosts)).toEqual(["this"]);
  });

  it("an example replaces a stack that has no file yet", () => {
    put("examples/local.yaml", "config:\n  warmbox:hosts: {this: {}}\n");
    stack("s3", { extends: "local", s3: { kind: "embedded" } });
    expect(Object.keys(read("s3").hosts)).toEqual(["this"]);
    expect(stackNames(project)).toEqual(["local", "s3"]);
  });
});

describe("what it cannot extend", () => {
  it.each([
    ["a stack without a file", "locl"],
    ["a path", "../local"],
    ["a name of every object", "constructor"],
    ["the prototype", "__proto__"],
    ["a number", 1],
    ["a group", { local: true }],
  ])("%s", (_name, value) => {
    stack("local", { hosts: { this: {} } });
    stack("top", { extends: value });
    fails(
      "top",
      `1 problem in the stack's configuration; nothing was changed.\n  warmbox:extends\n    got:      ${JSON.stringify(value)}\n    expected: the name of a stack with a file: local\n    next:     write one of those names, or remove the key`,
    );
  });

  it("itself, or another one in a circle", () => {
    stack("a", { extends: "a" });
    fails("a", "warmbox:extends\n    got:      a → a\n    expected: stacks that do not extend each other");
    stack("b", { extends: "c" });
    stack("c", { extends: "d" });
    stack("d", { extends: "b" });
    fails("b", "got:      b → c → d → b");
  });

  it("a missing file further down, which is named", () => {
    stack("a", { extends: "b", hosts: { this: {} } });
    stack("b", { extends: "lost" });
    fails("a", 'warmbox:extends in stack b\n    got:      "lost"');
  });

  it("settings that only their own stack can decrypt", () => {
    stack("base", { hosts: { this: { moon: { env: { MOON_X: { secure: "v1:a" } } } } } });
    stack("top", { extends: "base" });
    fails("top", "warmbox:hosts.this.moon.env.MOON_X in stack base\n    got:      (not shown)");
  });

  it("a host named __proto__ is refused as a host, and changes no other", () => {
    stack("base", { hosts: { this: {} } });
    put(
      "Pulumi.top.yaml",
      'config:\n  warmbox:extends: base\n  warmbox:hosts: {"__proto__": {agents: {total: 9}}}\n',
    );
    fails("top", "warmbox:hosts.__proto__\n");
    expect(({} as { agents?: unknown }).agents).toBeUndefined();
  });

  it("a host of the S3 server is a host's own name, not one of every object", () => {
    stack("a", { hosts: { this: {} }, s3: { kind: "embedded", host: "constructor" } });
    fails("a", "warmbox:s3.host");
  });
});

describe("a stack file that is not YAML", () => {
  it.each([
    ["a tab", "config:\n\twarmbox:proof: true\n", /Pulumi\.x\.yaml:2:1: .*Next: edit that line/s],
    ["a key twice", "config:\n  a: 1\n  a: 2\n", /Pulumi\.x\.yaml:3:3: Map keys must be unique/],
    ["a list of settings", "config: [1]\n", /config: expected keys such as warmbox:hosts/],
  ])("%s is reported with file and line", (_name, text, message) => {
    put("Pulumi.x.yaml", text);
    fails("x", message);
  });

  it("anchors are read as Pulumi reads them", () => {
    put(
      "Pulumi.x.yaml",
      "shared: &shared {agents: {total: 8, active: 2}}\nconfig:\n  hosts:\n    this: {<<: *shared}\n",
    );
    expect(read("x").hosts.this?.agents.total).toBe(8);
  });
});

it("resolving changes neither stack", () => {
  const base = Object.freeze({ hosts: Object.freeze({ a: Object.freeze({}) }) });
  const own = Object.freeze({ extends: "base", hosts: Object.freeze({ b: {} }) });
  const { raw } = resolveExtends(own, { names: () => ["base"], read: () => base });
  expect(raw).toEqual({ extends: "base", hosts: { a: {}, b: {} } });
});
