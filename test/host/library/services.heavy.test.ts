import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../support/free-port.ts";
import { until } from "../../support/until.ts";
import { heredoc, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

/** A daemon that listens on PORT, answers HTTP, and says its setting in `said`. */
const daemon = (port: number, setting: string) => `#!/bin/sh
echo starting ${setting}
exec '${process.execPath}' -e '
  const fs = require("fs");
  fs.appendFileSync(process.env.HOME + "/starts", "${setting} " + process.pid + "\\n");
  fs.writeFileSync(process.env.HOME + "/said", "${setting}\\n");
  require("http").createServer((q, r) => r.end("ok")).listen(${port}, "127.0.0.1");'
`;

function hostOf(shell: Shell): TestHost {
  const host = new TestHost(shell);
  onTestFinished(() => host.dispose());
  host.installLibrary();
  return host;
}

const service = (port: number, words = "ready_timeout=30 stop_timeout=5") =>
  `service demo kind=process file=bin/daemon ready='http 127.0.0.1:${port}/' ${words}`;

const body = (
  port: number,
  setting: string,
) => `put bin/daemon 0755 check=sh ${heredoc(daemon(port, setting))}
${service(port)}
live demo 'setting ${setting}' 'echo setting $(cat "$HOME/said")'`;

/** The two processes of the service, from its pid file. */
function pids(host: TestHost): { supervisor: number; daemon: number } {
  const text = host.read(".local/state/warmbox/run/demo.pid") ?? "";
  const of = (word: string) => Number(text.match(new RegExp(`^${word} (\\d+)`, "m"))?.[1] ?? 0);
  return { supervisor: of("supervisor"), daemon: of("daemon") };
}

function alive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.ok,
    () => false,
  );
}

const starts = (host: TestHost) => (host.read("starts") ?? "").split("\n").length - 1;

describe.each(shells())("process services, $name", { timeout: 180_000 }, (shell) => {
  test("started, ready, untouched by a converged apply, restarted on change, gone on remove", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    expect(await host.apply(body(port, "one"))).toMatchObject({ code: 0, stderr: "" });
    expect(await answers(port)).toBe(true);
    const first = pids(host);
    const tree = host.tree();
    expect(await host.apply(body(port, "one"))).toMatchObject({ code: 0, stderr: "" });
    expect(host.tree()).toEqual(tree);
    expect(await host.apply(body(port, "one"), { owner: "other", generation: 2 })).toMatchObject({ code: 0 });
    expect([pids(host), starts(host)]).toEqual([first, 1]);
    expect(await host.apply(body(port, "two"), { generation: 3 })).toMatchObject({ code: 0 });
    expect([host.read("said"), starts(host)]).toEqual(["two\n", 2]);
    expect([alive(first.supervisor), alive(first.daemon)]).toEqual([false, false]);
    const second = pids(host);
    expect(await host.remove(body(port, "two"))).toMatchObject({ code: 0, stderr: "" });
    expect([alive(second.supervisor), alive(second.daemon), await answers(port)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(readdirSync(join(host.home, ".local/state/warmbox/run"))).toEqual([]);
  });

  test("holds nothing of the caller: no pipe, no lock, no variable, no terminal", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    host.env.CARGO_SECRET = "x";
    // the run ends although the daemon lives: a pipe that it held would keep this waiting
    expect(await host.apply(body(port, "one"))).toMatchObject({ code: 0 });
    for (const pid of Object.values(pids(host))) {
      const links = readdirSync(`/proc/${pid}/fd`).map(
        (fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)] as const,
      );
      expect(links.filter(([, to]) => to.endsWith("warmbox/lock"))).toEqual([]);
      for (const [fd, to] of links.filter(([fd]) => Number(fd) < 3))
        expect(to).toBe(fd === "0" ? "/dev/null" : join(host.home, ".local/state/warmbox/log/demo.log"));
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("CARGO_SECRET");
      const [session, terminal] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/.*\) /, "")
        .split(" ")
        .slice(3, 5);
      expect([Number(session), terminal]).toEqual([pid, "0"]);
    }
  });

  test("a failed start puts back files and the service as it was, and shows the log", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    const broken = `put bin/daemon 0755 check=sh ${heredoc("#!/bin/sh\necho no such setting: max\nexit 3\n")}\n${service(port)}`;
    const ended = await host.apply(broken);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain("warmbox: demo: | no such setting: max");
    expect(ended.stderr).toMatch(
      /service demo did not start: it keeps ending: failing \(ended \d times, last with 3\)\. Next: /,
    );
    expect(ended.stderr).toContain("the previous state is back");
    expect(host.read("bin/daemon")).toBe(daemon(port, "one"));
    expect(await answers(port)).toBe(true);
    expect((await host.observe()).stdout).toMatch(/\n@@warmbox ledger demo owner=local generation=1\n$/);
  });

  test("a first start that fails leaves nothing running and nothing in place", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    const ended = await host.apply(
      `put bin/daemon 0755 ${heredoc("#!/bin/sh\nexec sleep 1234\n")}\n${service(port, "ready_timeout=1 stop_timeout=5")}`,
    );
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain(`it is running but not ready (http 127.0.0.1:${port}/) after 1 s`);
    expect(host.read("bin/daemon")).toBeUndefined();
    await until("the last process's end", () => host.processes().length === 0);
  });

  test("a live line that does not come true fails the apply and restores", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    const ended = await host.apply(
      body(port, "two").replace("live demo 'setting two'", "live demo 'setting three'"),
    );
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain("demo says 'setting two', not 'setting three'. Next: ");
    expect(host.read("said")).toBe("one\n");
  });

  test("a killed daemon comes back by itself, a killed supervisor with the next apply", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    process.kill(pids(host).daemon, "SIGKILL");
    await until("the daemon's return", () => starts(host) === 2);
    await until("the port", () => answers(port));
    const { supervisor, daemon: orphan } = pids(host);
    process.kill(supervisor, "SIGKILL");
    await until("the supervisor's end", () => !alive(supervisor));
    expect((await host.observe()).stdout).toContain("|-state running\n|+state unsupervised\n");
    expect(await host.apply(body(port, "one"), { generation: 2 })).toMatchObject({ code: 0 });
    expect([alive(orphan), await answers(port), starts(host)]).toEqual([false, true, 3]);
    expect((await host.observe()).stdout).toMatch(/\n@@warmbox ledger demo owner=local generation=2\n$/);
  });

  test("a daemon that reads its index before it listens is starting, and no drift, for as long as it may take", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    const late = `#!/bin/sh\nwhile [ ! -e "$HOME/go" ]; do sleep 0.05; done\n${daemon(port, "one").replace("#!/bin/sh\n", "")}`;
    const slow = (seconds: number) =>
      body(port, "one")
        .replace(daemon(port, "one"), late)
        .replace("ready_timeout=30", `ready_timeout=${seconds}`);
    host.write("go", "");
    expect(await host.apply(slow(300))).toMatchObject({ code: 0, stderr: "" });
    expect((await host.run('rm "$HOME/go"', [])).code).toBe(0);
    const first = pids(host).daemon;
    process.kill(first, "SIGKILL");
    const killed = starts(host);
    const waiting = () => alive(pids(host).daemon) && pids(host).daemon !== first;
    await until("the daemon's return", waiting);
    expect(starts(host)).toBe(killed);
    expect((await host.observe()).stdout).toMatch(
      new RegExp(
        `\n@@warmbox ledger demo owner=local generation=1\n@@warmbox note demo\n\\|demo is starting: its port ${port} is not open yet\n$`,
      ),
    );
    host.write("go", "");
    await until("the port", () => answers(port));
    expect(await host.apply(slow(1), { generation: 2 })).toMatchObject({ code: 0 });
    expect((await host.run('rm "$HOME/go"', [])).code).toBe(0);
    process.kill(pids(host).daemon, "SIGKILL");
    await until("the end of its time", async () =>
      (await host.observe()).stdout.includes(`\n|+state running, but port ${port} is closed\n`),
    );
  });

  test("every address must be listened on by the service itself; a foreign process on one of them is named", async () => {
    const host = hostOf(shell);
    const [port, second] = [await freePort(), await freePort()];
    const both = body(port, "one").replace(`:${port}/'`, `:${port}/ 127.0.0.1:${second}'`);
    const never = await host.apply(both.replace("ready_timeout=30", "ready_timeout=2"));
    expect(never.code).toBe(78);
    expect(never.stderr).toContain(`not ready (http 127.0.0.1:${port}/ 127.0.0.1:${second}) after 2 s`);
    const listening = `require("net").createServer().listen(${second}, "127.0.0.1");\n  const fs`;
    expect(await host.apply(both.replace("const fs", listening))).toMatchObject({ code: 0, stderr: "" });
    expect((await host.observe()).stdout).toMatch(/ledger demo owner=local generation=1\n$/);
    await host.remove(both);
    const code = `require("net").createServer().listen(${second}, "127.0.0.1", () => console.log("up"))`;
    const holder = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void holder.kill("SIGKILL"));
    await new Promise((up) => holder.stdout.once("data", up));
    const ended = await host.apply(both);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain(`port ${second} is held by process ${holder.pid} (`);
  });

  test("the expected live value can come from the file itself, and is in the ledger", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    const live = (setting: string) =>
      `put b.conf 0644 ${heredoc(`size = ${setting}`)}\n${body(port, setting).replace(`'setting ${setting}'`, `of=b.conf '{ print "setting " $3 }'`)}`;
    expect(await host.apply(live("one"))).toMatchObject({ code: 0, stderr: "" });
    host.write("b.conf", "size = nine\n");
    expect((await host.observe()).stdout).toMatch(/\|\+size = nine\n(?!.*setting)/s);
    host.write("said", "seven\n");
    expect((await host.observe()).stdout).toContain("|-setting one\n|+setting seven\n");
    expect(await host.apply(live("two"), { generation: 2 })).toMatchObject({ code: 0 });
    expect(host.read("said")).toBe("two\n");
    const early = await host.apply(`live demo of=b.conf '{ print }' 'true'`, { generation: 3 });
    expect(early.stderr).toContain("live demo: b.conf is not put by a line before it. Next: put it first.");
  });

  test("both killed: observe says stopped, apply starts it", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    const { supervisor, daemon: child } = pids(host);
    process.kill(supervisor, "SIGKILL");
    process.kill(child, "SIGKILL");
    await until("their end", () => !alive(supervisor) && !alive(child));
    const tree = host.tree();
    expect((await host.observe()).stdout).toContain(
      "|--- service demo (applied)\n|+++ service demo (now)\n|@@ @@\n|-state running\n|+state stopped\n",
    );
    expect(host.tree()).toEqual(tree);
    expect(await host.apply(body(port, "one"))).toMatchObject({ code: 0 });
    expect(await answers(port)).toBe(true);
  });

  test("a live setting that drifted is shown, and repaired by a restart", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    host.write("said", "seven\n");
    expect((await host.observe()).stdout).toContain("|-setting one\n|+setting seven\n");
    expect(await host.apply(body(port, "one"), { generation: 2 })).toMatchObject({ code: 0 });
    expect([host.read("said"), starts(host)]).toEqual(["one\n", 2]);
  });

  test("a process that got the number of an old daemon is left alone", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    const file = join(host.home, ".local/state/warmbox/run/demo.pid");
    const { supervisor, daemon: child } = pids(host);
    process.kill(supervisor, "SIGKILL");
    process.kill(child, "SIGKILL");
    const bystander = spawn("sleep", ["600"]);
    onTestFinished(() => void bystander.kill("SIGKILL"));
    const text = readFileSync(file, "utf8")
      .replaceAll(` ${supervisor} `, ` ${bystander.pid} `)
      .replaceAll(` ${child} `, ` ${bystander.pid} `);
    writeFileSync(file, text);
    expect(await host.apply(body(port, "two"))).toMatchObject({ code: 0 });
    expect(await host.remove(body(port, "two"))).toMatchObject({ code: 0 });
    expect(alive(bystander.pid ?? 0)).toBe(true);
  });

  test("a foreign process on the port is named; where the script says how, it is asked to stop", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    const code = `require("net").createServer().listen(${port}, "127.0.0.1", () => console.log("up"))`;
    const holder = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void holder.kill("SIGKILL"));
    await new Promise((up) => holder.stdout.once("data", up));
    const ended = await host.apply(body(port, "one"));
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain(`port ${port} is held by process ${holder.pid} (${process.execPath} -e`);
    expect([alive(holder.pid ?? 0), host.read("starts")]).toEqual([true, undefined]);
    const stopping = body(port, "one").replace("stop_timeout=5", `stop_timeout=5 stop='kill ${holder.pid}'`);
    expect(await host.apply(stopping)).toMatchObject({ code: 0 });
    expect(await answers(port)).toBe(true);
  });

  test("a daemon that does not heed TERM is killed with its group, within the bound", async () => {
    const host = hostOf(shell);
    const stubborn = "#!/bin/sh\ntrap '' TERM\nsleep 4321 &\nwhile :; do sleep 4322; done\n";
    const words = `put bin/daemon 0755 ${heredoc(stubborn)}\nservice demo kind=process file=bin/daemon stop_timeout=1`;
    expect(await host.apply(words)).toMatchObject({ code: 0 });
    expect(await host.remove(words)).toMatchObject({ code: 0 });
    await until("the last process's end", () => host.processes().length === 0);
  });

  test("the log is bounded", async () => {
    const host = hostOf(shell);
    const chatty = '#!/bin/sh\nwhile :; do echo "line after line after line"; sleep 0.01; done\n';
    const log = join(host.home, "demo.log");
    host.write("bin/daemon", chatty, 0o755);
    writeFileSync(log, "");
    const [program = "", ...rest] = shell.argv;
    const child = spawn(
      program,
      [
        ...rest,
        join(host.home, ".local/share/warmbox/supervise.sh"),
        "demo",
        join(host.home, "bin/daemon"),
        log,
        join(host.root, "demo"),
        "2",
        "-",
      ],
      {
        detached: true,
        stdio: "ignore",
        env: { ...process.env, HOME: host.home, WARMBOX_LOG_BYTES: "500", WARMBOX_LOG_SECONDS: "0.2" },
      },
    );
    await until("a second log", () => {
      try {
        return readFileSync(`${log}.1`).length >= 500 && readFileSync(log).length < 500;
      } catch {
        return false;
      }
    });
    process.kill(child.pid ?? 0, "SIGTERM");
    await until("its end", () => host.processes().length === 0);
  });

  test("killed at any moment of a restart, the next apply has exactly one daemon, of the new kind", async () => {
    const host = hostOf(shell);
    const port = await freePort();
    await host.apply(body(port, "one"));
    const moments = [
      "*ledger.new*",
      "*touched*",
      "*daemon.warmbox-new*",
      "*run/demo.pid*",
      "*ledger.old*",
      "*done*",
    ];
    for (const [index, moment] of moments.entries()) {
      const setting = index % 2 === 0 ? "two" : "one";
      host.preamble = ["mv", "rm", "cp", "ln"]
        .map((name) => `${name}() { command ${name} "$@"; case $* in ${moment}) kill -KILL -$$ ;; esac; }`)
        .join("\n");
      await host.apply(body(port, setting));
      host.preamble = "";
      expect(await host.apply(body(port, setting)), moment).toMatchObject({ code: 0 });
      expect(host.read("said"), moment).toBe(`${setting}\n`);
      expect(host.processes().sort(), moment).toEqual(expect.arrayContaining(Object.values(pids(host))));
      expect(
        host
          .processes()
          .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("createServer")),
      ).toEqual([pids(host).daemon]);
    }
    expect(await host.remove(body(port, "one"))).toMatchObject({ code: 0 });
    await until("the last process's end", () => host.processes().length === 0);
  });
});

test("TERM between a daemon's start and the note of its number leaves none behind", async () => {
  // only bash can run a command right before one line of a script
  const host = hostOf({ name: "bash", argv: ["bash"] });
  host.write("trap.sh", "trap 'case $BASH_COMMAND in child=\\$!) kill -TERM $$ ;; esac' DEBUG\nset -T\n");
  host.write("bin/daemon", `#!/bin/sh\n: ${host.root}\nsleep 600\n`, 0o755);
  const supervise = join(host.home, ".local/share/warmbox/supervise.sh");
  const words = ["demo", `${host.home}/bin/daemon`, "/dev/null", `${host.root}/demo`, "1", "-"];
  const env = {
    ...process.env,
    HOME: host.home,
    BASH_ENV: join(host.home, "trap.sh"),
    WARMBOX_LOG_SECONDS: "0.1",
  };
  const child = spawn("bash", [supervise, ...words], { stdio: "ignore", env }); // leads no group that would end with it
  await new Promise((ended) => child.once("exit", ended));
  await until("the last process's end", () => host.processes().length === 0);
});
