/** The plain-JavaScript part that runs before anything is installed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NODE_VERSION, removeStaged, runsTypeScript, withoutNpms } from "../../setup/node/bootstrap.mjs";
import { ensurePackages, packagesMatch } from "../../setup/node/packages.ts";
import { cacheDirectory, findOnPath, withLock } from "../../tools/base.mjs";

const SETUP = join(import.meta.dirname, "../../setup");
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "warmbox bootstrap-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, content: string, mode = 0o644): void => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
};

test.each([
  ["20.20.2", false],
  ["22.17.1", false],
  ["22.18.0", true],
  ["23.11.1", false],
  ["24.2.0", false],
  ["24.3.0", true],
  ["26.0.0", true],
])("Node %s runs TypeScript as it is: %s", (version, expected) => {
  expect(runsTypeScript(version)).toBe(expected);
});

test.each(["x64", "arm64"])("the Node that is brought is pinned with a checksum and no host (%s)", (arch) => {
  const { packages } = JSON.parse(readFileSync(join(SETUP, "node", arch, "package-lock.json"), "utf8"));
  const entry = packages[`node_modules/node-linux-${arch}`];
  expect(entry.version).toBe(NODE_VERSION);
  expect(entry.integrity).toMatch(/^sha512-/);
  expect(entry.resolved).toBeUndefined();
});

test("the cache follows XDG_CACHE_HOME where that is an absolute path", () => {
  expect(cacheDirectory({ HOME: "/h" })).toBe("/h/.cache/warmbox");
  expect(cacheDirectory({ HOME: "/h", XDG_CACHE_HOME: "/x" })).toBe("/x/warmbox");
  expect(cacheDirectory({ HOME: "/h", XDG_CACHE_HOME: "x" })).toBe("/h/.cache/warmbox");
});

test("what npm puts on PATH for its scripts is not taken for what is installed", () => {
  const npms = [
    "/p/node_modules/.bin",
    "/node_modules/.bin",
    "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin",
  ];
  expect(withoutNpms([...npms, "/usr/local/bin", "", "/usr/bin"].join(":"))).toEqual([
    "/usr/local/bin",
    "/usr/bin",
  ]);
});

test("a program is found on PATH only if it can be run", () => {
  write("a/tool", "", 0o644);
  write("b/tool", "", 0o755);
  expect(findOnPath("tool", `${root}/a:${root}/b`)).toBe(`${root}/b/tool`);
  expect(findOnPath("tool", `${root}/a`)).toBeUndefined();
});

test("the lock file names every platform's packages, as npm ci demands, and no host", () => {
  const { packages } = JSON.parse(readFileSync(join(SETUP, "../package-lock.json"), "utf8"));
  type Entry = { version?: string; resolved?: string; optionalDependencies?: Record<string, string> };
  for (const [path, entry] of Object.entries(packages as Record<string, Entry>)) {
    expect(entry.resolved, path).toBeUndefined();
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const found = packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
      expect(found, `${name} of ${path}`).toBeDefined();
      if (/^\d/.test(version)) expect(found.version, name).toBe(version);
    }
  }
});

test("what killed makers left is removed, and nothing else", () => {
  for (const name of ["24.1-x64.17/a", "24.1-x64.9999999/b", "24.1-x64/kept", "24.1-x64.tmp/kept"])
    write(name, "");
  removeStaged(join(root, "24.1-x64"));
  expect(readdirSync(root).sort()).toEqual(["24.1-x64", "24.1-x64.tmp"]);
});

test("a lock that cannot be taken is an error and no endless wait", async () => {
  const listen = vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server) {
    setImmediate(() => this.emit("error", Object.assign(new Error("EACCES"), { code: "EACCES" })));
    return this;
  });
  await expect(
    withLock(
      "key",
      async () => {},
      () => {},
    ),
  ).rejects.toThrow(/^the lock .* cannot be taken: EACCES$/);
  listen.mockRestore();
});

describe("packages", () => {
  const lock = (packages: object): string => JSON.stringify({ lockfileVersion: 3, packages });
  const wanted = {
    "": { name: "x" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b-darwin": { version: "1.0.0", integrity: "sha512-b", optional: true },
  };

  beforeEach(() => {
    write("package.json", "{}");
    write("package-lock.json", lock(wanted));
  });

  test.each([
    ["as locked, without the optional one", { "node_modules/a": wanted["node_modules/a"] }, true],
    ["another version", { "node_modules/a": { version: "1.0.1", integrity: "sha512-a" } }, false],
    ["another content", { "node_modules/a": { version: "1.0.0", integrity: "sha512-x" } }, false],
    ["one missing", {}, false],
  ])("an installation that has %s matches: %s", (_name, found, expected) => {
    write("node_modules/.package-lock.json", lock(found));
    expect(packagesMatch(root)).toBe(expected);
  });

  test("without an installation nothing matches", () => {
    expect(packagesMatch(root)).toBe(false);
  });

  /** A fake npm: writes what `npm ci` leaves, and how often it was called. */
  const fakeNpm = (behaviour = ""): string => {
    const record = JSON.stringify(lock({ "node_modules/a": wanted["node_modules/a"] }));
    write(
      "bin/npm",
      `#!/bin/sh\necho "$@" >> '${root}/calls'\n${behaviour}\nmkdir -p node_modules && printf '%s' ${record.replaceAll("'", "'\\''").replace(/^"|"$/g, "'").replaceAll('\\"', '"')} > node_modules/.package-lock.json\n`,
      0o755,
    );
    return `${root}/bin:${process.env.PATH}`;
  };
  const calls = (): number =>
    existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trim().split("\n").length : 0;

  test("are installed once, quietly and from the lock file", async () => {
    const path = fakeNpm();
    await ensurePackages(root, path);
    await ensurePackages(root, path);
    expect(calls()).toBe(1);
    expect(readFileSync(join(root, "calls"), "utf8")).toMatch(/^ci .*--no-audit.*--ignore-scripts/);
  });

  test("are installed again when the lock file changes", async () => {
    const path = fakeNpm();
    await ensurePackages(root, path);
    write("package-lock.json", lock({ ...wanted, "node_modules/c": { version: "1.0.0" } }));
    await ensurePackages(root, path);
    expect(calls()).toBe(2);
  });

  test("count as missing after an install that failed", async () => {
    await expect(ensurePackages(root, fakeNpm("echo registry is down >&2; exit 1"))).rejects.toThrow(
      /npm ci failed \(1\):\nregistry is down/,
    );
    await ensurePackages(root, fakeNpm());
    expect(calls()).toBe(2);
  });

  test("are not installed where they already are as locked", async () => {
    write("node_modules/.package-lock.json", lock({ "node_modules/a": wanted["node_modules/a"] }));
    await ensurePackages(root, fakeNpm());
    expect(calls()).toBe(0);
  });

  test("two runs at once install once; one that is killed leaves the other to go on", async () => {
    const path = fakeNpm("sleep 0.3");
    const script = `import { ensurePackages } from ${JSON.stringify(join(SETUP, "node/packages.ts"))}; await ensurePackages(${JSON.stringify(root)}, ${JSON.stringify(path)});`;
    const start = () => spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    const both = [start(), start()];
    const codes = await Promise.all(both.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual([0, 0]);
    expect(calls()).toBe(1);

    rmSync(join(root, "node_modules"), { recursive: true });
    const killed = start();
    await expect.poll(calls, { interval: 10 }).toBe(2);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    await ensurePackages(root, path);
    expect(packagesMatch(root)).toBe(true);
    expect(readdirSync(join(root, "node_modules"))).toContain(".warmbox-stamp");
  });
});

describe("run.mjs", () => {
  const run = async (...args: string[]): Promise<{ code: number; output: string }> => {
    const child = spawn(process.execPath, [join(SETUP, "run.mjs"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const [code] = await once(child, "close");
    return { code, output };
  };

  test.each([["--help"], ["-h"], []])("%s lists the commands", async (...args) => {
    const { code, output } = await run(...args.filter(Boolean));
    expect(code).toBe(0);
    expect(output).toMatch(/^ {2}up +Sets the hosts of a stack up/m);
  });

  test("names every npm script", async () => {
    const { scripts } = JSON.parse(readFileSync(join(SETUP, "../package.json"), "utf8"));
    const { output } = await run("--help");
    const names = Object.keys(scripts).filter((name) => scripts[name] === `node setup/run.mjs ${name}`);
    expect(names).toHaveLength(Object.keys(scripts).length - 1); // prepack is npm's own hook
    for (const name of names) expect(output).toMatch(new RegExp(`^ {2}${name} `, "m"));
  });

  test("an unknown command is one line", async () => {
    expect(await run("nonsense")).toEqual({
      code: 2,
      output: "warmbox: there is no command nonsense. Next: ./warmbox help\n",
    });
  });
});
