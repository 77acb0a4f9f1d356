/** The layer between `./warmbox up` and Pulumi: which CLI, which stack, which passphrase, which flags. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closingLine } from "../../setup/dev/plain-reporter.ts";
import { demandPrograms } from "../../setup/dev/prerequisites.ts";
import { ensureCommandPlugin } from "../../setup/plugins/install.ts";
import { shellWords } from "../../setup/plugins/language/options.ts";
import { installLauncher, isLauncher, launcherText } from "../../setup/plugins/launcher.ts";
import { findPulumi, type PulumiCli } from "../../setup/pulumi/cli.ts";
import { downloadCli } from "../../setup/pulumi/cli-obtain.ts";
import { passphraseVariables } from "../../setup/pulumi/passphrase.ts";
import { withoutQuestions } from "../../setup/pulumi/run.ts";
import { chosenStack, ensureStack, namedStack } from "../../setup/pulumi/stack.ts";
import { PULUMI_VERSION } from "../../setup/pulumi/versions.ts";
import { type Project, readProject, spelledFolder } from "../../stacks/project.ts";
import { selectedStack } from "../../stacks/selected-stack.ts";
import { isOlder } from "../../stacks/versions.ts";
import { isReachable, isWorthAsking, rememberUnreachable } from "../../tools/reachable.ts";

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "warmbox engine-"));
  env = { HOME: join(root, "home"), PATH: join(root, "bin"), WARMBOX_OFFLINE: "1" };
  vi.stubEnv("WARMBOX_OFFLINE", "1");
  vi.stubEnv("XDG_CACHE_HOME", join(root, "cache"));
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, content: string, mode = 0o644): string {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  chmodSync(full, mode);
  return full;
}
const program = (path: string, body: string): string => put(path, `#!/bin/sh\n${body}\n`, 0o755);
const told = (): string =>
  vi
    .mocked(process.stderr.write)
    .mock.calls.map(([text]) => String(text))
    .join("");

describe("questions", () => {
  test.each([
    [["up"], ["up", "--yes", "--non-interactive"]],
    [
      ["preview", "--diff"],
      ["preview", "--diff", "--non-interactive"],
    ],
    [
      ["destroy", "--stack", "s3"],
      ["destroy", "--stack", "s3", "--yes", "--non-interactive"],
    ],
    [
      ["up", "-y"],
      ["up", "-y", "--non-interactive"],
    ],
    [
      ["up", "--yes=false"],
      ["up", "--yes=false", "--non-interactive"],
    ],
    [
      ["refresh", "--preview-only"],
      ["refresh", "--preview-only", "--non-interactive"],
    ],
    [
      ["up", "--help"],
      ["up", "--help"],
    ],
    [
      ["config", "set", "a", "--", "-b"],
      ["config", "set", "a", "--non-interactive", "--", "-b"],
    ],
    [[], []],
  ])("without a terminal %j becomes %j", (args, expected) => {
    expect(withoutQuestions(args, false)).toEqual(expected);
  });

  test("on a terminal nothing is added", () => {
    expect(withoutQuestions(["up"], true)).toEqual(["up"]);
  });
});

describe("stack", () => {
  test.each([
    [["--stack", "a"], "a"],
    [["--diff", "--stack=a"], "a"],
    [["-s", "a"], "a"],
    [["-sa"], "a"],
    [["--", "--stack", "a"], undefined],
    [["--show-sames"], undefined],
  ] as [string[], string | undefined][])("named by %j: %s", (args, expected) => {
    expect(namedStack(args)).toBe(expected);
  });

  const ensure = (
    project: Project,
    cli: PulumiCli,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ): void => {
    const chosen = chosenStack(project, args, env);
    if (chosen !== undefined) ensureStack(project, cli, command, chosen, env);
  };
  const project = () => {
    put(
      "project/Pulumi.yaml",
      "name: demo\nruntime:\n  name: nodejs\nstackConfigDir: stacks\nbackend:\n  # here\n  url: file://~\n",
    );
    return readProject(join(root, "project"), env);
  };
  /** A CLI that only records its calls. */
  const cli = () => ({
    path: program("bin/pulumi", `echo "$@" >> '${root}/calls'`),
    version: PULUMI_VERSION,
    origin: "installed" as const,
  });
  const calls = (): string[] =>
    existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trim().split("\n") : [];
  const inBackend = (name: string) => put(`home/.pulumi/stacks/demo/${name}.json`, "{}");
  const select = (content: object) => {
    const hash = createHash("sha1").update(join(root, "project/Pulumi.yaml")).digest("hex");
    put(`home/.pulumi/workspaces/demo-${hash}-workspace.json`, JSON.stringify(content));
  };

  test("Pulumi.yaml is read for name, stack files and backend; PULUMI_BACKEND_URL wins", () => {
    expect(project()).toMatchObject({
      name: "demo",
      stackDirectory: join(root, "project/stacks"),
      backend: "file://~",
    });
    expect(readProject(join(root, "project"), { ...env, PULUMI_BACKEND_URL: "s3://b" }).backend).toBe(
      "s3://b",
    );
    expect(readProject(join(import.meta.dirname, "../.."), env)).toMatchObject({
      name: "warmbox",
      backend: "file://~",
    });
  });

  test.each([
    ["a flow mapping", "backend: {url: 's3://b?region=x'} # shared\n", "s3://b?region=x"],
    ["quotes and a comment", 'backend:\n  # where\n  url: "file://~"   # state\n', "file://~"],
    ["no backend", "", ""],
    ["an empty one", "backend:\n", ""],
  ])("the backend is read from YAML in any form: %s", (_form, text, backend) => {
    put("yaml/Pulumi.yaml", `name: demo\nruntime: nodejs\n${text}`);
    expect(readProject(join(root, "yaml"), env).backend).toBe(backend);
  });

  test("a Pulumi.yaml that is none is one clear error", () => {
    put("yaml/Pulumi.yaml", "name: [demo\n");
    expect(() => readProject(join(root, "yaml"), env)).toThrow(
      /Pulumi\.yaml cannot be read as a Pulumi project:/,
    );
    put("yaml/Pulumi.yaml", "backend: s3://b\n");
    expect(() => readProject(join(root, "yaml"), env)).toThrow(/expected object.*\n.*at backend/);
  });

  test("the selected one is read where Pulumi notes it", () => {
    expect(selectedStack(project(), env)).toBeUndefined();
    select({ stacks: { "file://~": "organization/demo/s3", "s3://b": "organization/demo/other" } });
    expect(selectedStack(project(), env)).toBe("s3");
    select({ stack: "old" });
    expect(selectedStack(project(), env)).toBe("old");
  });

  test("a clone reached by a symbolic link keeps the stack that was selected, by either path", () => {
    const real = project().root;
    const link = join(root, "link");
    symlinkSync(real, link);
    expect(spelledFolder(real, { PWD: link })).toBe(link);
    expect(spelledFolder(real, { PWD: root })).toBe(real);
    expect(spelledFolder(real, { PWD: join(root, "gone") })).toBe(real);
    inBackend("s3");
    select({ stack: "s3" }); // under the folder's own path
    ensure({ ...project(), root: link }, cli(), "up", [], env);
    expect(calls()).toEqual(["stack select s3 --non-interactive"]); // so that Pulumi knows it under the link's too
  });

  test("with none selected, local is made and selected", () => {
    ensure(project(), cli(), "up", [], env);
    expect(calls()).toEqual(["stack init local --non-interactive"]);
    expect(told()).toBe("warmbox: made the stack local in file://~\n");
  });

  test("with none selected and local there, it is selected", () => {
    inBackend("local");
    ensure(project(), cli(), "up", [], env);
    expect(calls()).toEqual(["stack select local --non-interactive"]);
  });

  test("a named one with a file is made, without being selected", () => {
    put("project/stacks/Pulumi.s3.yaml", "config: {}\n");
    ensure(project(), cli(), "preview", ["--stack", "s3"], env);
    expect(calls()).toEqual(["stack init s3 --no-select --non-interactive"]);
  });

  test("one without a file gets the example of its name, also if only the backend has it", () => {
    put("project/stacks/examples/local.yaml", "# example\nconfig: {}\n");
    inBackend("local");
    ensure(project(), cli(), "up", ["--stack", "local"], env);
    expect(readFileSync(join(root, "project/stacks/Pulumi.local.yaml"), "utf8")).toBe(
      "# example\nconfig: {}\n",
    );
    expect(told()).toBe(
      "warmbox: made stacks/Pulumi.local.yaml from stacks/examples/local.yaml; it is yours to edit\n",
    );
    put("project/stacks/Pulumi.local.yaml", "# mine\n");
    ensure(project(), cli(), "up", ["--stack", "local"], env);
    expect(readFileSync(join(root, "project/stacks/Pulumi.local.yaml"), "utf8")).toBe("# mine\n");
  });

  test("one that is there costs no call of the CLI", () => {
    inBackend("s3");
    ensure(project(), cli(), "up", ["--stack", "s3"], env);
    select({ stacks: { "file://~": "organization/demo/s3" } });
    ensure(project(), cli(), "up", [], env);
    expect(calls()).toEqual([]);
  });

  test("a named one that is nowhere is an error that lists what there is", () => {
    put("project/stacks/Pulumi.s3.yaml", "config: {}\n");
    expect(() => ensure(project(), cli(), "up", ["--stack", "s4"], env)).toThrow(
      `there is no stack s4: neither in file://~ nor as ${root}/project/stacks/Pulumi.s4.yaml. Next: name one that has a file: s3`,
    );
  });

  test("destroy makes no stack", () => {
    expect(() => ensure(project(), cli(), "destroy", [], env)).toThrow(
      "there is no stack local in file://~: nothing to destroy",
    );
    expect(calls()).toEqual([]);
  });

  test("another backend is asked through the CLI", () => {
    const asked = {
      ...cli(),
      path: program("bin/pulumi", `echo "$@" >> '${root}/calls'; echo '[{"name":"org/demo/s3"}]'`),
    };
    ensure({ ...project(), backend: "s3://b" }, asked, "up", ["--stack", "s3"], env);
    expect(calls()).toEqual(["stack ls --json --non-interactive"]);
  });

  describe("passphrase", () => {
    const file = () => join(root, "home/.config/warmbox/passphrase");

    test("is made once, for this user only, and said in a line", () => {
      expect(passphraseVariables(project(), env)).toEqual({ PULUMI_CONFIG_PASSPHRASE_FILE: file() });
      const made = readFileSync(file(), "utf8");
      expect(made).toMatch(/^[\w-]{43}\n$/);
      expect(statSync(file()).mode & 0o777).toBe(0o600);
      expect(told()).toContain(`made a passphrase for the secrets in Pulumi's state: ${file()}`);
      passphraseVariables(project(), env);
      expect(readFileSync(file(), "utf8")).toBe(made);
    });

    test.each([{ PULUMI_CONFIG_PASSPHRASE: "" }, { PULUMI_CONFIG_PASSPHRASE_FILE: "/f" }])(
      "the user's own wins: %j",
      (own) => {
        expect(passphraseVariables(project(), { ...env, ...own })).toEqual({});
        expect(existsSync(file())).toBe(false);
      },
    );

    test("is never made again for a stack that is encrypted already", () => {
      const stack = put("project/stacks/Pulumi.team.yaml", "encryptionsalt: v1:abc\n");
      expect(() => passphraseVariables(project(), env)).toThrow(
        `${stack} is encrypted with a passphrase that is not here. Next: set PULUMI_CONFIG_PASSPHRASE`,
      );
      expect(existsSync(file())).toBe(false);
    });
  });
});

describe("CLI", () => {
  test.each([
    ["3.259.0", "3.259.0", false],
    ["v3.260.1", "3.259.0", false],
    ["4.0.0", "3.259.0", false],
    ["3.258.9", "3.259.0", true],
    ["", "3.259.0", true],
    ["dev", "3.259.0", true],
    ["3.259.0-alpha.1", "3.259.0", true],
    ["3.260.0-alpha.1", "3.259.0", false],
    ["1.26", "1.25.11", false],
    ["1.25.11-4", "1.25.11", false],
  ])("%s is older than %s: %s", (version, bound, expected) => {
    expect(isOlder(version, bound, true)).toBe(expected);
  });

  test("an installed one with its language host is used, and asked for its version once", async () => {
    const path = program("bin/pulumi", `echo asked >> '${root}/asked'; echo v3.300.0`);
    program("bin/pulumi-language-nodejs", "");
    for (let time = 0; time < 2; time++) {
      expect(await findPulumi(env)).toEqual({ path, version: "3.300.0", origin: "installed" });
    }
    expect(readFileSync(join(root, "asked"), "utf8")).toBe("asked\n");
  });

  test("one that Pulumi's installer put into its home is found without PATH", async () => {
    const path = program("home/.pulumi/bin/pulumi", "echo v3.300.0");
    program("home/.pulumi/bin/pulumi-language-nodejs", "");
    expect(await findPulumi(env)).toMatchObject({ path, origin: "installed" });
  });

  test("one that the npm package downloaded is found, a newer version too, and the package itself is not started", async () => {
    const wrapper = program("lib/node_modules/pulumi/run.js", `touch '${root}/started'`);
    mkdirSync(join(root, "bin"));
    symlinkSync(wrapper, join(root, "bin/pulumi"));
    for (const version of ["3.100.0", "3.265.0", "3.301.0"]) {
      program(`home/.pulumi/versions/${version}/bin/pulumi`, `echo v${version}`);
      program(`home/.pulumi/versions/${version}/bin/pulumi-language-nodejs`, "");
    }
    expect(await findPulumi(env)).toMatchObject({ version: "3.301.0", origin: "installed" });
    expect(await findPulumi({ ...env, PULUMI_VERSION: "3.265.0" })).toMatchObject({ version: "3.265.0" });
    expect(existsSync(join(root, "started"))).toBe(false);
    expect(told()).toBe("");
  });

  test.each([
    ["an old one", "echo v3.100.0", true, "it is 3.100.0, warmbox needs 3.259.0 or newer"],
    ["one without its language host", "echo v3.300.0", false, "there is no pulumi-language-nodejs beside it"],
    ["one that does not run", "exit 1", true, "it is of no known version, warmbox needs 3.259.0 or newer"],
  ])(
    "%s is passed over with the reason; WARMBOX_TOOLS_DIR may hold a build",
    async (_name, body, host, reason) => {
      const passed = program("bin/pulumi", body);
      if (host) program("bin/pulumi-language-nodejs", "");
      const extra = program(`tools/pulumi/${PULUMI_VERSION}/pulumi`, "echo build");
      const found = await findPulumi({ ...env, WARMBOX_TOOLS_DIR: join(root, "tools") });
      const home = join(root, "home/.cache/warmbox/tools/pulumi", PULUMI_VERSION);
      expect(found).toEqual({ path: join(home, "pulumi"), version: PULUMI_VERSION, origin: "built" });
      expect(told()).toBe(`warmbox: ${passed} is not used: ${reason}\n`);
      expect(readFileSync(found.path)).toEqual(readFileSync(extra));
      expect(isLauncher(join(home, "pulumi-language-nodejs"))).toBe(true);
    },
  );
});

describe("Pulumi's release", () => {
  const name = `pulumi-v${PULUMI_VERSION}-linux-${process.arch}.tar.gz`;
  let server: Server;
  let host: string;
  let requests: string[];

  /** A host with one release; `sum` is what it publishes as the archive's checksum. */
  const publish = async (sum?: string): Promise<void> => {
    program("release/pulumi/pulumi", "echo release");
    program("release/pulumi/pulumi-language-nodejs", "echo host");
    execFileSync("tar", ["-czf", join(root, name), "-C", join(root, "release"), "pulumi"]);
    const archive = readFileSync(join(root, name));
    const published = sum ?? createHash("sha256").update(archive).digest("hex");
    const files: Record<string, string | Buffer> = {
      "/": "",
      [`/releases/sdk/${name}`]: archive,
      [`/pulumi/pulumi/releases/download/v${PULUMI_VERSION}/pulumi-${PULUMI_VERSION}-checksums.txt`]: `${"0".repeat(64)}  other.tar.gz\n${published}  ${name}\n`,
    };
    requests = [];
    server = createServer(({ method, url = "" }, response) => {
      requests.push(`${method} ${url}`);
      response.writeHead(url in files ? 200 : 404).end(method === "HEAD" ? undefined : files[url]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    vi.stubEnv("WARMBOX_OFFLINE", "");
  };
  const download = async (): Promise<boolean> => {
    mkdirSync(join(root, "here"), { recursive: true });
    return await downloadCli(join(root, "here"), { archives: host, checksums: host });
  };

  afterEach(() => server.close());

  test("is unpacked when its checksum is the published one", async () => {
    await publish();
    expect(await download()).toBe(true);
    expect(readdirSync(join(root, "here")).sort()).toEqual(["pulumi", "pulumi-language-nodejs"]);
  });

  test("is refused with another checksum, and not asked for again for hours", async () => {
    await publish("f".repeat(64));
    expect(await download()).toBe(false);
    expect(existsSync(join(root, "here/pulumi"))).toBe(false);
    expect(told()).toMatch(/not downloaded \(pulumi-v.* has sha256 [0-9a-f]{64}, published is f{64}\)/);
    const asked = requests.length;
    expect(await download()).toBe(false);
    expect(requests.length).toBe(asked);
    expect(isWorthAsking(host)).toBe(true); // the plugin may still be had there
  });

  test("is asked for through the user's proxy", async () => {
    await publish();
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(200).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("http_proxy", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv("no_proxy", "");
    vi.stubEnv("NO_PROXY", "");
    expect(await isReachable("http://releases.invalid")).toBe(true);
    expect(asked).toEqual(["HEAD http://releases.invalid/"]);
    proxy.close();
  });

  test("a host that does not answer is remembered", async () => {
    await publish();
    server.close();
    server.closeAllConnections();
    expect(await download()).toBe(false);
    expect(isWorthAsking(host)).toBe(false);
  });

  test("the command plugin is installed by the CLI where the host answers, over a fallback plugin too", async () => {
    await publish();
    const place = join(root, "home/.pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command");
    installLauncher(place, "command-plugin.ts");
    const path = program("cli", `echo "$@" > '${root}/calls'; echo released > '${place}'`);
    const cli = { path, version: PULUMI_VERSION, origin: "released" as const };
    expect(await ensureCommandPlugin(cli, env, host)).toBe("released");
    expect(readFileSync(join(root, "calls"), "utf8")).toBe(
      "plugin install resource command v1.2.1 --reinstall\n",
    );
    expect(readFileSync(place, "utf8")).toBe("released\n");
  });

  test("where the CLI cannot install it, the fallback plugin is used", async () => {
    await publish();
    const cli = { path: program("cli", "exit 1"), version: PULUMI_VERSION, origin: "released" as const };
    expect(await ensureCommandPlugin(cli, env, host)).toBe("fallback");
    expect(told()).toContain("not downloaded, warmbox's fallback plugin is used");
  });
});

test("programs that are missing are named together, each with the next step", () => {
  program("bin/git", "");
  expect(() => demandPrograms(["git", "cc", "go"], join(root, "bin"))).toThrow(
    "this machine lacks cc, go:\n  cc is not on PATH; it is needed for linking sccache and Rust test builds. Next: install gcc or clang (Debian: build-essential)\n  go is not on PATH; it is needed for building bazel-remote and Pulumi. Next: install Go 1.25.11 or newer, https://go.dev/dl/",
  );
});

describe("fallback plugins", () => {
  const cli = { path: "/no/pulumi", version: PULUMI_VERSION, origin: "built" as const };
  const place = () => join(root, "home/.pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command");

  test("the command plugin's is put where the engine looks for the released one", async () => {
    expect(await ensureCommandPlugin(cli, env)).toBe("fallback");
    expect(statSync(place()).mode & 0o111).toBe(0o111);
    const before = statSync(place()).mtimeMs;
    expect(await ensureCommandPlugin(cli, env)).toBe("fallback");
    expect(statSync(place()).mtimeMs).toBe(before);
  });

  test("the released one is left as it is", async () => {
    put("home/.pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command", "released", 0o755);
    expect(await ensureCommandPlugin(cli, env)).toBe("released");
    expect(readFileSync(place(), "utf8")).toBe("released");
  });

  test("nothing is installed beside one on PATH", async () => {
    program("bin/pulumi-resource-command", "");
    expect(await ensureCommandPlugin(cli, env)).toBe("released");
    expect(existsSync(place())).toBe(false);
  });

  test("a launcher runs under sh with any path, passes its arguments, and says what to do when its folder is gone", () => {
    const target = put('it\'s a "folder"/program.mjs', "console.log(process.argv.slice(2).join('|'))");
    const launcher = put("launcher", launcherText(target), 0o755);
    expect(execFileSync(launcher, ["a b", "c"], { encoding: "utf8" })).toBe("a b|c\n");
    rmSync(target);
    expect(() => execFileSync(launcher, { encoding: "utf8", stdio: "pipe" })).toThrow(
      /program.mjs is gone; next: run '.\/warmbox up' .*pulumi plugin install resource command 1\.2\.1 --reinstall/,
    );
  });

  test("a launcher whose Node is gone says so; one that runs in another checkout runs that one's program", () => {
    const target = put("one/program.mjs", "console.log('one')");
    const gone = put("gone", launcherText(target, "/no/such/node"), 0o755);
    expect(() => execFileSync(gone, { stdio: "pipe" })).toThrow(/\/no\/such\/node is gone; next: run/);
    put("two/setup/plugins/program.mjs", "console.log('two')");
    const launcher = put("launcher", launcherText(target), 0o755);
    const run = (cwd: string) => execFileSync(launcher, { cwd: join(root, cwd), encoding: "utf8" });
    expect(run("two")).toBe("one\n"); // no checkout of warmbox
    put("two/setup/plugins/launcher.ts", "");
    expect(run("two")).toBe("two\n");
  });

  test("a launcher of an earlier version, whose program has moved since, is rewritten by the next run", async () => {
    const former = readFileSync(join(import.meta.dirname, "fixtures/former-launcher.txt"), "utf8");
    put("home/.pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command", former, 0o755);
    expect(await ensureCommandPlugin(cli, env)).toBe("fallback");
    const program = join(import.meta.dirname, "../../setup/plugins/command-plugin.ts");
    expect(existsSync(program)).toBe(true);
    expect(readFileSync(place(), "utf8")).toContain(program);
  });

  test("a launcher of this version is one that version 0.1 rewrites for its own program", () => {
    expect(launcherText("/program.ts").split("\n")[1]).toMatch(/^# warmbox stand-in/);
  });

  test("a launcher of another folder is replaced", () => {
    const path = put("p/pulumi-language-nodejs", launcherText("/elsewhere.ts"), 0o755);
    installLauncher(path, "language-host.ts");
    expect(readFileSync(path, "utf8")).toContain(
      join(import.meta.dirname, "../../setup/plugins/language-host.ts"),
    );
  });
});

test("a host that could not be reached is left alone for six hours", () => {
  vi.stubEnv("WARMBOX_OFFLINE", "");
  const hour = 3_600_000;
  expect(isWorthAsking("https://a", 10 * hour)).toBe(true);
  rememberUnreachable("https://a", 10 * hour);
  expect(isWorthAsking("https://a", 15 * hour)).toBe(false);
  expect(isWorthAsking("https://b", 15 * hour)).toBe(true);
  expect(isWorthAsking("https://a", 17 * hour)).toBe(true);
  vi.stubEnv("WARMBOX_OFFLINE", "1");
  expect(isWorthAsking("https://b", 17 * hour)).toBe(false);
});

test.each([
  ["", []],
  ["--a  --b=1", ["--a", "--b=1"]],
  [`--a="b c" 'd "e' f\\ g ""`, ["--a=b c", 'd "e', "f g", ""]],
  [`--title="a \\"b\\" \\\\" $x *.ts |`, ['--title=a "b" \\', "$x", "*.ts", "|"]],
])("shell words of %j", (line, words) => {
  expect(shellWords(line)).toEqual(words);
});

test("a quote that is not closed is an error", () => {
  expect(() => shellWords(`a "b c`)).toThrow(`nodeargs option has an unclosed " in "a \\"b c"`);
});

test("the closing line names skipped tests only when there are any", () => {
  expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
  expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
});
