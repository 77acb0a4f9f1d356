import { copyFile, readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { program } from "../../render/lib/program.ts";
import { type MoonWrapper, moonWrapper } from "../../render/moon/moon-wrapper.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { run, start } from "../support/process.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../tools.ts";
import { type Home, makeHome, SHELLS } from "./box.ts";
import { withShell } from "./sccache.ts";

const LIMIT_MS = 180_000;

interface MoonBox extends Home {
  readonly front: string;
  readonly workspace: string;
  readonly http: number;
  /** Starts bazel-remote. */
  serve(): ReturnType<typeof daemon>;
  /** Runs the one task through the wrapper. */
  moon(words?: string[], env?: Record<string, string>): ReturnType<typeof run>;
}

interface MoonBoxOptions {
  readonly shell?: readonly string[];
  /** More of bazel-remote's configuration. */
  readonly config?: (home: Home) => Promise<string>;
  readonly wrapper?: Partial<MoonWrapper>;
}

/** A real bazel-remote, a real moon with the wrapper, and a workspace with one task. */
async function moonBox(task: string, options: MoonBoxOptions = {}): Promise<MoonBox> {
  const home = await makeHome();
  const [http, grpc] = [await freePort(), await freePort()];
  const httpGetPath = await home.file("bin/http-get", program("http-get"), 0o755);
  const moonPath = await toolPath("moon");
  const bazelRemote = await toolPath("bazel-remote");
  const remoteHost = `grpc://127.0.0.1:${grpc}`;
  const asked = { moonPath, httpGetPath, httpAddress: `127.0.0.1:${http}`, remoteHost, store: false };
  const text = moonWrapper({ ...asked, ...options.wrapper });
  const front = await home.file("bin/moon", withShell(text, options.shell), 0o755);
  const workspace = `${home.dir}/ws`;
  await home.file("ws/.moon/workspace.yml", 'projects:\n  w: "."\ntelemetry: false\n');
  await home.file(
    "ws/moon.yml",
    'toolchains:\n  default: "system"\ntasks:\n  t:\n    command: "sh make.sh"\n    inputs: ["make.sh"]\n',
  );
  await home.file("ws/make.sh", task);
  const env = { ...home.env, MOON_REMOTE_HOST: remoteHost, MOON_TELEMETRY: "false" };
  const git = "git init -q -b master . && git add -A && git -c user.name=a -c user.email=a@b commit -qm all";
  await run(["sh", "-c", git], { env, cwd: workspace });
  const more = await options.config?.(home);
  const config = `dir: ${home.dir}/bazel\nmax_size: 1\nhttp_address: 127.0.0.1:${http}\ngrpc_address: 127.0.0.1:${grpc}\n`;
  const file = await home.file("bazel-remote.yaml", config + (more ?? ""));
  const serve = () => daemon([bazelRemote, "--config_file", file], http, env);
  const moon = (words: string[] = [], extra = {}) =>
    run([front, "run", "w:t", ...words], { env: { ...env, ...extra }, cwd: workspace });
  return { ...home, env, front, workspace, http, serve, moon };
}

/** Tells which remote cache it runs with. */
const TELL = 'echo "remote=[$MOON_REMOTE_HOST]" >seen\n';
const seen = (box: MoonBox) => readFile(`${box.workspace}/seen`, "utf8");

test("with a server that answers it is moon", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  await box.serve();
  const result = await box.moon();
  expect(result).toMatchObject({ code: 0 });
  expect(result.stderr).not.toContain("warmbox");
  expect((await run([box.front, "--version"], { env: box.env })).stdout).toMatch(/^moon \d/);
  expect((await run([box.front, "run", "w:nothing"], { env: box.env, cwd: box.workspace })).code).not.toBe(0);
});

test.each(SHELLS)("a stopped server is left out, under %s", { timeout: LIMIT_MS }, async (_name, shell) => {
  const box = await moonBox(TELL, { shell });
  (await box.serve()).kill("SIGSTOP");
  const result = await box.moon();
  expect(result).toMatchObject({ code: 0 });
  expect(result.stderr).toContain("does not answer; going on without the remote cache");
  expect(await seen(box)).toBe("remote=[]\n");
});

/** A question every second, each with a second for its answer. */
const QUICK = { tickSeconds: 1, answerSeconds: 1 };
const HALF_DONE = "echo run >>runs; sleep 2\n";
const started = (box: MoonBox) =>
  until(
    "the task runs",
    async () => (await readFile(`${box.workspace}/runs`, "utf8").catch(() => "")) !== "",
  );

test.each(SHELLS)(
  "a server that stops in the middle of a run does not keep moon for ever, under %s",
  {
    timeout: LIMIT_MS,
  },
  async (_name, shell) => {
    const box = await moonBox(HALF_DONE, { shell, wrapper: QUICK });
    const server = await box.serve();
    const moon = box.moon();
    await started(box);
    server.kill("SIGSTOP");
    const result = await moon;
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain("stopped answering; once more without the remote cache");
  },
);

test("moon by npm, a script that waits for the real one, leaves nothing behind either", {
  timeout: LIMIT_MS,
}, async () => {
  const made = await makeHome();
  const real = `${made.dir}/real-moon`;
  await copyFile(await toolPath("moon"), real);
  const shim = await made.file(
    "npm-moon",
    `#!${process.execPath}\nprocess.exitCode = require("child_process").spawnSync(${JSON.stringify(real)}, process.argv.slice(2), { stdio: "inherit" }).status ?? 1;\n`,
    0o755,
  );
  const box = await moonBox(HALF_DONE, { wrapper: { ...QUICK, moonPath: shim } });
  const server = await box.serve();
  const moon = box.moon();
  await started(box);
  server.kill("SIGSTOP");
  expect(await moon).toMatchObject({ code: 0 });
  expect(await processes(real)).toEqual([]);
});

test.each(["SIGTERM", "SIGHUP"] as const)(
  "%s to the front alone ends moon and its task",
  {
    timeout: LIMIT_MS,
  },
  async (signal) => {
    const made = await makeHome();
    const real = `${made.dir}/real-moon`;
    await copyFile(await toolPath("moon"), real);
    const box = await moonBox("echo run >>runs; exec sleep 77\n", { wrapper: { moonPath: real } });
    await box.serve();
    const moon = start([box.front, "run", "w:t"], { env: box.env, cwd: box.workspace });
    await started(box);
    await until(
      "the wrapper has sent moon's process id to its watcher",
      async () => (await processes(real)).length > 0,
    );
    moon.child.kill(signal);
    await until("moon is gone", async () => (await processes(real)).length === 0);
    await moon.done; // its output is closed: the task is gone as well
  },
);

/** Process ids whose program is the file. */
async function processes(file: string): Promise<string[]> {
  const result = await run([
    "sh",
    "-c",
    `for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" = "$1" ] && echo $p; done`,
    "sh",
    file,
  ]);
  return result.stdout.split("\n").filter((line) => line !== "");
}

test("moon itself handles a port on which no process listens", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  const result = await box.moon();
  expect(result).toMatchObject({ code: 0 });
  expect(result.stderr).not.toContain("warmbox");
});

test("without MOON_REMOTE_HOST it is moon, and no server is asked", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  (await box.serve()).kill("SIGSTOP"); // a question to it would be answered with a warning
  const result = await run([box.front, "--version"], { env: { ...box.env, MOON_REMOTE_HOST: "" } });
  expect(result).toMatchObject({ code: 0, stderr: "" });
});

describe("an answer is an answer", () => {
  const key = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  const withTls = async ({ dir }: Home) => {
    const files = ["-keyout", `${dir}/key.pem`, "-out", `${dir}/cert.pem`];
    expect((await run(["openssl", ...key, ...files])).code).toBe(0);
    return `tls_cert_file: ${dir}/cert.pem\ntls_key_file: ${dir}/key.pem\n`;
  };
  const withPassword = async (home: Home) => {
    const file = await home.file("htpasswd", "ci:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n");
    return `htpasswd_file: ${file}\n`;
  };

  test.each([
    ["TLS", withTls, true],
    ["a password", withPassword, false],
  ])(
    "from a server that wants %s; its silence is silence",
    { timeout: LIMIT_MS },
    async (_what, config, store) => {
      const box = await moonBox(TELL, { config, wrapper: { store, answerSeconds: 3 } });
      const server = await box.serve();
      const result = await box.moon();
      expect(result).toMatchObject({ code: 0 });
      expect(result.stderr).not.toContain("warmbox:");
      expect(await seen(box)).toBe(`remote=[${box.env.MOON_REMOTE_HOST}]\n`);
      server.kill("SIGSTOP");
      expect((await box.moon(["--force"])).stderr).toContain("does not answer; going on without");
      expect(await seen(box)).toBe("remote=[]\n");
    },
  );

  test("a question that cannot be asked is no silence", { timeout: LIMIT_MS }, async () => {
    const box = await moonBox(TELL, { wrapper: { httpGetPath: "/nonexistent/http-get" } });
    await box.serve();
    expect((await box.moon()).stderr).not.toContain("warmbox:");
    expect(await seen(box)).not.toBe("remote=[]\n");
  });

  test("the wrapper sends no query to another server", { timeout: LIMIT_MS }, async () => {
    const box = await moonBox(TELL, { wrapper: { remoteHost: "grpc://127.0.0.1:1" } });
    (await box.serve()).kill("SIGSTOP");
    const result = await run([box.front, "--version"], { env: box.env });
    expect(result).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("S3 behind the server", () => {
  /** bazel-remote in front of a real S3 server, which is started by the test. */
  async function s3Box(wrapper: Partial<MoonWrapper> = {}) {
    const port = await freePort();
    const config = async (home: Home) => {
      await home.file("objects/warmbox/.keep", "");
      const keys = await home.file("keys", "[default]\naws_access_key_id = a\naws_secret_access_key = b\n");
      return `s3_proxy:\n  endpoint: 127.0.0.1:${port}\n  bucket: warmbox\n  region: us-east-1\n  disable_ssl: true\n  bucket_lookup_type: path\n  auth_method: aws_credentials_file\n  aws_shared_credentials_file: ${keys}\n  aws_profile: default\n`;
    };
    const box = await moonBox(TELL, { config, wrapper: { store: true, ...wrapper } });
    const words = ["--port", `127.0.0.1:${port}`, "--quiet", "posix", `${box.dir}/objects`];
    const env = { ...box.env, ROOT_ACCESS_KEY: "a", ROOT_SECRET_KEY: "b" };
    const serveS3 = async () => await daemon([await toolPath("versitygw"), ...words], port, env);
    return { ...box, serveS3 };
  }

  test("that never answers is left out before moon waits for it, and one that answers is not", {
    timeout: LIMIT_MS,
  }, async () => {
    const box = await s3Box({ answerSeconds: 3 });
    const s3 = await box.serveS3();
    await box.serve();
    expect((await box.moon()).stderr).not.toContain("warmbox:");
    s3.kill("SIGSTOP");
    const result = await box.moon(["--force"]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain(", or the store behind it, does not answer; going on without");
    expect(await seen(box)).toBe("remote=[]\n");
  });

  test("that stops in the middle of a run does not keep moon", { timeout: LIMIT_MS }, async () => {
    const box = await s3Box(QUICK);
    await writeFile(`${box.workspace}/make.sh`, HALF_DONE);
    const s3 = await box.serveS3();
    await box.serve();
    const moon = box.moon();
    await started(box);
    s3.kill("SIGSTOP");
    const result = await moon;
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain("stopped answering; once more without the remote cache");
  });

  test("that refuses connections is a slow miss, and no silence", { timeout: LIMIT_MS }, async () => {
    const box = await s3Box();
    await box.serve();
    const result = await box.moon();
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).not.toContain("warmbox:");
    expect(await seen(box)).not.toBe("remote=[]\n");
  });
});

describe("cache modes", () => {
  test("a word that moon takes for read-write is refused, in the environment and in the call", {
    timeout: LIMIT_MS,
  }, async () => {
    const box = await moonBox("echo made\n");
    const expected = "wanted off, read, read-write or write; next: write";
    const refused = async (words: string[], env = {}) => {
      const result = await box.moon(words, env);
      return `${result.code} ${result.stderr}`;
    };
    expect(await refused([], { MOON_CACHE: "read-only" })).toBe(
      `64 warmbox: moon: MOON_CACHE=read-only: ${expected} read\n`,
    );
    expect(await refused(["--cache", "Readonly"])).toBe(
      `64 warmbox: moon: --cache=Readonly: ${expected} read\n`,
    );
    expect(await refused(["--cache=on"])).toBe(`64 warmbox: moon: --cache=on: ${expected} one of these\n`);
    // moon itself reports nothing, and would have written
    const bare = await run([await toolPath("moon"), "run", "w:t", "--cache", "read-only"], {
      env: { ...box.env, MOON_REMOTE_HOST: "" },
      cwd: box.workspace,
    });
    expect(bare).toMatchObject({ code: 0 });
    expect(bare.stderr).not.toContain("read-only");
    for (const words of [["--cache", "OFF"], ["--cache=Read"], ["--", "--cache", "read-only"]])
      expect(await box.moon(words), words.join(" ")).toMatchObject({ code: 0 });
    expect(await box.moon([], { MOON_CACHE: "Read-Write" })).toMatchObject({ code: 0 });
  });

  test("do on real servers what they say", { timeout: LIMIT_MS }, async () => {
    const box = await moonBox("date +%N\n", { config: async () => "enable_endpoint_metrics: true\n" });
    await box.serve();
    const files = async () =>
      ((await (await fetch(`http://127.0.0.1:${box.http}/status`)).json()) as { NumFiles: number }).NumFiles;
    /** Lookups of a task's result so far. */
    const lookups = async () => {
      const text = await (await fetch(`http://127.0.0.1:${box.http}/metrics`)).text();
      const counts = [
        ...text.matchAll(/^grpc_server_started_total\{grpc_method="GetActionResult".*\} (\d+)$/gm),
      ];
      return counts.reduce((sum, [, n]) => sum + Number(n), 0);
    };
    /** Runs the task in a worktree that never ran it; what was asked and stored meanwhile. */
    const inMode = async (mode: string, remoteFirst = true) => {
      await run(["rm", "-rf", ".moon/cache"], { cwd: box.workspace });
      const before = [await lookups(), await files()] as const;
      const result = await box.moon(
        remoteFirst ? [] : [`--cache=${mode}`],
        remoteFirst ? { MOON_CACHE: mode } : {},
      );
      expect(result, mode).toMatchObject({ code: 0 });
      const report = JSON.parse(await readFile(`${box.workspace}/.moon/cache/runReport.json`, "utf8"));
      const operations = report.actions.flatMap((action: { operations: Operation[] }) => action.operations);
      return {
        hit: operations.some(({ status }: Operation) => status === "cached-from-remote"),
        asked: (await lookups()) > before[0],
        stored: (await files()) > before[1],
      };
    };
    expect(await inMode("off")).toEqual({ hit: false, asked: false, stored: false });
    expect(await inMode("read", false)).toEqual({ hit: false, asked: true, stored: false });
    expect(await inMode("read-write")).toEqual({ hit: false, asked: true, stored: true });
    expect(await inMode("read-write", false)).toEqual({ hit: true, asked: true, stored: false });
    expect(await inMode("read")).toEqual({ hit: true, asked: true, stored: false });
    // a new result of the same task takes the old one's place: its output differs each time
    expect(await inMode("write")).toEqual({ hit: false, asked: false, stored: true });
    expect(await inMode("off", false)).toEqual({ hit: false, asked: false, stored: false });
  });
});

/** One step of an action in moon's run report. */
interface Operation {
  readonly status: string;
}
