import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type WarmboxRun, warmboxRun } from "../../render/moon/warmbox-run.ts";
import { type ProcessOptions, run, start } from "../support/process.ts";
import { until } from "../support/until.ts";
import { type Home, makeHome, SHELLS } from "./box.ts";
import { withShell } from "./sccache.ts";

interface QueueBox extends Home {
  readonly script: string;
  readonly queue: string;
  run(words: readonly string[], options?: ProcessOptions): ReturnType<typeof run>;
  start(
    words: readonly string[],
    options?: ProcessOptions,
    argv?: readonly string[],
  ): ReturnType<typeof start>;
}

async function queueBox(
  shell: readonly string[] = ["sh"],
  more: Partial<WarmboxRun> = {},
): Promise<QueueBox> {
  const home = await makeHome();
  const queue = `${home.dir}/state/queue`;
  const envPath = await home.file(
    "env",
    "export MOON_REMOTE_HOST=grpc://127.0.0.1:9092\nexport MOON_CACHE=read-write\nexport MOON_CONCURRENCY=2\n",
  );
  const text = warmboxRun({ envPath, active: 2, stateDir: queue, wrapperDirs: [], toolDirs: [], ...more });
  const script = await home.file("bin/warmbox-run", withShell(text, shell), 0o755);
  const env = { PATH: home.env.PATH ?? "", HOME: home.dir };
  return {
    ...home,
    env,
    script,
    queue,
    run: (words, options = {}) => run([script, ...words], { env, ...options }),
    start: (words, options = {}, argv = [script]) => start([...argv, ...words], { env, ...options }),
  };
}

/** A command that leaves a line when it starts and one when it ends, and counts those that run beside it. */
const noting = (log: string, name: string, hold: string): string[] => [
  "sh",
  "-c",
  `echo "+ ${name}" >>'${log}'; ${hold}; echo "- ${name}" >>'${log}'`,
];

const lines = async (file: string): Promise<string[]> =>
  (await readFile(file, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

/** Whether a command that {@link noting} made is in the queue. */
const waits = async (box: QueueBox, name: string): Promise<boolean> =>
  (await box.run(["--status"])).stdout.includes(`echo "+ ${name}"`);

describe.each(SHELLS)("under %s", (_name, shell) => {
  test("never more than two at once, in the order they came", async () => {
    const box = await queueBox(shell);
    const log = `${box.dir}/log`;
    const seen = async (name: string) => (await lines(log)).includes(`+ ${name}`);
    const started = [];
    for (const name of ["a", "b", "c", "d", "e", "f"]) {
      started.push(box.start(["--", ...noting(log, name, "sleep 0.7")]));
      await until(`ticket of ${name}`, async () => (await seen(name)) || (await waits(box, name)));
    }
    const said = await Promise.all(started.map(({ done }) => done));
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    const all = await lines(log);
    let running = 0;
    const peaks = all.map((line) => (running += line.startsWith("+") ? 1 : -1));
    expect(Math.max(...peaks)).toBe(2);
    expect(all.filter((l) => l.startsWith("+")).map((l) => l.slice(2))).toHaveLength(6);
    // two places free up within one tick of each other, so neighbours may swap, never more
    const order = all.filter((l) => l.startsWith("+")).map((l) => "abcdef".indexOf(l.slice(2)));
    for (const [at, place] of order.entries()) expect(Math.abs(at - place)).toBeLessThanOrEqual(1);
    expect(said.at(-1)?.stderr).toMatch(/warmbox-run: waiting, place \d in the queue \(2 build at once\)/);
    expect(said[0]?.stderr).toBe("");
  });

  test("a killed holder frees its place", async () => {
    const box = await queueBox(shell, { active: 1 });
    const holder = box.start(["--", "sleep", "100"]);
    await until("the holder runs", async () =>
      (await box.run(["--status"])).stdout.includes("builds\tsleep 100"),
    );
    const next = box.start(["echo", "my turn"]);
    await until("the next one waits", () => next.stderr().includes("waiting, place 1"));
    expect((await box.run(["--status"])).stdout).toMatch(
      /builds\tsleep 100\n.*waits, place 1\techo my turn\n1 of at most 1 at once, 1 waiting\n$/,
    );
    holder.child.kill("SIGKILL");
    expect(await next.done).toMatchObject({ code: 0, stdout: "my turn\n" });
    await holder.done;
  });

  test("a holder that is dead but not reaped frees its place", async () => {
    const box = await queueBox(shell, { active: 1 });
    // the parent continues as `sleep`, which reaps no children
    const parent = box.start([], {}, ["sh", "-c", '"$0" true & exec sleep 100', box.script]);
    await until("a zombie", async () => {
      const [child = ""] = (
        await readFile(`/proc/${parent.child.pid}/task/${parent.child.pid}/children`, "utf8")
      ).split(" ");
      return child !== "" && /\) Z /.test(await readFile(`/proc/${child}/stat`, "utf8").catch(() => ""));
    });
    expect(await box.run(["echo", "my turn"])).toEqual({ code: 0, stdout: "my turn\n", stderr: "" });
    parent.child.kill("SIGKILL");
    await parent.done;
  });

  test("one that stops to wait leaves the queue", async () => {
    const box = await queueBox(shell, { active: 1 });
    const holder = box.start(["--", "sleep", "100"]);
    await until("the holder runs", async () =>
      (await box.run(["--status"])).stdout.includes("1 of at most 1"),
    );
    const waiting = box.start(["--", "true"]);
    await until("the second waits", () => waiting.stderr().includes("waiting"));
    waiting.child.kill("SIGTERM");
    expect((await waiting.done).code).toBe(143);
    expect((await box.run(["--status"])).stdout).toContain("1 of at most 1");
    holder.child.kill("SIGTERM");
    expect((await holder.done).code).toBe(143);
  });

  test("inside another it takes no second place", async () => {
    const box = await queueBox(shell, { active: 1 });
    const result = await box.run(["--", box.script, "--", box.script, "echo", "inner"]);
    expect(result).toEqual({ code: 0, stdout: "inner\n", stderr: "" });
  });

  test("a queue that cannot be written is said, and the command runs", async () => {
    const box = await queueBox(shell, { stateDir: "/proc/nothing/queue" });
    const result = await box.run(["--", "echo", "still"]);
    expect(result).toMatchObject({ code: 0, stdout: "still\n" });
    expect(result.stderr).toBe(
      "warmbox-run: no queue: /proc/nothing/queue cannot be written; running at once (next step: ./warmbox doctor)\n",
    );
  });

  test("exit codes, words and standard input are the command's", async () => {
    const box = await queueBox(shell);
    expect((await box.run(["sh", "-c", "exit 7"])).code).toBe(7);
    expect((await box.run(["no-such-program-here"])).code).toBe(127);
    expect((await box.run(["printf", "[%s]", "a b", "", "c'd"])).stdout).toBe("[a b][][c'd]");
    expect((await box.run(["--", "cat"], { stdin: "through" })).stdout).toBe("through");
    expect((await box.run([])).code).toBe(64);
    expect((await box.run(["--help"])).stdout).toContain("warmbox-run --status");
  });

  test("the plan's environment reaches it under cron's own, CI=1 too", async () => {
    const box = await queueBox(shell, { toolDirs: ["/opt/the tools"] });
    const cron = { HOME: box.dir, PATH: "/usr/bin:/bin", SHELL: "/bin/sh", LOGNAME: "cron", CI: "1" };
    const result = await box.run(["--", "env"], { env: cron });
    expect(result.stdout).toContain("MOON_REMOTE_HOST=grpc://127.0.0.1:9092\n");
    expect(result.stdout).toContain("MOON_CONCURRENCY=2\n");
    expect(result.stdout).toContain(`PATH=/usr/bin:/bin:/opt/the tools:${box.dir}/.cargo/bin\n`);
  });

  test.each([
    ["of no shell", "if then ((\n"],
    ["that ends with an error", "exit 3\n"],
    ["that ends its reader", "export SEEN=1\nexit 0\n"],
    ["with a line too much", "export SEEN=1\nfi\n"],
  ])("an environment %s is said, and the command runs without it", async (_what, text) => {
    const box = await queueBox(shell);
    const path = await box.file("env", text);
    expect(await box.run(["sh", "-c", 'echo still "$SEEN"'])).toEqual({
      code: 0,
      stdout: "still \n",
      stderr: `warmbox-run: ${path} cannot be read; running without the host's environment (next step: ./warmbox up)\n`,
    });
  });

  test("a host without an environment file has nothing to say", async () => {
    const box = await queueBox(shell, { envPath: undefined });
    expect(await box.run(["echo", "fine"])).toEqual({ code: 0, stdout: "fine\n", stderr: "" });
  });

  test("an old number, an odd one and dead tickets change no order", async () => {
    const box = await queueBox(shell, { active: 1 });
    const holder = box.start(["--", "sleep", "100"]);
    await until("it runs", async () =>
      (await box.run(["--status"])).stdout.startsWith(`${holder.child.pid}\t`),
    );
    const [name = ""] = (await readdir(box.queue)).filter((file) => file.startsWith("ticket."));
    // a number that a shell could take for an octal one, and tickets without a process above and below it
    await rename(`${box.queue}/${name}`, `${box.queue}/ticket.000000000089.${holder.child.pid}`);
    for (const dead of [
      "ticket.000000000000",
      "ticket.000000000500.9",
      "ticket.banana",
      "ticket.999999999999.7",
    ])
      await writeFile(`${box.queue}/${dead}`, "1 2 of a process that is gone\n");
    const next = box.start(["--", "true"]);
    await until("the next one waits", () => next.stderr().includes("waiting, place 1"));
    expect((await readdir(box.queue)).filter((file) => /^ticket\.0{10}\d\d\./.test(file))).toEqual([
      `ticket.000000000089.${holder.child.pid}`,
      `ticket.000000000090.${next.child.pid}`,
    ]);
    holder.child.kill("SIGKILL");
    expect((await next.done).code).toBe(0);
    await holder.done;
  });
});

test("a mode of the call wins, and an empty remote; a wrong word is refused", async () => {
  const box = await queueBox();
  const env = { ...box.env, MOON_CACHE: "read", MOON_REMOTE_HOST: "" };
  const result = await box.run(["--", "env"], { env });
  expect(result.stdout).toContain("MOON_CACHE=read\n");
  expect(result.stdout).toContain("MOON_REMOTE_HOST=\n");
  const wrong = await box.run(["true"], { env: { ...box.env, MOON_CACHE: "read-only" } });
  expect(wrong.code).toBe(64);
  expect(wrong.stderr).toContain("read-only is read");
});

test("a wrong mode is refused at once, not after a wait", async () => {
  const box = await queueBox(["sh"], { active: 1 });
  const holder = box.start(["--", "sleep", "100"]);
  await until("the holder runs", async () => (await box.run(["--status"])).stdout.includes("sleep 100"));
  const wrong = await box.run(["true"], { env: { ...box.env, MOON_CACHE: "read-only" } });
  expect(wrong).toMatchObject({ code: 64, stdout: "" });
  expect(wrong.stderr).not.toContain("waiting");
  holder.child.kill("SIGKILL");
  await holder.done;
});

test("a queue that was removed is created again", async () => {
  const box = await queueBox();
  await box.run(["true"]);
  await rm(box.queue, { recursive: true });
  expect(await box.run(["echo", "fine"])).toEqual({ code: 0, stdout: "fine\n", stderr: "" });
});
