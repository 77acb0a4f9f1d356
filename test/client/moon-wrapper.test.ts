import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { httpGet } from "../../render/http-get.ts";
import { moonWrapper } from "../../render/moon-wrapper.ts";
import { toolPath } from "../tools.ts";
import { daemon, freePort, type Home, makeHome, run, SHELLS, start, until } from "./box.ts";
import { withShell } from "./sccache.ts";

const LIMIT_MS = 180_000;

interface MoonBox extends Home {
  readonly front: string;
  readonly workspace: string;
  serve(): ReturnType<typeof daemon>;
}

/** A real bazel-remote, a real moon with our front, and a workspace with one task. */
async function moonBox(task: string, shell?: readonly string[]): Promise<MoonBox> {
  const home = await makeHome();
  const [http, grpc] = [await freePort(), await freePort()];
  const httpGetPath = await home.file("bin/http-get", httpGet(), 0o755);
  const moonPath = await toolPath("moon");
  const bazelRemote = await toolPath("bazel-remote");
  const text = moonWrapper({ moonPath, httpGetPath, httpAddress: `127.0.0.1:${http}` });
  const front = await home.file("bin/moon", withShell(text, shell), 0o755);
  const workspace = `${home.dir}/ws`;
  await home.file("ws/.moon/workspace.yml", 'projects:\n  w: "."\ntelemetry: false\n');
  await home.file(
    "ws/moon.yml",
    'toolchains:\n  default: "system"\ntasks:\n  t:\n    command: "sh make.sh"\n    inputs: ["make.sh"]\n',
  );
  await home.file("ws/make.sh", task);
  const env = { ...home.env, MOON_REMOTE_HOST: `grpc://127.0.0.1:${grpc}`, MOON_TELEMETRY: "false" };
  const git = "git init -q -b master . && git add -A && git -c user.name=a -c user.email=a@b commit -qm all";
  await run(["sh", "-c", git], { env, cwd: workspace });
  const config = `dir: ${home.dir}/bazel\nmax_size: 1\nhttp_address: 127.0.0.1:${http}\ngrpc_address: 127.0.0.1:${grpc}\n`;
  const file = await home.file("bazel-remote.yaml", config);
  const serve = () => daemon([bazelRemote, "--config_file", file], http, env);
  return { ...home, env, front, workspace, serve };
}

test("with a server that answers it is moon", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  await box.serve();
  const said = await run([box.front, "run", "w:t"], { env: box.env, cwd: box.workspace });
  expect(said).toMatchObject({ code: 0 });
  expect(said.stderr).not.toContain("warmbox");
  expect((await run([box.front, "--version"], { env: box.env })).stdout).toMatch(/^moon \d/);
  expect((await run([box.front, "run", "w:nothing"], { env: box.env, cwd: box.workspace })).code).not.toBe(0);
});

test.each(SHELLS)("a stopped server is left out, under %s", { timeout: LIMIT_MS }, async (_name, shell) => {
  const box = await moonBox('echo "remote=[$MOON_REMOTE_HOST]" >seen\n', shell);
  (await box.serve()).kill("SIGSTOP");
  const said = await run([box.front, "run", "w:t"], { env: box.env, cwd: box.workspace });
  expect(said).toMatchObject({ code: 0 });
  expect(said.stderr).toContain("does not answer; going on without the remote cache");
  expect(await readFile(`${box.workspace}/seen`, "utf8")).toBe("remote=[]\n");
});

test("a server that stops in the middle of a run does not keep moon for ever", {
  timeout: LIMIT_MS,
}, async () => {
  const box = await moonBox("echo run >>runs; sleep 2\n");
  const server = await box.serve();
  const moon = start([box.front, "run", "w:t"], { env: box.env, cwd: box.workspace });
  await until(
    async () => (await readFile(`${box.workspace}/runs`, "utf8").catch(() => "")) !== "",
    "the task runs",
  );
  server.kill("SIGSTOP");
  const said = await moon.done;
  expect(said).toMatchObject({ code: 0 });
  expect(said.stderr).toContain("stopped answering; once more without the remote cache");
});

test("a port that nobody listens on is moon's own matter", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  const said = await run([box.front, "run", "w:t"], { env: box.env, cwd: box.workspace });
  expect(said).toMatchObject({ code: 0 });
  expect(said.stderr).not.toContain("warmbox");
});

test("without MOON_REMOTE_HOST it is moon, and no server is asked", { timeout: LIMIT_MS }, async () => {
  const box = await moonBox("echo made\n");
  (await box.serve()).kill("SIGSTOP"); // a question to it would be answered with a warning
  const said = await run([box.front, "--version"], { env: { ...box.env, MOON_REMOTE_HOST: "" } });
  expect(said).toMatchObject({ code: 0, stderr: "" });
});
