/** Contract of the Node.js language host, driven over gRPC as the engine does; programs run under a small runner of this file. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type * as LanguageRpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type * as LanguageMessages from "@pulumi/pulumi/proto/language_pb.js";
import type * as PluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as Structs from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bag } from "../../setup/plugins/command/values.ts";
import { PULUMI_VERSION } from "../../setup/pulumi/versions.ts";
import { call, clientOf, empty, type Running, startPlugin } from "./plugin-process.ts";

const require = createRequire(import.meta.url);
const rpc = require("@pulumi/pulumi/proto/language_grpc_pb.js") as typeof LanguageRpc;
const messages = require("@pulumi/pulumi/proto/language_pb.js") as typeof LanguageMessages;
const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js") as typeof Structs;

const ENGINE = "127.0.0.1:1";
let directory: string;
let runner: string;
let host: Running;
let client: LanguageRpc.LanguageRuntimeClient;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "warmbox language host-")));
  runner = join(directory, "runner.cjs");
  // In place of the SDK's cmd/run: the program is one line of JavaScript.
  writeFileSync(runner, "eval(process.argv.at(-1));\n");
  writeProject(directory);
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    npm_config_loglevel: "notice", // an `npm --silent test` hands its own down
    PULUMI_LANGUAGE_NODEJS_RUN_PATH: runner,
  };
  host = await startPlugin("language-host.ts", [ENGINE], { env });
  client = clientOf(rpc.LanguageRuntimeClient, host.address);
});

afterAll(async () => {
  client.close();
  await host.stop();
  rmSync(directory, { recursive: true, force: true });
});

function writeProject(root: string): void {
  const write = (path: string, content: object): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(content));
  };
  write("package.json", {
    dependencies: { "@pulumi/command": "1.2.1", plain: "1.0.0" },
    devDependencies: { "@acme/cloud": "2.0.0" },
  });
  write("node_modules/@pulumi/command/package.json", {
    name: "@pulumi/command",
    version: "1.2.1",
    pulumi: { resource: true, name: "command", version: "1.2.1" },
  });
  write("node_modules/plain/package.json", { name: "plain", version: "1.0.0" });
  write("node_modules/@acme/cloud/package.json", {
    name: "@acme/cloud",
    version: "2.0.0",
    pulumi: { resource: true, name: "acme", server: "https://acme.example" },
  });
  write("node_modules/@pulumi/deep/package.json", {
    name: "@pulumi/deep",
    version: "3.0.0",
    pulumi: { resource: true },
  });
  write("package-lock.json", {
    packages: {
      "": { version: "0.0.0" },
      "node_modules/plain": { version: "1.0.0" },
      "node_modules/plain/node_modules/@acme/inner": { version: "0.1.0" },
    },
  });
}

function programInfo(options: Bag = {}, root = directory): LanguageMessages.ProgramInfo {
  return new messages.ProgramInfo()
    .setRootDirectory(root)
    .setProgramDirectory(root)
    .setEntryPoint(".")
    .setOptions(Struct.fromJavaScript(options));
}

async function run(
  program: string,
  {
    options = {},
    root = directory,
    edit = () => {},
  }: { options?: Bag; root?: string; edit?: (request: LanguageMessages.RunRequest) => void } = {},
): Promise<{ error: string; bail: boolean }> {
  const request = new messages.RunRequest()
    .setMonitorAddress("127.0.0.1:2")
    .setProject("warmbox")
    .setStack("local")
    .setOrganization("organization")
    .setParallel(8)
    .setInfo(programInfo(options, root).setEntryPoint("index.ts"))
    .setArgsList([program]);
  edit(request);
  const response = await call<LanguageMessages.RunResponse>(client, "run", request);
  return { error: response.getError(), bail: response.getBail() };
}

const WELL = { error: "", bail: false };
const printed = async (expression: string, settings: Parameters<typeof run>[1] = {}): Promise<string> => {
  const before = host.output().length;
  expect(await run(`console.log("<" + ${expression} + ">")`, settings)).toEqual(WELL);
  await expect.poll(() => host.output().slice(before)).toContain(">\n");
  return host.output().slice(before).trim().slice(1, -1);
};

describe("what the engine asks before a program runs", () => {
  test("its version is the CLI's", async () => {
    const info = await call<PluginMessages.PluginInfo>(client, "getPluginInfo", empty());
    expect(info.getVersion()).toBe(PULUMI_VERSION);
  });

  test("plugins of the packages that the project names", async () => {
    const request = new messages.GetRequiredPackagesRequest().setInfo(programInfo());
    const response = await call<LanguageMessages.GetRequiredPackagesResponse>(
      client,
      "getRequiredPackages",
      request,
    );
    expect(
      response
        .getPackagesList()
        .map((item) => [item.getName(), item.getKind(), item.getVersion(), item.getServer()]),
    ).toEqual([
      ["acme", "resource", "v2.0.0", "https://acme.example"],
      ["command", "resource", "v1.2.1", ""],
    ]);
  });

  test.each([
    [
      false,
      [
        ["@acme/cloud", "2.0.0"],
        ["@pulumi/command", "1.2.1"],
        ["plain", "1.0.0"],
      ],
    ],
    [
      true,
      [
        ["plain", "1.0.0"],
        ["@acme/inner", "0.1.0"],
      ],
    ],
  ] as [boolean, string[][]][])("dependencies for about, transitive: %s", async (transitive, expected) => {
    const request = new messages.GetProgramDependenciesRequest()
      .setInfo(programInfo())
      .setTransitivedependencies(transitive);
    const response = await call<LanguageMessages.GetProgramDependenciesResponse>(
      client,
      "getProgramDependencies",
      request,
    );
    expect(response.getDependenciesList().map((item) => [item.getName(), item.getVersion()])).toEqual(
      expected,
    );
  });

  test("about names the Node it runs programs with", async () => {
    const request = new messages.AboutRequest().setInfo(programInfo({ packagemanager: "npm" }));
    const response = await call<LanguageMessages.AboutResponse>(client, "about", request);
    expect(response.getExecutable()).toBe(process.execPath);
    expect(response.getVersion()).toBe(process.version);
    expect(response.getMetadataMap().get("packagemanager")).toBe("npm");
    expect(response.getMetadataMap().get("packagemanagerVersion")).toMatch(/^\d+\./);
  });

  test("has no prompts, no template, and no second way to ask for plugins", async () => {
    const prompts = new messages.RuntimeOptionsRequest().setInfo(programInfo());
    expect(
      (
        await call<LanguageMessages.RuntimeOptionsResponse>(client, "runtimeOptionsPrompts", prompts)
      ).getPromptsList(),
    ).toEqual([]);
    await call(client, "template", new messages.TemplateRequest());
    await expect(
      call(client, "getRequiredPlugins", new messages.GetRequiredPluginsRequest()),
    ).rejects.toMatchObject({ code: 12 });
  });

  test("install runs the package manager and passes its output on", async () => {
    const root = join(directory, "install me");
    mkdirSync(root);
    writeFileSync(join(root, "package.json"), "{}");
    const request = new messages.InstallDependenciesRequest().setInfo(
      programInfo({ packagemanager: "npm" }, root),
    );
    const output = await new Promise<string>((resolve, reject) => {
      let text = "";
      const stream = client.installDependencies(request);
      stream.on("data", (message: LanguageMessages.InstallDependenciesResponse) => {
        text += Buffer.from(message.getStdout_asU8()).toString();
      });
      stream.on("error", reject);
      stream.on("end", () => resolve(text));
    });
    expect(output).toMatch(
      /^Installing dependencies\.\.\.\n\n[\s\S]*(up to date|added)[\s\S]*Finished installing dependencies\n\n$/,
    );
  });
});

describe("run", () => {
  test("starts the runner with what the engine says, in the released host's order", async () => {
    const program = "JSON.stringify(process.argv.slice(2, -1))";
    const args = JSON.parse(await printed(program, { edit: (request) => request.setDryrun(true) }));
    expect(args).toEqual([
      ...[
        "--monitor",
        "127.0.0.1:2",
        "--engine",
        ENGINE,
        "--organization",
        "organization",
        "--project",
        "warmbox",
      ],
      ...[
        "--root-directory",
        directory,
        "--stack",
        "local",
        "--pwd",
        directory,
        "--dry-run",
        "--parallel",
        "8",
      ],
      "index.ts",
    ]);
  });

  test("a handshake names another engine", async () => {
    await call(client, "handshake", new messages.LanguageHandshakeRequest().setEngineAddress("127.0.0.1:3"));
    expect(await printed("process.argv.join(' ')")).toContain(" --engine 127.0.0.1:3 ");
    await call(client, "handshake", new messages.LanguageHandshakeRequest().setEngineAddress(ENGINE));
  });

  test("hands over the config in the SDK's spelling, with the names of the secret keys", async () => {
    const edit = (request: LanguageMessages.RunRequest): void => {
      request.getConfigMap().set("warmbox:hosts", '{"a":1}').set("aws:config:region", "x");
      request.setConfigsecretkeysList(["warmbox:hosts"]);
    };
    expect(JSON.parse(await printed("process.env.PULUMI_CONFIG", { edit }))).toEqual({
      "warmbox:config:hosts": '{"a":1}',
      "aws:config:region": "x",
    });
    expect(await printed("process.env.PULUMI_CONFIG_SECRET_KEYS", { edit })).toBe('["warmbox:hosts"]');
    expect(await printed("process.env.PULUMI_CONFIG")).toBe("{}");
  });

  test("runtime options reach the program", async () => {
    const shown =
      "[process.env.PULUMI_NODEJS_TYPESCRIPT, process.env.PULUMI_NODEJS_TSCONFIG_PATH, process.title].join()";
    expect(await printed(shown)).toMatch(/^true,,/);
    const options = { typescript: false, tsconfig: "a b.json", nodeargs: `--title="my program"` };
    expect(await printed(shown, { options })).toBe(",a b.json,my program");
  });

  test.each([
    [{ typescript: "yes" }, "typescript option must be a boolean"],
    [{ tsconfig: 1 }, "tsconfigpath option must be a string"],
    [{ nodeargs: 1 }, "nodeargs option must be a string"],
    [{ nodeargs: "--title='x" }, "nodeargs option has an unclosed ' in \"--title='x\""],
    [
      { packagemanager: "cargo" },
      'packagemanager option must be one of auto, npm, yarn, pnpm or bun, got "cargo"',
    ],
  ] as [Bag, string][])("wrong option %j is an error", async (options, error) => {
    expect(await run("0", { options })).toEqual({ error, bail: false });
  });

  test("what the program prints reaches the engine by stdout and stderr, whole and before the answer", async () => {
    const before = host.output().length;
    await run(
      "process.stdout.write('o'.repeat(200000) + 'O\\n'); process.stderr.write('e'.repeat(200000) + 'E\\n')",
    );
    await expect.poll(() => host.output().length - before).toBe(400_004);
  });

  test("exit code 32 says that the error is reported already: the engine stops without a message", async () => {
    expect(await run("process.exit(32)")).toEqual({ error: "", bail: true });
  });

  test.each([
    ["process.exit(3)", "Program exited with non-zero exit code: 3"],
    ["process.kill(process.pid, 'SIGKILL')", "Program exited with non-zero exit code: -1 (SIGKILL)"],
  ])("%s is an error", async (program, error) => {
    expect(await run(program)).toEqual({ error, bail: false });
  });

  test("a full heap is recognised, with the option that helps", async () => {
    const program =
      "console.error('FATAL ERROR: Reached heap limit JavaScript heap out of memory'); process.exit(134)";
    const { error } = await run(program);
    expect(error).toContain("non-zero exit code: 134. Detected a possible out of memory error");
    expect(error).toContain("nodeargs: --max-old-space-size=<size>");
  });
});

test("a project without the SDK is asked to install it", async () => {
  const own = await startPlugin("language-host.ts", [ENGINE]);
  const ownClient = clientOf(rpc.LanguageRuntimeClient, own.address);
  const request = new messages.RunRequest().setInfo(programInfo());
  const response = await call<LanguageMessages.RunResponse>(ownClient, "run", request);
  expect(response.getError()).toBe(
    "It looks like the Pulumi SDK has not been installed. Have you run pulumi install?",
  );
  ownClient.close();
  await own.stop();
});

test("cancel interrupts the program", async () => {
  const env = { ...process.env, PULUMI_LANGUAGE_NODEJS_RUN_PATH: runner };
  const own = await startPlugin("language-host.ts", [ENGINE], { env });
  const ownClient = clientOf(rpc.LanguageRuntimeClient, own.address);
  const program =
    "process.on('SIGINT', () => process.exit(32)); setInterval(() => {}, 1000); console.log('begun')";
  const request = new messages.RunRequest().setInfo(programInfo()).setArgsList([program]);
  const running = call<LanguageMessages.RunResponse>(ownClient, "run", request);
  await expect.poll(() => own.output(), { timeout: 20_000 }).toContain("begun");
  await call(ownClient, "cancel", empty());
  expect((await running).getBail()).toBe(true);
  ownClient.close();
  await own.stop();
});
