/**
 * Contract of the command plugin, driven over gRPC as the engine does. What is expected is what the released
 * plugin v1.2.1 answers (https://github.com/pulumi/pulumi-command), so that either can update the other's stack.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as PluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import type * as ProviderRpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as ProviderMessages from "@pulumi/pulumi/proto/provider_pb.js";
import type * as Structs from "google-protobuf/google/protobuf/struct_pb.js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Bag, secret, UNKNOWN_STRING } from "../../setup/plugins/command/values.ts";
import { call, clientOf, empty, grpc, type Running, startEngine, startPlugin } from "./plugin-process.ts";

const require = createRequire(import.meta.url);
const rpc = require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof ProviderRpc;
const messages = require("@pulumi/pulumi/proto/provider_pb.js") as typeof ProviderMessages;
const pluginMessages = require("@pulumi/pulumi/proto/plugin_pb.js") as typeof PluginMessages;
const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js") as typeof Structs;

const URN = "urn:pulumi:local::warmbox::warmbox:host:BuildHost$command:local:Command::box-sccache";
const OTHER_URN = "urn:pulumi:local::warmbox::command:remote:Command::box";

let plugin: Running;
let client: ProviderRpc.ResourceProviderClient;
let engine: Awaited<ReturnType<typeof startEngine>>;
let directory: string;

beforeAll(async () => {
  engine = await startEngine();
  plugin = await startPlugin("command-plugin.ts", ["--tracing", "http://nowhere", engine.address]);
  client = clientOf(rpc.ResourceProviderClient, plugin.address);
  directory = mkdtempSync(join(tmpdir(), "warmbox command plugin-"));
});

afterAll(async () => {
  client.close();
  await plugin.stop();
  engine.stop();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  engine.logged.length = 0;
});

const struct = (bag: Bag): Structs.Struct => Struct.fromJavaScript(bag);
const plain = (value: Structs.Struct | undefined): Bag => (value?.toJavaScript() ?? {}) as Bag;

async function check(
  news: Bag,
  urn = URN,
): Promise<{ inputs: Bag; failures: { property: string; reason: string }[] }> {
  const request = new messages.CheckRequest().setUrn(urn).setOlds(struct({})).setNews(struct(news));
  const response = await call<ProviderMessages.CheckResponse>(client, "check", request);
  const failures = response.getFailuresList().map((failure) => failure.toObject());
  return { inputs: plain(response.getInputs()), failures };
}

async function diff(olds: Bag, news: Bag, ignored: string[] = []): Promise<ProviderMessages.DiffResponse> {
  const request = new messages.DiffRequest()
    .setId("id")
    .setUrn(URN)
    .setOlds(struct(olds))
    .setNews(struct(news));
  return await call(client, "diff", request.setIgnorechangesList(ignored));
}

async function changes(olds: Bag, news: Bag, ignored: string[] = []): Promise<Record<string, string>> {
  const kinds = Object.entries(messages.PropertyDiff.Kind);
  const found: Record<string, string> = {};
  (await diff(olds, news, ignored)).getDetaileddiffMap().forEach((change, path) => {
    found[path] = kinds.find(([, value]) => value === change.getKind())?.[0] ?? "?";
  });
  return found;
}

async function create(properties: Bag, preview = false): Promise<{ id: string; properties: Bag }> {
  const request = new messages.CreateRequest()
    .setUrn(URN)
    .setProperties(struct(properties))
    .setPreview(preview);
  const response = await call<ProviderMessages.CreateResponse>(client, "create", request);
  return { id: response.getId(), properties: plain(response.getProperties()) };
}

async function update(olds: Bag, news: Bag, preview = false, ignored: string[] = []): Promise<Bag> {
  const request = new messages.UpdateRequest()
    .setId("id")
    .setUrn(URN)
    .setOlds(struct(olds))
    .setNews(struct(news));
  request.setPreview(preview).setIgnorechangesList(ignored);
  return plain((await call<ProviderMessages.UpdateResponse>(client, "update", request)).getProperties());
}

async function remove(properties: Bag): Promise<void> {
  await call(
    client,
    "delete",
    new messages.DeleteRequest().setId("id").setUrn(URN).setProperties(struct(properties)),
  );
}

const failure = async (work: Promise<unknown>): Promise<{ code: number; details: string }> =>
  await work.then(
    () => Promise.reject(new Error("it succeeded")),
    (error) => ({ code: error.code, details: error.details }),
  );

describe("start and configuration", () => {
  test("says which released plugin it replaces", async () => {
    const info = await call<PluginMessages.PluginInfo>(client, "getPluginInfo", empty());
    expect(info.getVersion()).toBe("1.2.1");
  });

  test("takes secrets, resources and outputs as they are, and is asked in previews", async () => {
    const request = new messages.ConfigureRequest()
      .setAcceptsecrets(true)
      .setArgs(struct({ version: "1.2.1" }));
    const response = await call<ProviderMessages.ConfigureResponse>(client, "configure", request);
    expect(response.toObject()).toMatchObject({
      acceptsecrets: true,
      supportspreview: true,
      acceptresources: true,
      acceptoutputs: true,
    });
  });

  test("the handshake agrees with what configure says", async () => {
    const request = new messages.ProviderHandshakeRequest().setEngineAddress(engine.address);
    const response = await call<ProviderMessages.ProviderHandshakeResponse>(client, "handshake", request);
    expect(response.toObject()).toMatchObject({
      acceptSecrets: true,
      acceptResources: true,
      acceptOutputs: true,
    });
  });

  test("attaches to another engine, whose log then gets the output", async () => {
    const other = await startEngine();
    await call(client, "attach", new pluginMessages.PluginAttach().setAddress(other.address));
    await call(client, "attach", new pluginMessages.PluginAttach().setAddress(engine.address));
    other.stop();
    await create({ create: "echo seen" });
    expect(engine.logged.map(({ message }) => message)).toEqual(["seen"]);
  });

  test.each(["checkConfig", "diffConfig"])(
    "%s is left to the engine, as there is no configuration",
    async (method) => {
      const request = method === "checkConfig" ? new messages.CheckRequest() : new messages.DiffRequest();
      expect((await failure(call(client, method, request))).code).toBe(grpc.status.UNIMPLEMENTED);
    },
  );

  test("has a schema with every input of local.Command", async () => {
    const response = await call<ProviderMessages.GetSchemaResponse>(
      client,
      "getSchema",
      new messages.GetSchemaRequest(),
    );
    const schema = JSON.parse(response.getSchema());
    expect(schema.name).toBe("command");
    expect(Object.keys(schema.resources["command:local:Command"].inputProperties).sort()).toEqual(
      "addPreviousOutputInEnv archivePaths assetPaths create delete dir environment interpreter logging stdin triggers update".split(
        " ",
      ),
    );
  });
});

describe("check", () => {
  test("fills in the one default and leaves out what is no input", async () => {
    expect(await check({ create: "x", nonsense: 1, update: null })).toEqual({
      inputs: { create: "x", addPreviousOutputInEnv: true },
      failures: [],
    });
  });

  test("passes secrets and unknowns on at their place", async () => {
    const news = {
      create: UNKNOWN_STRING,
      stdin: secret("s"),
      environment: { A: secret("a"), B: UNKNOWN_STRING },
      triggers: [secret(1), true, null],
      addPreviousOutputInEnv: false,
    };
    expect(await check(news)).toEqual({ inputs: news, failures: [] });
  });

  test.each([
    [
      { create: 1 },
      "create",
      "Field 'create' on 'local.CommandInputs' must be a 'string'; got 'float64' instead",
    ],
    [
      { stdin: secret(true) },
      "stdin",
      "Field 'stdin' on 'local.CommandInputs' must be a 'string'; got 'bool' instead",
    ],
    [
      { interpreter: "sh" },
      "interpreter",
      "Field 'interpreter' on 'local.CommandInputs' must be a '[]string'; got 'string' instead",
    ],
    [
      { interpreter: ["sh", 1] },
      "interpreter",
      "Field 'interpreter[1]' on 'local.CommandInputs' must be a 'string'; got 'float64' instead",
    ],
    [
      { environment: { A: 1 } },
      "environment",
      "Field 'environment[\"A\"]' on 'local.CommandInputs' must be a 'string'; got 'float64' instead",
    ],
    [
      { addPreviousOutputInEnv: "no" },
      "addPreviousOutputInEnv",
      "Field 'addPreviousOutputInEnv' on 'local.CommandInputs' must be a 'bool'; got 'string' instead",
    ],
  ] as [Bag, string, string][])("refuses %j", async (news, property, reason) => {
    expect((await check(news)).failures).toEqual([{ property, reason }]);
  });

  test.each(["assetPaths", "archivePaths"])("refuses %s, naming the way out", async (property) => {
    const { failures } = await check({ create: "x", [property]: ["*"] });
    expect(failures).toEqual([
      { property, reason: expect.stringContaining("needs the released command plugin v1.2.1") },
    ]);
  });

  test("refuses a resource that it does not serve", async () => {
    expect((await check({ create: "x" }, OTHER_URN)).failures[0]?.reason).toContain(
      "'command:remote:Command' needs the released",
    );
  });
});

describe("diff", () => {
  const olds: Bag = {
    create: "apply",
    stdin: "one\ntwo\n",
    environment: { A: "1", "b-c": "2" },
    interpreter: ["/bin/sh", "-s"],
    triggers: ["x", "y"],
    addPreviousOutputInEnv: true,
    stdout: "out",
    stderr: "",
  };
  const { stdout, stderr, ...news } = olds;

  test("nothing changed", async () => {
    const response = await diff(olds, news);
    expect(response.getChanges()).toBe(messages.DiffResponse.DiffChanges.DIFF_NONE);
    expect(response.getHasdetaileddiff()).toBe(true);
    expect(response.getDiffsList()).toEqual([]);
  });

  test.each([
    ["stdin", { ...news, stdin: "one\n2\n" }, { stdin: "UPDATE" }],
    ["a key of a map", { ...news, environment: { A: "2", "b-c": "2" } }, { "environment.A": "UPDATE" }],
    ["a key that needs quotes", { ...news, environment: { A: "1" } }, { 'environment["b-c"]': "DELETE" }],
    ["an added element", { ...news, interpreter: ["/bin/sh", "-s", "--"] }, { "interpreter[2]": "ADD" }],
    ["an added input", { ...news, delete: "remove" }, { delete: "ADD" }],
    ["a dropped input", { ...news, stdin: null }, { stdin: "DELETE" }],
    ["a value that became secret", { ...news, stdin: secret("one\ntwo\n") }, { stdin: "UPDATE" }],
    ["a value that is not known yet", { ...news, stdin: UNKNOWN_STRING }, { stdin: "UPDATE" }],
  ] as [string, Bag, Record<string, string>][])("%s is an update", async (_name, changed, expected) => {
    expect(await changes(olds, changed)).toEqual(expected);
    const response = await diff(olds, changed);
    expect(response.getChanges()).toBe(messages.DiffResponse.DiffChanges.DIFF_SOME);
    expect(response.getReplacesList()).toEqual([]);
    expect(response.getDeletebeforereplace()).toBe(false);
  });

  test.each([
    ["changed", { ...news, triggers: ["x", "z"] }, { "triggers[1]": "UPDATE_REPLACE" }],
    ["added", { ...news, triggers: ["x", "y", 1] }, { "triggers[2]": "ADD_REPLACE" }],
    ["dropped", { ...news, triggers: null }, { triggers: "DELETE_REPLACE" }],
  ] as [string, Bag, Record<string, string>][])(
    "a trigger that is %s replaces",
    async (_name, changed, expected) => {
      expect(await changes(olds, changed)).toEqual(expected);
      expect((await diff(olds, changed)).getReplacesList()).toEqual(Object.keys(expected));
    },
  );

  test("ignored inputs do not count", async () => {
    expect(await changes(olds, { ...news, stdin: "new", create: "b" }, ["stdin"])).toEqual({
      create: "UPDATE",
    });
  });
});

/**
 * What the released plugin was seen to do: its own repository keeps the calls and the state of an `up` that its upgrade
 * test replays (provider/pkg/provider/testdata/recorded/TestProviderUpgrade/stdin/0.11.1 of pulumi/pulumi-command:
 * Check returns the inputs as they came, Create an id of the name and eight hex digits and the inputs with both outputs,
 * and the engine keeps exactly that). The same calls here, with other values.
 */
describe("a stack of the released plugin, as its repository recorded one", () => {
  const urn = "urn:pulumi:dev::demo::command:local:Command::lines";
  const inputs: Bag = { addPreviousOutputInEnv: true, create: "tail -n 1", stdin: "one\ntwo\nlast of all" };
  const state: Bag = { ...inputs, stderr: "", stdout: "last of all" };

  test("check and create answer alike", async () => {
    expect(await check(inputs, urn)).toEqual({ inputs, failures: [] });
    const request = new messages.CreateRequest().setUrn(urn).setProperties(struct(inputs));
    const made = await call<ProviderMessages.CreateResponse>(client, "create", request);
    expect(made.getId()).toMatch(/^lines[0-9a-f]{8}$/);
    expect(plain(made.getProperties())).toEqual(state);
  });

  test("the engine's next check and diff find no difference, with what is new since then left out or null", async () => {
    const request = new messages.CheckRequest().setUrn(urn).setOlds(struct(inputs)).setNews(struct(inputs));
    const checked = await call<ProviderMessages.CheckResponse>(client, "check", request);
    expect(plain(checked.getInputs())).toEqual(inputs);
    expect(await changes(state, plain(checked.getInputs()))).toEqual({});
    expect(await changes({ ...state, environment: null, triggers: null }, inputs)).toEqual({});
    expect((await diff(state, inputs)).getReplacesList()).toEqual([]);
  });

  test("an update keeps what is not an input of the command", async () => {
    expect(await update(state, { ...inputs, stdin: "one\nnew last" })).toEqual({
      ...state,
      stdin: "one\nnew last",
      stdout: "new last",
    });
  });
});

describe("create", () => {
  test("runs the command and keeps its output without the last newline", async () => {
    const { id, properties } = await create({
      create: "printf 'a\\n\\n'; echo b >&2",
      addPreviousOutputInEnv: true,
    });
    expect(id).toMatch(/^box-sccache[0-9a-f]{8}$/);
    expect(properties).toEqual({
      create: "printf 'a\\n\\n'; echo b >&2",
      addPreviousOutputInEnv: true,
      stdout: "a\n",
      stderr: "b",
    });
  });

  test("gives the command its interpreter, stdin, environment and directory", async () => {
    const sub = join(directory, "sub");
    mkdirSync(sub);
    const { properties } = await create({
      interpreter: ["/bin/sh", "-s", "--", "first"],
      create: "second",
      stdin: 'echo "$1 $2 $NAME"; pwd\n',
      environment: { NAME: "value with blanks" },
      dir: sub,
    });
    expect(properties.stdout).toBe(`first second value with blanks\n${sub}`);
  });

  test("without stdin the command reads the end of input at once", async () => {
    expect((await create({ create: "cat; echo done", stdin: "" })).properties.stdout).toBe("done");
  });

  test("a command that does not read its input does not fail", async () => {
    expect((await create({ create: "exit 0", stdin: "x".repeat(1_000_000) })).properties.stdout).toBe("");
  });

  test("secrets stay secret at their place and reach the command in clear", async () => {
    const inputs = {
      create: 'cat; echo "$TOKEN"',
      stdin: secret("in\n"),
      environment: { TOKEN: secret("t0ken") },
    };
    const { properties } = await create(inputs);
    expect(properties).toEqual({ ...inputs, stdout: "in\nt0ken", stderr: "" });
  });

  test("a preview runs nothing; outputs are not known yet", async () => {
    const file = join(directory, "previewed");
    const inputs = { create: `touch '${file}'`, stdin: UNKNOWN_STRING };
    const { id, properties } = await create(inputs, true);
    expect(id).toMatch(/^box-sccache/);
    expect(properties).toEqual({ ...inputs, stdout: UNKNOWN_STRING, stderr: UNKNOWN_STRING });
    expect(existsSync(file)).toBe(false);
  });

  test("without a command there is nothing to run", async () => {
    expect((await create({ delete: "x" })).properties).toEqual({ delete: "x", stdout: "", stderr: "" });
  });

  test("the fallback plugin's own variables do not reach the command", async () => {
    expect((await create({ create: 'echo "[$NODE_COMPILE_CACHE]"' })).properties.stdout).toBe("[]");
  });
});

describe("update and delete", () => {
  const olds: Bag = { create: "c", stdout: "old out", stderr: "old err" };
  const show = 'echo "$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR"';

  test("runs update where there is one", async () => {
    expect((await update(olds, { create: "echo c", update: "echo u" })).stdout).toBe("u");
  });

  test("runs create again where there is no update", async () => {
    expect((await update(olds, { create: "echo c" })).stdout).toBe("c");
  });

  test("keeps the outputs where there is nothing to run", async () => {
    expect(await update(olds, { delete: "d" })).toEqual({
      delete: "d",
      stdout: "old out",
      stderr: "old err",
    });
  });

  test("the previous output is in the environment", async () => {
    expect((await update(olds, { create: show })).stdout).toBe("old out|old err");
    expect((await update({ ...olds, stdout: secret("hidden") }, { create: show })).stdout).toBe(
      "hidden|old err",
    );
  });

  test("unless addPreviousOutputInEnv is off", async () => {
    expect((await update(olds, { create: show, addPreviousOutputInEnv: false })).stdout).toBe("|");
  });

  test("a preview keeps outputs while no input changes, and does not know them otherwise", async () => {
    const same = { create: "c" };
    expect(await update(olds, same, true)).toEqual({ create: "c", stdout: "old out", stderr: "old err" });
    const changed = { create: "d" };
    expect(await update(olds, changed, true)).toEqual({
      create: "d",
      stdout: UNKNOWN_STRING,
      stderr: UNKNOWN_STRING,
    });
  });

  test("a preview with an input that is not known yet does not know the outputs", async () => {
    const { stdin, stdout } = await update(olds, { create: "c", stdin: UNKNOWN_STRING }, true);
    expect([stdin, stdout]).toEqual([UNKNOWN_STRING, UNKNOWN_STRING]);
  });

  test("ignored inputs keep their old value", async () => {
    expect(
      await update({ ...olds, create: "echo old" }, { create: "echo new" }, false, ["create"]),
    ).toMatchObject({
      create: "echo old",
      stdout: "old",
    });
  });

  test("delete runs the command of the state, with its stdin and output", async () => {
    const file = join(directory, "deleted");
    await remove({ delete: `{ cat; ${show}; } > '${file}'`, stdin: "in\n", stdout: "so", stderr: "se" });
    expect(readFileSync(file, "utf8")).toBe("in\nso|se\n");
  });

  test("delete without a command does nothing", async () => {
    await remove({ create: "exit 1" });
  });

  test("read returns its inputs", async () => {
    const request = new messages.ReadRequest().setId("id").setUrn(URN);
    request.setProperties(struct({ create: "c", stdout: secret("s") })).setInputs(struct({ create: "c" }));
    const response = await call<ProviderMessages.ReadResponse>(client, "read", request);
    expect(response.getId()).toBe("id");
    expect(plain(response.getProperties())).toEqual({ create: "c", stdout: secret("s") });
    expect(plain(response.getInputs())).toEqual({ create: "c" });
  });
});

describe("failures", () => {
  test.each([
    [
      { create: "echo out; echo err >&2; exit 3" },
      'exit status 3: running "echo out; echo err >&2; exit 3":\nout\nerr\n',
    ],
    [{ create: "kill -TERM $$" }, 'signal: terminated: running "kill -TERM $$":\n'],
    [
      { interpreter: ["/no/such"], create: 'a\t"b"\n' },
      'fork/exec /no/such: no such file or directory: running "a\\t\\"b\\"\\n":\n',
    ],
    [
      { interpreter: ["no-such-program"], create: "é\u0007" },
      'exec: "no-such-program": executable file not found in $PATH: running "é\\a":\n',
    ],
    [
      { dir: "/no/such/dir", create: "true" },
      'chdir /no/such/dir: no such file or directory: running "true":\n',
    ],
  ] as [Bag, string][])("%j", async (inputs, details) => {
    expect(await failure(create(inputs))).toEqual({ code: grpc.status.UNKNOWN, details });
    expect(await failure(update({ stdout: "", stderr: "" }, inputs))).toEqual({
      code: grpc.status.UNKNOWN,
      details,
    });
  });

  test("a failing delete is reported the same way", async () => {
    expect((await failure(remove({ delete: "exit 2" }))).details).toBe('exit status 2: running "exit 2":\n');
  });

  test("an environment that is too large is a failure, not a crash", async () => {
    const inputs = { create: "true", environment: { BIG: "x".repeat(3_000_000) } };
    expect((await failure(create(inputs))).details).toContain("fork/exec /bin/sh: argument list too long");
    expect((await create({ create: "echo alive" })).properties.stdout).toBe("alive");
  });
});

describe("logging", () => {
  const command = "echo out; sleep 0.1; echo err >&2";
  test.each([
    [undefined, ["out", "err"]],
    ["stdoutAndStderr", ["out", "err"]],
    ["stdout", ["out"]],
    ["stderr", ["err"]],
    ["none", []],
  ] as [string | undefined, string[]][])("%s", async (logging, lines) => {
    const { properties } = await create({ create: command, ...(logging === undefined ? {} : { logging }) });
    expect(properties).toMatchObject({ stdout: "out", stderr: "err" });
    expect(engine.logged).toEqual(
      lines.map((message) => ({ message, urn: URN, ephemeral: true, severity: 1 })),
    );
  });

  test("a line of any length passes, and the last one needs no newline", async () => {
    await create({ create: "head -c 300000 /dev/zero | tr '\\0' a; echo; printf end" });
    expect(engine.logged.map(({ message }) => message.length)).toEqual([300_000, 3]);
  });
});

describe("invoke", () => {
  test("command:local:run runs at once", async () => {
    const request = new messages.InvokeRequest().setTok("command:local:run");
    request.setArgs(struct({ command: "cat", stdin: "hello\n", logging: "none" }));
    const response = await call<ProviderMessages.InvokeResponse>(client, "invoke", request);
    expect(plain(response.getReturn())).toMatchObject({ command: "cat", stdout: "hello", stderr: "" });
  });

  test("any other function is refused", async () => {
    const request = new messages.InvokeRequest().setTok("command:remote:run").setArgs(struct({}));
    expect((await failure(call(client, "invoke", request))).details).toBe(
      "Invoke 'command:remote:run' not found",
    );
  });
});

describe("cancel", () => {
  const cancelling = async (command: string): Promise<{ first: string; next: string }> => {
    const own = await startPlugin("command-plugin.ts");
    const ownClient = clientOf(rpc.ResourceProviderClient, own.address);
    const request = new messages.CreateRequest().setUrn(URN).setProperties(struct({ create: command }));
    rmSync(join(directory, "started"), { force: true });
    const running = failure(call(ownClient, "create", request));
    await expect.poll(() => existsSync(join(directory, "started")), { timeout: 20_000 }).toBe(true);
    await call(ownClient, "cancel", empty());
    const first = (await running).details;
    const next = (await failure(call(ownClient, "create", request))).details;
    ownClient.close();
    await own.stop();
    return { first, next };
  };

  test("kills what runs, and nothing starts after it", async () => {
    const { first, next } = await cancelling(`echo begun; touch '${directory}/started'; exec sleep 300`);
    expect(first).toMatch(/^signal: killed: running "echo begun; .*":\nbegun\n$/);
    expect(next).toMatch(/^context canceled: running /);
  });

  test("does not wait for what the command itself started", async () => {
    const { first } = await cancelling(
      `sleep 300 & echo $! > '${directory}/pid'; touch '${directory}/started'; wait`,
    );
    expect(first).toMatch(/^signal: killed: /);
    // Throws unless it is still there: the answer came before its end.
    process.kill(Number(readFileSync(join(directory, "pid"), "utf8")));
  });
});

test("ends by itself when the engine that started it was killed", async () => {
  const script = join(directory, "parent.mjs");
  const entry = join(import.meta.dirname, "../../setup/plugins/command-plugin.ts");
  writeFileSync(
    script,
    `import { spawn } from "node:child_process";
const child = spawn(process.execPath, [${JSON.stringify(entry)}], { stdio: ["ignore", "pipe", "inherit"] });
child.stdout.once("data", () => { console.log(child.pid); process.kill(process.pid, "SIGKILL"); });\n`,
  );
  const { spawn } = await import("node:child_process");
  const parent = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (text) => resolve(Number(text))),
  );
  const alive = (): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  await expect.poll(alive, { timeout: 30_000, interval: 100 }).toBe(false);
});
