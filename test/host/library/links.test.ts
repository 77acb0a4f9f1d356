import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { heredoc, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

/** A user who puts their files under a dotfile manager's care after warmbox has been there. */
const LIBRARY = { name: "library" };
const INCLUDE = "include .cargo/config.toml warmbox.toml";
const LINE = 'include = [{ path = "warmbox.toml", optional = true }] # warmbox';
const block = (value: number) => `block .profile env ${heredoc(`export WARM=${value}\n`)}`;
const put = (text: string) => `put a.conf 0644 ${heredoc(text)}`;
const body = (value: number) =>
  `${INCLUDE}\n${block(value)}\n${put(`${value}\n`)}\ndirectory kept 0700 purge`;
const FILES = [".cargo/config.toml", ".profile", "a.conf"];

function hostOf(shell: Shell): TestHost {
  const host = new TestHost(shell);
  onTestFinished(() => host.dispose());
  host.write(".cargo/config.toml", "[build]\njobs = 1\n", 0o600);
  host.write(".profile", "umask 022\n", 0o640);
  host.write("a.conf", "theirs\n");
  return host;
}

/** Moves a file or directory of HOME into `dotfiles` and leaves a link. */
function moveAway(host: TestHost, path: string) {
  const [from, to] = [join(host.home, path), join(host.home, "dotfiles", path)];
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
  symlinkSync(relative(dirname(from), to), from);
}

const expectLinks = (host: TestHost) => {
  for (const path of FILES) expect(lstatSync(join(host.home, path)).isSymbolicLink(), path).toBe(true);
};

describe.each(shells())("a file that became a link, $name", { timeout: 120_000 }, (shell) => {
  test("is no drift, stays a link, and its target changes and comes back", async () => {
    const host = hostOf(shell);
    await host.apply(body(1), LIBRARY);
    for (const path of [...FILES, "kept"]) moveAway(host, path);
    host.write("dotfiles/kept/mine", "x");
    expect((await host.observe()).stdout).toBe("@@warmbox ledger library owner=local generation=1\n");
    const moved = host.tree();
    expect(await host.apply(body(1), LIBRARY)).toMatchObject({ code: 0, stderr: "" });
    expectLinks(host);
    for (const path of FILES)
      expect(host.tree()[`dotfiles/${path}`], path).toEqual(moved[`dotfiles/${path}`]);

    expect(await host.apply(body(2), { ...LIBRARY, generation: 2 })).toMatchObject({ code: 0, stderr: "" });
    expectLinks(host);
    expect(host.read(".cargo/config.toml")).toBe(`${LINE}\n[build]\njobs = 1\n`);
    expect(host.read("dotfiles/.profile")).toContain("export WARM=2\n");
    expect(host.read("dotfiles/a.conf")).toBe("2\n");
    expect(host.mode("dotfiles/.cargo/config.toml")).toBe("600");
    expect((await host.observe()).stdout).toBe("@@warmbox ledger library owner=local generation=2\n");

    host.write("dotfiles/.profile", "umask 022\n", 0o640);
    expect((await host.observe()).stdout).toContain("|--- .profile (applied)\n");
    await host.apply(body(2), { ...LIBRARY, generation: 3 });

    expect(await host.remove(body(2), LIBRARY)).toMatchObject({ code: 0 });
    expectLinks(host);
    expect(host.read("dotfiles/.cargo/config.toml")).toBe("[build]\njobs = 1\n");
    expect([host.read("dotfiles/.profile"), host.mode("dotfiles/.profile")]).toEqual(["umask 022\n", "640"]);
    expect(host.read("dotfiles/a.conf")).toBe("theirs\n");
    expect(readlinkSync(join(host.home, "kept"))).toBe("dotfiles/kept");
    expect(host.read("dotfiles/kept/mine")).toBe("x");
  });

  test("is removed from, too, without another apply, and dropped from by one", async () => {
    const host = hostOf(shell);
    await host.apply(body(1), LIBRARY);
    for (const path of FILES) moveAway(host, path);
    expect(await host.apply(INCLUDE, { ...LIBRARY, generation: 2 })).toMatchObject({ code: 0, stderr: "" });
    expectLinks(host);
    expect([host.read("dotfiles/.profile"), host.read("dotfiles/a.conf")]).toEqual([
      "umask 022\n",
      "theirs\n",
    ]);
    expect(await host.remove(INCLUDE, LIBRARY)).toMatchObject({ code: 0, stderr: "" });
    expectLinks(host);
    expect(host.read("dotfiles/.cargo/config.toml")).toBe("[build]\njobs = 1\n");
  });

  test("a link that became a plain file, or has another target now, is drift, and both files are repaired", async () => {
    const host = hostOf(shell);
    for (const path of FILES) moveAway(host, path);
    await host.apply(body(1), LIBRARY);
    for (const path of FILES) rmSync(join(host.home, path));
    host.write(".profile", host.read("dotfiles/.profile") ?? "", 0o640); // as `sed -i` does
    host.write(".cargo/config.toml", "[build]\njobs = 2\n", 0o600);
    host.write("elsewhere", "1\n", 0o604);
    symlinkSync("elsewhere", join(host.home, "a.conf"));
    const output = (await host.observe()).stdout;
    expect(output).toContain("|--- .cargo/config.toml (applied)\n");
    expect(await host.apply(body(2), { ...LIBRARY, generation: 2 })).toMatchObject({ code: 0 });
    expect(host.read(".cargo/config.toml")).toBe(`${LINE}\n[build]\njobs = 2\n`);
    expect(host.read("dotfiles/.cargo/config.toml")).toBe("[build]\njobs = 1\n");
    expect(host.read(".profile")).toContain("export WARM=2\n");
    expect([host.read("dotfiles/.profile"), host.read("dotfiles/a.conf")]).toEqual([
      "umask 022\n",
      "theirs\n",
    ]);
    expect(await host.remove(body(2), LIBRARY)).toMatchObject({ code: 0 });
    expect(host.read(".cargo/config.toml")).toBe("[build]\njobs = 2\n");
    expect(host.read(".profile")).toBe("umask 022\n");
    expect([host.read("elsewhere"), host.mode("elsewhere")]).toEqual(["1\n", "604"]);
  });

  test("a copy in the link's place is cleaned by remove, without another apply", async () => {
    const host = hostOf(shell);
    for (const path of FILES) moveAway(host, path);
    await host.apply(body(1), LIBRARY);
    for (const path of [".profile", ".cargo/config.toml"]) {
      const text = host.read(path) ?? "";
      rmSync(join(host.home, path));
      host.write(path, text);
    }
    expect(await host.remove(body(1), LIBRARY)).toMatchObject({ code: 0 });
    expect([host.read(".profile"), host.read("dotfiles/.profile")]).toEqual(["umask 022\n", "umask 022\n"]);
    const cargo = "[build]\njobs = 1\n";
    expect([host.read(".cargo/config.toml"), host.read("dotfiles/.cargo/config.toml")]).toEqual([
      cargo,
      cargo,
    ]);
  });
});
