import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { toolPath } from "../../tools.ts";
import { heredoc, LIBRARY, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

const put = (text: string) => `put a.conf 0644 ${heredoc(text)}
put small/b.conf 0644 ${heredoc(`${text}${"x".repeat(200_000)}`)}`;

function hostOf(shell: Shell): TestHost {
  const host = new TestHost(shell);
  onTestFinished(() => host.dispose());
  return host;
}

/** Mounts a tiny file system at a path of HOME. Tests that cannot mount say so by failing. */
function mountSmall(host: TestHost, path: string, size: string) {
  const at = join(host.home, path);
  mkdirSync(at, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "tmpfs", at]);
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", at]);
  });
}

describe.each(shells())("what goes wrong, $name", { timeout: 120_000 }, (shell) => {
  test.each([
    ["target's", "small", "128k"],
    ["ledger's", ".local/state", "128k"],
  ])(
    "a full disk under the %s directory: 73, the old state, and the next apply completes",
    async (_name, path, size) => {
      const host = hostOf(shell);
      host.write("a.conf", "theirs");
      mountSmall(host, path, size);
      host.write("small/b.conf", "theirs b");
      const before = { a: host.read("a.conf"), b: host.read("small/b.conf") };
      const ended = await host.apply(put("warmbox\n"));
      expect(ended.code).toBe(73);
      expect(ended.stderr).toMatch(/cannot write .*\. Next: free some space or make it writable/s);
      expect({ a: host.read("a.conf"), b: host.read("small/b.conf") }).toEqual(before);
      expect(Object.keys(host.tree()).filter((name) => /warmbox-(new|old)/.test(name))).toEqual([]);
      execFileSync("mount", ["-o", "remount,size=8m", join(host.home, path)]);
      expect(await host.apply(put("warmbox\n"))).toMatchObject({ code: 0, stderr: "" });
      expect(host.read("a.conf")).toBe("warmbox\n");
      expect(await host.remove(put("warmbox\n"))).toMatchObject({ code: 0, stderr: "" });
      expect({ a: host.read("a.conf"), b: host.read("small/b.conf") }).toEqual(before);
    },
  );

  test("a disk that fills up between two applies keeps the first one's files", async () => {
    const host = hostOf(shell);
    mountSmall(host, "small", "600k");
    await host.apply(put("one\n"));
    host.write("small/filler", "y".repeat(300_000));
    const ended = await host.apply(put("two\n"));
    expect(ended.code).toBe(73);
    expect(host.read("a.conf")).toBe("one\n");
    expect(host.read("small/b.conf")).toMatch(/^one\n/);
    expect((await host.observe()).stdout).toBe("@@warmbox ledger demo owner=local generation=1\n");
    expect((await host.run('rm "$HOME/small/filler"', [])).code).toBe(0);
    expect(await host.apply(put("two\n"))).toMatchObject({ code: 0, stderr: "" });
  });

  test("a read-only directory: 73, nothing changed", async () => {
    const host = hostOf(shell);
    host.write("a.conf", "theirs");
    host.write("small/b.conf", "theirs b");
    const at = join(host.home, "small");
    execFileSync("mount", ["--bind", at, at]);
    onTestFinished(() => {
      execFileSync("umount", ["--lazy", at]);
    });
    execFileSync("mount", ["-o", "remount,ro,bind", at]);
    const ended = await host.apply(put("warmbox\n"));
    expect(ended.code).toBe(73);
    expect(ended.stderr).toContain(`cannot write ${at}/b.conf`);
    expect([host.read("a.conf"), host.read("small/b.conf")]).toEqual(["theirs", "theirs b"]);
    execFileSync("mount", ["-o", "remount,rw,bind", at]);
    expect(await host.apply(put("warmbox\n"))).toMatchObject({ code: 0, stderr: "" });
  });

  test("two applies at once, of one resource and of others: each completes", async () => {
    const host = hostOf(shell);
    const body = (text: string) =>
      `put a.conf 0644 ${heredoc(text)}\nblock .profile ${text} ${heredoc(`${text}=1`)}`;
    const runs = ["one", "two", "three", "four"].map((name) => host.apply(body(name), { name }));
    runs.push(host.apply(body("one"), { name: "one" }));
    for (const ended of await Promise.all(runs)) expect(ended).toMatchObject({ code: 0 });
    for (const name of ["one", "two", "three", "four"])
      expect(host.read(".profile")).toContain(`\n${name}=1\n`);
    expect(host.read(".profile")?.match(/>>>/g)).toHaveLength(4);
  });

  test("a lock that stays busy: 75, naming the holder", async () => {
    const host = hostOf(shell);
    await host.apply(put("one\n"));
    const holder = host.start(
      host.script(
        'put a.conf 0644 check=slow <<"E"\nnew\nE\ncheck_slow() { echo >"$HOME/held"; sleep 300; }',
      ),
      ["apply"],
    );
    while (host.read("held") === undefined) await new Promise((go) => setTimeout(go, 20));
    host.env.WARMBOX_LOCK_SECONDS = "1";
    const ended = await host.apply(put("two\n"));
    expect(ended.code).toBe(75);
    expect(ended.stderr).toContain(
      `the host is busy: process ${holder.pid} is changing it. Next: wait for it`,
    );
    process.kill(-holder.pid, "SIGKILL");
    await holder.ended;
    expect(await host.apply(put("two\n"))).toMatchObject({ code: 0 });
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s in the middle puts everything back",
    async (signal) => {
      const host = hostOf(shell);
      host.write("a.conf", "theirs");
      // the second mv of the change itself: a.conf is new by then
      host.preamble = `mv() { command mv "$@" || return; case $* in *a.conf.warmbox-new*) kill -${signal.slice(3)} $$ ;; esac; }`;
      const ended = await host.apply(put("warmbox\n"));
      expect(ended.stderr).toContain(`interrupted by ${signal}`);
      expect(ended.stderr).toContain("the previous state is back");
      expect(ended.code).toBeGreaterThan(128);
      expect([host.read("a.conf"), host.read("small/b.conf")]).toEqual(["theirs", undefined]);
      expect((await host.observe()).stdout).toBe("");
    },
  );

  test("an edit made after a kill is not undone by the recovery", async () => {
    const host = hostOf(shell);
    const body = `block .profile env ${heredoc("export WARM=1")}`;
    host.write(".profile", "one\n");
    host.preamble = 'mv() { command mv "$@"; case $* in *.profile.warmbox-new*) kill -KILL -$$ ;; esac; }';
    expect((await host.apply(body)).signal).toBe("SIGKILL");
    host.preamble = "";
    host.write(".profile", `${host.read(".profile")}two\n`);
    const ended = await host.apply(body);
    expect(ended.stderr).toContain(".profile was edited meanwhile: the edit stays");
    expect(host.read(".profile")).toContain("two\n");
    await host.remove(body);
    expect(host.read(".profile")).toBe("one\ntwo\n");
  });

  test("what a reader refuses is not applied, in its own words", async () => {
    const host = hostOf(shell);
    host.write("run.sh", "theirs");
    const broken = await host.apply(`put run.sh 0755 check=sh ${heredoc("if true; then\n")}`);
    expect(broken.code).toBe(65);
    expect(broken.stderr).toMatch(
      /run\.sh: \| .*\n.*is refused by its own reader; nothing was changed\. Next: /,
    );
    expect(host.read("run.sh")).toBe("theirs");
    const result = await host.apply(
      `put run.sh 0755 check_with='grep -q "^ok" {} || { echo not {}; false; }' ${heredoc("no\n")}`,
    );
    expect(result.code).toBe(65);
    expect(result.stderr).toContain("run.sh: | not ");
    const fine = await host.apply(`put run.sh 0755 check_with='grep -q "^ok" {}' ${heredoc("ok\n")}`);
    expect(fine).toMatchObject({ code: 0, stderr: "" });
  });

  test("a file is read by the program that the script names, not by another one of that name", async () => {
    const host = hostOf(shell);
    const old = "#!/bin/sh\necho 'sccache: error: unknown field `disk`' >&2\nexit 2\n"; // in place of an old version
    host.write("bin/sccache", old, 0o755);
    host.env.PATH = `${host.home}/bin:${process.env.PATH}`;
    const config = (words: string) =>
      `put sccache.toml 0644 check=sccache ${words} ${heredoc("[cache.disk]\nsize = 1073741824\n")}`;
    const named = config(`reader=${await toolPath("sccache")}`);
    expect((await host.apply(config(""))).stderr).toContain("unknown field `disk`");
    expect(await host.apply(named)).toMatchObject({ code: 0, stderr: "" });
    expect((await host.apply(named.replace("size = 1", "size = x"))).code).toBe(65);
  });

  test("bazel-remote, started to read a file, does not outlive a killed apply for long", async () => {
    const host = hostOf(shell);
    host.preamble = "WB_ASK_SECONDS=1";
    const daemon = `#!/bin/sh\necho $$ >'${host.home}/started'\nexec sleep 600\n`; // one that never logs that it serves
    host.write("reader", daemon, 0o755);
    const body = `put b.yaml 0644 check=bazel-remote reader=${host.home}/reader ${heredoc("max_size: 1\n")}`;
    const run = host.start(host.script(body), ["apply"]);
    await expect.poll(() => host.read("started"), { timeout: 20_000 }).toMatch(/\d\n/);
    process.kill(run.pid, "SIGKILL");
    await run.ended;
    const alive = () => existsSync(`/proc/${host.read("started")?.trim()}/exe`);
    await expect.poll(alive, { timeout: 20_000 }).toBe(false);
  });

  test("a host without flock is refused at once, and the package is named", async () => {
    const host = hostOf(shell);
    host.preamble = 'command() { [ "$*" != "-v flock" ]; }'; // in place of a PATH without it
    const ended = await host.apply(put("warmbox\n"));
    expect(ended.code).toBe(69);
    expect(ended.stderr).toMatch(/this host has no flock\. Next: install the package util-linux\.\n$/);
    expect(host.contents()[".local"]).toBeUndefined();
  });

  test("cargo's reader refuses a file that cargo cannot read", async () => {
    const host = hostOf(shell);
    const ended = await host.apply(`put .cargo/warmbox.toml 0644 check=cargo ${heredoc("[build\n")}`);
    expect(ended.code).toBe(65);
    expect(ended.stderr).toContain("warmbox.toml: | ");
    const fine = await host.apply(
      `put .cargo/warmbox.toml 0644 check=cargo ${heredoc("[build]\njobs = 2\n")}`,
    );
    expect(fine).toMatchObject({ code: 0, stderr: "" });
    expect(Object.keys(host.tree()).filter((path) => !path.startsWith(".local"))).toEqual([
      "",
      ".cargo",
      ".cargo/warmbox.toml",
    ]);
  });

  test("a unit with a misspelt key is refused; a program of the same script is not missed", async () => {
    const host = hostOf(shell);
    const unit = (key: string) =>
      `put bin/daemon 0755 ${heredoc("#!/bin/sh\n")}\nput .config/systemd/user/demo.service 0644 check=unit ${heredoc(
        `[Service]\nExecStart=${host.home}/bin/daemon\n${key}=1G\n`,
      )}`;
    const ended = await host.apply(unit("MemoryMaxx"));
    expect(ended.code).toBe(65);
    expect(ended.stderr).toContain("MemoryMaxx");
    expect(await host.apply(unit("MemoryMax"))).toMatchObject({ code: 0, stderr: "" });
  });

  test.each([
    ["resource demo owner=x", /generation ''/],
    ["resource demo owner=x generation=1\nput a 644x <<E\nE", /mode '644x'/],
    ["resource demo owner=x generation=1\nput a 0644 chekc=sh <<E\nE", /unknown word 'chekc=sh'/],
    ["resource demo owner=x generation=1\nput a/../b 0644 <<E\nE", /path 'a\/\.\.\/b'/],
    ["resource demo owner=x generation=1\nservice demo kind=process", /kind or file missing/],
    ["resource demo owner=x generation=1\nput a 0644 check=missing <<E\nE", /reader missing is unknown/],
  ])("a bad script ends with 65 and a next step: %s", async (text, said) => {
    const host = hostOf(shell);
    const script = `. '${LIBRARY}'\n${text}\n"$@"\n`;
    const ended = await host.run(script, ["apply"]);
    expect(ended.code).toBe(65);
    expect(ended.stderr).toMatch(said);
    expect(ended.stderr).toMatch(/^warmbox: \S+-demo: .*\. Next: .*\n$/);
  });

  test("a script that is cut off half-way does nothing", async () => {
    const host = hostOf(shell);
    const before = host.contents();
    const script = host.script(put("warmbox\n"));
    await host.run(script.slice(0, script.indexOf('"$@"')), ["apply"]);
    expect(host.contents()).toEqual(before);
  });

  test("nothing is left in the temporary directory", async () => {
    const host = hostOf(shell);
    await host.apply(put("warmbox\n"));
    await host.apply(`put run.sh 0755 check=sh ${heredoc("if\n")}`);
    await host.observe();
    expect((await host.run('ls -A "$TMPDIR"', [])).stdout).toBe("");
    expect(readFileSync(join(host.home, "a.conf"), "utf8")).toBe("warmbox\n");
  });
});
