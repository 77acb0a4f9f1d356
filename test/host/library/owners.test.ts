import { readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { sentLibrary } from "../sent.ts";
import { heredoc, LIBRARY, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

const BODY = `put a.conf 0644 ${heredoc("one\n")}
include .cargo/config.toml warmbox.toml
block .profile env ${heredoc("export WARM=1\n")}
directory .cache/demo 0700`;

function hostOf(shell: Shell): TestHost {
  const host = new TestHost(shell);
  onTestFinished(() => host.dispose());
  host.write("a.conf", "theirs");
  host.write(".profile", "umask 022");
  return host;
}

describe.each(shells())("ledger and owners, $name", { timeout: 120_000 }, (shell) => {
  test("a converged apply writes nothing, not even a time stamp", async () => {
    const host = hostOf(shell);
    await host.apply(BODY);
    const before = host.tree();
    expect(await host.apply(BODY)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(host.tree()).toEqual(before);
  });

  test("a user's edit of a file of theirs is no drift, and a converged apply leaves it and the ledger alone", async () => {
    const host = hostOf(shell);
    await host.apply(BODY);
    host.write(".profile", `# mine\n${host.read(".profile")}`);
    const before = host.tree();
    await host.apply(BODY);
    expect(host.tree()).toEqual(before);
    expect((await host.observe()).stdout).toBe("@@warmbox ledger demo owner=local generation=1\n");
  });

  test("another generation or owner rewrites the ledger and nothing else", async () => {
    const host = hostOf(shell);
    await host.apply(BODY);
    const before = host.tree("a.conf");
    const ended = await host.apply(BODY, { owner: "s3", generation: 2 });
    expect(ended.stderr).toMatch(/taking over from stack local\n$/);
    expect(host.tree("a.conf")).toEqual(before);
    expect((await host.observe()).stdout).toBe("@@warmbox ledger demo owner=s3 generation=2\n");
  });

  test("two owners: the last apply owns it, the first owner's remove leaves it, originals are the first's", async () => {
    const host = hostOf(shell);
    const before = host.contents();
    const s3 = BODY.replace("one", "two");
    await host.apply(BODY, { name: "library" });
    await host.apply(s3, { name: "library", owner: "s3" });
    const taken = host.tree();
    const left = await host.remove(BODY, { name: "library" });
    expect(left.code).toBe(0);
    expect(left.stderr).toContain("it belongs to stack s3 now: left alone");
    expect(host.tree()).toEqual(taken);
    expect(await host.remove(s3, { name: "library", owner: "s3" })).toMatchObject({ code: 0, stderr: "" });
    expect(host.contents()).toEqual(before);
  });

  test("remove again, or where nothing was applied, changes nothing", async () => {
    const host = hostOf(shell);
    const before = host.contents();
    expect(await host.remove(BODY)).toMatchObject({ code: 0, stderr: "" });
    expect(host.contents()).toEqual(before);
    await host.apply(BODY);
    await host.remove(BODY);
    const removed = host.contents();
    expect(await host.remove(BODY)).toMatchObject({ code: 0, stderr: "" });
    expect(host.contents()).toEqual(removed);
  });

  test("the library brings itself, goes last, and leaves HOME as it was", async () => {
    const host = hostOf(shell);
    const before = host.contents();
    const text = readFileSync(LIBRARY, "utf8");
    const script = sentLibrary(`. "$wb_sent/warmbox.sh"\nresource library owner=local generation=7
put .local/share/warmbox/warmbox.sh 0644 from="$wb_sent/warmbox.sh"\n"$@"\n`);
    expect(await host.run(script, ["apply"])).toMatchObject({ code: 0, stderr: "" });
    expect(host.read(".local/share/warmbox/warmbox.sh")).toBe(Buffer.from(text).toString("latin1"));
    const tree = host.tree();
    expect(await host.run(script, ["apply"])).toMatchObject({ code: 0, stderr: "" });
    expect(host.tree()).toEqual(tree);
    const demo = `. "$HOME/.local/share/warmbox/warmbox.sh" || exit 69\nresource demo owner=local generation=1\n${BODY}\n"$@"\n`;
    expect(await host.run(demo, ["apply"])).toMatchObject({ code: 0, stderr: "" });
    const early = await host.run(script, ["remove"]);
    expect(early.stderr).toContain("still needed by demo (stack local): left in place");
    expect(await host.run(demo, ["remove"])).toMatchObject({ code: 0, stderr: "" });
    expect(await host.run(script, ["remove"])).toMatchObject({ code: 0, stderr: "" });
    expect(host.contents()).toEqual(before);
    expect((await host.run('ls -A "$TMPDIR"', [])).stdout).toBe("");
  });

  test("a large file is put by its sha256 and not copied into the ledger", async () => {
    const host = hostOf(shell);
    host.write("incoming", "binary \x7fELF");
    const sum = (await host.run('sha256sum <"$HOME/incoming"', [])).stdout.slice(0, 64);
    const body = `put tool 0755 from="$HOME/incoming" sha256=${sum}`;
    await host.apply(body);
    const before = host.tree();
    expect(await host.apply(body)).toMatchObject({ code: 0, stderr: "" });
    expect(host.tree()).toEqual(before);
    expect((await host.run('ls "$HOME/.local/state/warmbox/demo/objects"', [])).stdout).toBe("");
    expect((await host.run('rm "$HOME/incoming"', [])).code).toBe(0);
    expect(await host.apply(body, { generation: 2 })).toMatchObject({ code: 0, stderr: "" });
    host.write("tool", "other");
    expect((await host.observe()).stdout).toContain("|-as applied\n|+differs\n");
    const missing = await host.apply(body);
    expect(missing.code).toBe(65);
    expect(missing.stderr).toContain("Next: bring the file first");
  });
});

describe.each(shells())("observe, $name", { timeout: 120_000 }, (shell) => {
  test("prints nothing where nothing is installed, and writes nothing", async () => {
    const host = hostOf(shell);
    const before = host.tree();
    expect(await host.observe()).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(host.tree()).toEqual(before);
  });

  test("shows every drift as a diff, and apply repairs it", async () => {
    const host = hostOf(shell);
    const body = `${BODY}\nput secret.env 0600 secret ${heredoc("KEY=hunter2\n")}\nput b.conf 0644 ${heredoc("b\n")}`;
    await host.apply(body);
    host.write("a.conf", "one\nmore\n", 0o600);
    host.write(".cargo/config.toml", "");
    host.write(".profile", "umask 022\n# >>> warmbox env\nexport WARM=7\n# <<< warmbox env\n");
    host.write("secret.env", "KEY=other\n", 0o600);
    expect((await host.run('rm "$HOME/b.conf"; rmdir "$HOME/.cache/demo"', [])).code).toBe(0);
    const before = host.tree();
    expect((await host.observe()).stdout).toBe(
      `@@warmbox ledger demo owner=local generation=1
|--- a.conf (applied)
|+++ a.conf (now)
|@@ -1 +1,2 @@
| one
|+more
|--- a.conf (applied)
|+++ a.conf (now)
|@@ -1 +1 @@
|-mode 0644
|+mode 0600
|--- .cargo/config.toml (applied)
|+++ .cargo/config.toml (now)
|@@ -1 +0,0 @@
|-include = [{ path = "warmbox.toml", optional = true }] # warmbox
|--- .profile (applied)
|+++ .profile (now)
|@@ -1,4 +1,4 @@
| umask 022
| # >>> warmbox env
|-export WARM=1
|+export WARM=7
| # <<< warmbox env
|--- .cache/demo (applied)
|+++ .cache/demo (now)
|@@ -1 +1 @@
|-directory
|+missing
|--- secret.env (applied)
|+++ secret.env (now)
|@@ -1 +1 @@
|-as applied
|+differs
|--- b.conf (applied)
|+++ b.conf (now)
|@@ -1 +0,0 @@
|-b
`,
    );
    expect(host.tree()).toEqual(before);
    await host.apply(body, { generation: 2 });
    expect((await host.observe()).stdout).toBe("@@warmbox ledger demo owner=local generation=2\n");
  });
});
