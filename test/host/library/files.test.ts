import { lstatSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { heredoc, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

const INCLUDE = "include .cargo/config.toml warmbox.toml";
const ENTRY = '{ path = "warmbox.toml", optional = true }';
const LINE = `include = [${ENTRY}] # warmbox`;
const CARGO = ".cargo/config.toml";
const BLOCK = `block .profile env ${heredoc("export WARM=1\n")}`;
const MARKED = "# >>> warmbox env\nexport WARM=1\n# <<< warmbox env\n";

function hostOf(shell: Shell, name?: string): TestHost {
  const host = new TestHost(shell, name);
  onTestFinished(() => host.dispose());
  return host;
}

/** Applies, hands over what the file is then, removes, and demands the bytes and mode of before. */
async function roundTrip(host: TestHost, body: string, path: string, text: string, mode = 0o644) {
  host.write(path, Buffer.from(text, "latin1"), mode);
  expect(await host.apply(body)).toMatchObject({ code: 0, stderr: "" });
  const applied = host.read(path);
  expect(host.mode(path)).toBe(mode.toString(8));
  expect(await host.remove(body)).toMatchObject({ code: 0, stderr: "" });
  expect(host.read(path)).toBe(text);
  expect(host.mode(path)).toBe(mode.toString(8));
  return applied;
}

describe.each(shells())("the user's files, $name", { timeout: 120_000 }, (shell) => {
  test.each([
    ["LF", "[build]\njobs = 4\n", `${LINE}\n[build]\njobs = 4\n`],
    ["CRLF", "# mine\r\n[build]\r\n", `${LINE}\r\n# mine\r\n[build]\r\n`],
    ["no final newline", "[build]\njobs = 4", `${LINE}\n[build]\njobs = 4`],
    ["CRLF without the last", "a = 1\r\n[build]", `${LINE}\r\na = 1\r\n[build]`],
    ["empty", "", `${LINE}\n`],
    ["bytes that are not UTF-8", "# caf\xe9 \xff\n[build]\n", `${LINE}\n# caf\xe9 \xff\n[build]\n`],
    ["byte order mark", "\xef\xbb\xbf[build]\n", `\xef\xbb\xbf${LINE}\n[build]\n`],
    ["include on one line", 'include = ["a.toml"] # c\n[x]\n', `include = [${ENTRY}, "a.toml"] # c\n[x]\n`],
    [
      "include on several lines, with comments",
      'jobs = 1\ninclude = [ # first ]\n  "a.toml", # [x]\n  # { path = "warmbox.toml" }\n]\n[x]\n',
      `jobs = 1\ninclude = [${ENTRY},  # first ]\n  "a.toml", # [x]\n  # { path = "warmbox.toml" }\n]\n[x]\n`,
    ],
    ["include in CRLF at the end", 'include = ["a.toml"]\r\n', `include = [${ENTRY}, "a.toml"]\r\n`],
    ["include as a string", "include = 'a.toml'\n", `include = [${ENTRY}, 'a.toml']\n`],
    ["include of a table only", '[x]\ninclude = ["a"]\n', `${LINE}\n[x]\ninclude = ["a"]\n`],
    ["our own entry there already", `include = ["a.toml", ${ENTRY}]\n`, `include = ["a.toml", ${ENTRY}]\n`],
  ])("include: %s", async (_name, text, applied) => {
    expect(await roundTrip(hostOf(shell), INCLUDE, CARGO, text, 0o600)).toBe(applied);
  });

  test("include: a name with a folder in it, into an array and a string", async () => {
    const host = hostOf(shell);
    const folder = "include .cargo/config.toml folder/warmbox.toml";
    const entry = ENTRY.replace("warmbox", "folder/warmbox");
    for (const text of ['include = ["a.toml"]\n', "include = 'a.toml'\n"])
      expect(await roundTrip(host, folder, CARGO, text)).toBe(
        `include = [${entry}, ${text.match(/["'].*["']/)}]\n`,
      );
  });

  test("include: [[include]] tables are refused with file and line", async () => {
    const host = hostOf(shell);
    host.write(CARGO, '[build]\n[[include]]\npath = "a.toml"\n');
    const ended = await host.apply(INCLUDE);
    expect(ended.code).toBe(65);
    expect(ended.stderr).toContain(`${host.home}/${CARGO}:2: [[include]] tables cannot be extended. Next: `);
    expect(host.read(CARGO)).toBe('[build]\n[[include]]\npath = "a.toml"\n');
  });

  test("include: a file that cargo can no longer read is refused, one that it never could is not judged", async () => {
    const host = hostOf(shell);
    const broken = "[build\n";
    host.write(CARGO, broken);
    expect(await host.apply(INCLUDE)).toMatchObject({ code: 0 });
    expect(await host.remove(INCLUDE)).toMatchObject({ code: 0 });
    expect(host.read(CARGO)).toBe(broken);
    // a string over several lines hides its include line from us, not from cargo
    const hidden = 'a = """\n[x]\n"""\ninclude = ["a.toml"]\n';
    host.write(CARGO, hidden);
    const ended = await host.apply(INCLUDE);
    expect(ended.code).toBe(65);
    expect(ended.stderr).toMatch(/duplicate key/);
    expect(host.read(CARGO)).toBe(hidden);
  });

  test.each([
    ["an edit of another line", (text: string) => text.replace("jobs = 4", "jobs = 8"), "[build]\njobs = 8"],
    ["a line before warmbox's", (text: string) => `# top\n${text}`, "# top\n[build]\njobs = 4"],
    ["another include in our line", (t: string) => t.replace("}]", '}, "mine.toml"]'), null],
    ["our line taken out", (text: string) => text.replace(`${LINE}\n`, ""), "[build]\njobs = 4"],
  ])("include: %s stays when warmbox's is removed", async (_name, edit, left) => {
    const host = hostOf(shell);
    host.write(CARGO, "[build]\njobs = 4");
    await host.apply(INCLUDE);
    host.write(CARGO, edit(host.read(CARGO) ?? ""));
    expect(await host.remove(INCLUDE)).toMatchObject({ code: 0 });
    expect(host.read(CARGO)).toBe(left ?? 'include = ["mine.toml"]\n[build]\njobs = 4');
  });

  test("include: edits made between two applies stay, too", async () => {
    const host = hostOf(shell);
    host.write(CARGO, "[build]\njobs = 4");
    await host.apply(INCLUDE);
    host.write(CARGO, `${LINE}\n[build]\njobs = 9\n`);
    await host.apply(`${INCLUDE}\nblock .cargo/config.toml more ${heredoc("# more\n")}`, { generation: 2 });
    expect(await host.remove(INCLUDE)).toMatchObject({ code: 0, stderr: "" });
    expect(host.read(CARGO)).toBe("[build]\njobs = 9\n");
  });

  test.each([
    ["LF", "umask 022\n", `umask 022\n${MARKED}`],
    ["no final newline", "umask 022", `umask 022\n${MARKED}`],
    ["CRLF", "a\r\nb\r\n", `a\r\nb\r\n${MARKED.replaceAll("\n", "\r\n")}`],
    ["CRLF without the last", "a\r\nb", `a\r\nb\r\n${MARKED.replaceAll("\n", "\r\n")}`],
    ["bytes that are not UTF-8", "PS1='\xe9\xff'\n", `PS1='\xe9\xff'\n${MARKED}`],
  ])("block: %s", async (_name, text, applied) => {
    expect(await roundTrip(hostOf(shell), BLOCK, ".profile", text, 0o640)).toBe(applied);
  });

  test.each([
    ["LF", "umask 022\n", "umask 022\n# mine\n"],
    ["no final newline", "umask 022", "umask 022\n# mine\n"],
  ])("block: a line added behind it stays (%s)", async (_name, text, left) => {
    const host = hostOf(shell);
    host.write(".profile", text);
    await host.apply(BLOCK);
    host.write(".profile", `${host.read(".profile")}# mine\n`);
    const ended = await host.remove(BLOCK);
    expect(ended.stderr).toContain("only warmbox's part is removed, the edit stays");
    expect(host.read(".profile")).toBe(left);
  });

  test("block: an edit before it stays, and the last line gets no end it did not have", async () => {
    const host = hostOf(shell);
    host.write(".profile", "a\r\nb");
    await host.apply(BLOCK);
    host.write(".profile", `# top\r\n${host.read(".profile")}`);
    await host.remove(BLOCK);
    expect(host.read(".profile")).toBe("# top\r\na\r\nb");
  });

  test("block: new text goes in its place, a user's line that says the same is refused by file and line", async () => {
    const host = hostOf(shell);
    host.write(".profile", "one\n");
    await host.apply(BLOCK);
    host.write(".profile", `${host.read(".profile")}two\n`);
    const changed = `block .profile env absent='^export WARM=' ${heredoc("export WARM=2\n")}`;
    expect(await host.apply(changed)).toMatchObject({ code: 0 });
    expect(host.read(".profile")).toBe(`one\n${MARKED.replace("=1", "=2")}two\n`);
    const theirs = `${host.read(".profile")}export WARM=3\n`;
    host.write(".profile", theirs);
    const ended = await host.apply(changed.replace("WARM=2", "WARM=4"));
    expect(ended.code).toBe(65);
    expect(ended.stderr).toContain(".profile:6: export WARM=3 is there already");
    expect(host.read(".profile")).toBe(theirs);
  });

  test("a file that was not there goes again, with the directories made for it", async () => {
    const host = hostOf(shell);
    const before = host.contents();
    const body = `${BLOCK}\n${INCLUDE}\nput .config/a/b/c 0600 ${heredoc("x\n")}\ndirectory .cache/d 0750`;
    const library = { name: "library" };
    await host.apply(body, library);
    expect(host.read(CARGO)).toBe(`${LINE}\n`);
    expect([host.mode(".config/a/b/c"), host.mode(".cache/d")]).toEqual(["600", "750"]);
    expect(await host.remove(body, library)).toMatchObject({ code: 0, stderr: "" });
    expect(host.contents()).toEqual(before);
  });

  test("put: original with mode back if untouched; an edit stays and the original lies beside it", async () => {
    const host = hostOf(shell);
    const body = `put a.conf 0644 ${heredoc("warmbox\n")}\nput b.conf 0644 ${heredoc("warmbox\n")}`;
    host.write("a.conf", "theirs a", 0o604);
    host.write("b.conf", "theirs b", 0o640);
    await host.apply(body);
    await host.apply(body.replace("warmbox", "second"), { generation: 2 });
    host.write("b.conf", "edited\n");
    const ended = await host.remove(body);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("b.conf was edited since it was applied: the edit stays");
    expect([host.read("a.conf"), host.mode("a.conf")]).toEqual(["theirs a", "604"]);
    expect(host.read("b.conf")).toBe("edited\n");
    expect([host.read("b.conf.before-warmbox"), host.mode("b.conf.before-warmbox")]).toEqual([
      "theirs b",
      "640",
    ]);
  });

  test("a file that the script no longer has goes back with the next apply", async () => {
    const host = hostOf(shell);
    host.write("a.conf", "theirs");
    await host.apply(`put a.conf 0644 ${heredoc("warmbox\n")}\nput new/b 0644 ${heredoc("b\n")}\n${INCLUDE}`);
    await host.apply(INCLUDE, { generation: 2 });
    expect(host.read("a.conf")).toBe("theirs");
    expect(() => lstatSync(join(host.home, "new"))).toThrow();
    expect(host.read(CARGO)).toBe(`${LINE}\n`);
  });

  test("a symbolic link stays, its target changes and comes back", async () => {
    const host = hostOf(shell);
    host.write("dotfiles/cargo", "[build]\njobs = 1\n", 0o600);
    mkdirSync(join(host.home, ".cargo"));
    symlinkSync("../dotfiles/cargo", join(host.home, CARGO));
    symlinkSync("dotfiles/absent", join(host.home, "put.conf"));
    const before = host.contents();
    const body = `${INCLUDE}\nput put.conf 0644 ${heredoc("warmbox\n")}`;
    await host.apply(body, { name: "library" });
    expect(readlinkSync(join(host.home, CARGO))).toBe("../dotfiles/cargo");
    expect([host.read("dotfiles/cargo"), host.mode("dotfiles/cargo")]).toEqual([
      `${LINE}\n[build]\njobs = 1\n`,
      "600",
    ]);
    expect(host.read("dotfiles/absent")).toBe("warmbox\n");
    await host.remove(body, { name: "library" });
    expect(host.contents()).toEqual(before);
  });

  test("a HOME with spaces and quotes, and a locale that is not UTF-8", async () => {
    const host = hostOf(shell, "my home 'of' $x `y` \"z\" & (more)");
    Object.assign(host.env, { LC_ALL: "en_US.ISO-8859-1", LANG: "ja_JP.eucJP" });
    host.write(CARGO, Buffer.from("# \xe9\r\n[build]", "latin1"));
    const before = host.contents();
    const body = `${INCLUDE}\n${BLOCK}\nput "a b/c d" 0644 check=sh ${heredoc("echo '\xe9'\n")}\ndirectory "e f" 0700 purge`;
    const quiet = { code: 0, stderr: expect.not.stringContaining("warmbox: ") }; // bash itself misses the locale
    expect(await host.apply(body, { name: "library" })).toMatchObject(quiet);
    expect(host.read("a b/c d")).toBe(Buffer.from("echo '\xe9'\n", "utf8").toString("latin1"));
    host.write("e f/content", "x");
    expect(await host.remove(body, { name: "library" })).toMatchObject(quiet);
    expect(host.contents()).toEqual(before);
  });

  test("purge takes the contents of a directory that we made, never of one that was there", async () => {
    const host = hostOf(shell);
    host.write("theirs/keep", "x");
    const body = "directory made 0700 purge\ndirectory theirs 0700 purge\ndirectory kept 0700";
    await host.apply(body);
    for (const path of ["made/a/b", "theirs/a", "kept/a"]) host.write(path, "x");
    const ended = await host.remove(body);
    expect(ended.stderr).toContain("theirs was there before warmbox: its contents stay");
    expect(host.read("theirs/a") && host.read("theirs/keep") && host.read("kept/a")).toBe("x");
    expect(host.read("made/a/b")).toBeUndefined();
    expect(() => lstatSync(join(host.home, "made"))).toThrow();
  });

  test("purge never takes a directory of the user's, made where a failed apply had made one", async () => {
    const host = hostOf(shell);
    const body = (check: string) =>
      `directory cache 0700 purge\nput new/conf 0644 ${heredoc("x\n")}\nlive demo yes 'echo ${check}'`;
    expect((await host.apply(body("no"))).code).toBe(78);
    expect(host.read("new/conf")).toBeUndefined();
    host.write("cache/mine", "x");
    host.write("new/mine", "x");
    expect(await host.apply(body("yes"))).toMatchObject({ code: 0 });
    await host.remove(body("yes"));
    expect([host.read("cache/mine"), host.read("new/mine")]).toEqual(["x", "x"]);
  });

  test("secrets: 0600 in 0700 directories, and no reader but the owner", async () => {
    const host = hostOf(shell);
    await host.apply(`put secret.env 0600 secret ${heredoc("KEY=hunter2\n")}`);
    const modes = Object.entries(host.tree(".local/state/warmbox"))
      .filter(([path]) => path.includes("demo") || path.endsWith("warmbox"))
      .map(([, entry]) => entry.mode);
    expect(new Set(modes)).toEqual(new Set(["700", "600"]));
    expect(host.mode("secret.env")).toBe("600");
  });
});
