import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { heredoc, LIBRARY, TestHost } from "./host.ts";
import { type Shell, shells } from "./shells.ts";

/** Commands by which the library writes. */
const WRITERS = ["mkdir", "mv", "cp", "rm", "rmdir", "ln", "cat", "chmod"];
/**
 * The same with those whose output a redirection writes, for the tests whose steps the shells share. Not covered: the
 * moment between the shell's opening of a file and the command behind it.
 */
const ALL_WRITERS = [...WRITERS, "chown", "find", "true", "sed", "grep"];
/**
 * A killed process loses nothing that the kernel has: the disk need not be waited for here, nor a live line that shall
 * not come true.
 */
const NO_SYNC = "sync() { :; }\nwb_pause() { :; }";
/** Each shell takes every so many steps of the longer tests, and all of them together every step. */
const STRIDE = 3;
/** A PATH without cargo, which would read the user's file at every step. */
const BARE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** More steps than any run has. */
const MOST_STEPS = 1000;

const OLD_CARGO = "# mine\r\n[build]\r\njobs = 4";
const OLD_CONFIG = "old: config\n";
const OLD_PROFILE = "umask 022\nPS1='\xe9 '";
const FIRST_CONFIG = "first: config\n";
const NEW_CONFIG = "new: config\n";
/** The one resource whose remove cleans the state directory, too. */
const RESOURCE = { name: "library" };

const body = (text: string) => `
directory .cache/demo 0700
put .config/demo/config.yaml 0640 ${heredoc(text)}
put .config/fresh/deep/file 0644 ${heredoc("fresh\n")}
include .cargo/config.toml warmbox.toml
block .profile env ${heredoc("export WARM=1\n")}`;

/** Shadows every writer by a function that counts, and at step `at` kills the whole process group before it acts. */
function trap(counter: string, at: number, writers = WRITERS): string {
  const shadow = (name: string) =>
    `${name}() { read -r k <'${counter}'; k=$((k + 1)); echo $k >'${counter}'; [ $k -ne ${at} ] || kill -KILL -$$; command ${name} "$@"; }`;
  return [...writers.map(shadow), NO_SYNC].join("\n");
}

function prepare(shell: Shell): TestHost {
  const host = new TestHost(shell);
  host.env.PATH = BARE_PATH;
  host.preamble = NO_SYNC;
  host.write(".cargo/config.toml", Buffer.from(OLD_CARGO, "latin1"), 0o600);
  host.write(".config/demo/config.yaml", OLD_CONFIG, 0o604);
  host.write(".profile", Buffer.from(OLD_PROFILE, "latin1"));
  return host;
}

/** Runs `word` with a kill at step `at`; says whether the kill came. One that came through must end with `code`. */
async function killedAt(
  host: TestHost,
  at: number,
  word: string,
  script: string,
  { code = 0, writers = WRITERS, resource = RESOURCE as typeof RESOURCE & { owner?: string } } = {},
): Promise<boolean> {
  const counter = join(host.root, "count");
  writeFileSync(counter, "0\n");
  host.preamble = trap(counter, at, writers);
  const ended = await host.run(host.script(script, resource), [word]);
  host.preamble = NO_SYNC;
  if (ended.signal === "SIGKILL") return true;
  expect(ended, `${word} that was not killed at step ${at}`).toMatchObject({ code });
  expect(Number(readFileSync(counter, "utf8"))).toBeLessThan(at);
  return false;
}

async function succeed(host: TestHost, word: "apply" | "remove", script: string, step: number) {
  expect(await host[word](script, RESOURCE), `${word} after a kill at step ${step}`).toMatchObject({
    code: 0,
  });
}

const NEW_CARGO = `include = [{ path = "warmbox.toml", optional = true }] # warmbox\r\n${OLD_CARGO}`;
const NEW_PROFILE = `${OLD_PROFILE}\n# >>> warmbox env\nexport WARM=1\n# <<< warmbox env\n`;

/** Every file is whole: its old content or its new one. */
function expectWhole(host: TestHost, texts: string[], step: number) {
  const at = `at step ${step}`;
  expect([OLD_CARGO, NEW_CARGO], at).toContain(host.read(".cargo/config.toml"));
  expect(texts, at).toContain(host.read(".config/demo/config.yaml"));
  expect([OLD_PROFILE, NEW_PROFILE], at).toContain(host.read(".profile"));
  expect([undefined, "fresh\n"], at).toContain(host.read(".config/fresh/deep/file"));
}

/**
 * Everything but the library's own store: bytes that a killed run put there stay until the next change. Of a change
 * under way nothing may be left.
 */
function settled(host: TestHost) {
  const all = Object.entries(host.contents());
  const under = all.filter(([path]) =>
    /warmbox-(new|old)|library\/(journal|done|touched|ledger\.old)$/.test(path),
  );
  expect(under).toEqual([]);
  return Object.fromEntries(all.filter(([path]) => !path.startsWith(".local/state/warmbox")));
}

/** All of it is in place, and nothing else. */
function expectApplied(host: TestHost, step: number) {
  const at = `applied after a kill at step ${step}`;
  expect(host.read(".config/demo/config.yaml"), at).toBe(NEW_CONFIG);
  expect(host.read(".cargo/config.toml"), at).toBe(NEW_CARGO);
  expect(host.read(".profile"), at).toBe(NEW_PROFILE);
  expect(host.read(".config/fresh/deep/file"), at).toBe("fresh\n");
  expect(Object.keys(host.tree()).filter((path) => /warmbox-(new|old)/.test(path))).toEqual([]);
}

/** One killing run after another, each `stride` steps later, until one comes through. */
async function everyStep(cycle: (step: number) => Promise<boolean>, first = 1, stride = 1) {
  let step = first;
  while (step < MOST_STEPS && (await cycle(step))) step += stride;
  expect(step).toBeGreaterThan(20);
  expect(step).toBeLessThan(MOST_STEPS);
}

describe.concurrent.each(shells())("killed at every step, $name", { timeout: 900_000 }, (shell) => {
  test("a first apply and a remove: completed, or taken back, without a byte lost", async ({
    onTestFinished,
  }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    const before = host.contents();
    let removing = true;
    await everyStep(async (step) => {
      const applying = await killedAt(host, step, "apply", body(NEW_CONFIG));
      expectWhole(host, [OLD_CONFIG, NEW_CONFIG], step);
      if (!applying || step % 2 === 1) {
        if (applying) await succeed(host, "apply", body(NEW_CONFIG), step);
        expectApplied(host, step);
        // a remove has other steps, about as many
        if (removing) removing = await killedAt(host, step, "remove", body(NEW_CONFIG));
        expectWhole(host, [OLD_CONFIG, NEW_CONFIG], step);
        if (removing) removing = (await killedAt(host, step + 1, "remove", body(NEW_CONFIG))) || removing;
      }
      await succeed(host, "remove", body(NEW_CONFIG), step);
      expect(host.contents(), `after a kill at step ${step} and remove`).toEqual(before);
      return applying;
    });
  });

  test("a later apply", async ({ onTestFinished }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    const before = host.contents();
    await succeed(host, "apply", body(FIRST_CONFIG), 0);
    await everyStep(async (step) => {
      const [from, to] = step % 2 === 1 ? [FIRST_CONFIG, NEW_CONFIG] : [NEW_CONFIG, FIRST_CONFIG];
      const killed = await killedAt(host, step, "apply", body(to));
      expectWhole(host, [from, to], step);
      if (killed) await succeed(host, "apply", body(to), step);
      expect(host.read(".config/demo/config.yaml")).toBe(to);
      return killed;
    });
    await succeed(host, "remove", body(NEW_CONFIG), 0);
    expect(host.contents()).toEqual(before);
  });

  test("a restore of what was proved", async ({ onTestFinished }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    const before = host.contents();
    await succeed(host, "apply", body(FIRST_CONFIG), 0);
    const library = `. '${LIBRARY}'\n`;
    expect(await host.run(`${library}proved library\n`, [])).toMatchObject({ code: 0 });
    const restore = (traps: string) => host.run(`${library}${traps}\nrestore library why\n`, []);
    await everyStep(async (step) => {
      await succeed(host, "apply", body(NEW_CONFIG), step);
      const counter = join(host.root, "count");
      writeFileSync(counter, "0\n");
      const { signal } = await restore(trap(counter, step));
      expectWhole(host, [FIRST_CONFIG, NEW_CONFIG], step);
      // both ways on from there: the proof puts it back once more, or an up tries the new one again
      if (step % 2 === 1) expect(await restore(NO_SYNC), `at step ${step}`).toMatchObject({ code: 0 });
      if (step % 2 === 1) expect(host.read(".config/demo/config.yaml"), `at step ${step}`).toBe(FIRST_CONFIG);
      return signal === "SIGKILL";
    });
    await succeed(host, "remove", body(NEW_CONFIG), 0);

    expect(host.contents()).toEqual(before);
  });

  /** The step this shell begins with, where the shells share the steps. */
  const own = 1 + shells().findIndex(({ name }) => name === shell.name);

  test("an apply that fails at its end, in the middle of putting everything back", async ({
    onTestFinished,
  }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    await succeed(host, "apply", body(FIRST_CONFIG), 0);
    const first = settled(host);
    const failing = `${body(NEW_CONFIG)}\nput .config/more/file 0644 ${heredoc("more\n")}\nlive demo yes 'echo no'`;
    const cycle = async (step: number) => {
      const killed = await killedAt(host, step, "apply", failing, { code: 78, writers: ALL_WRITERS });
      expectWhole(host, [FIRST_CONFIG, NEW_CONFIG], step);
      if (killed) await succeed(host, "apply", body(FIRST_CONFIG), step);
      expect(settled(host), `after a kill at step ${step}`).toEqual(first);
      return killed;
    };
    await everyStep(cycle, own, STRIDE);
  });

  test("a second time, in the middle of the recovery from the first", async ({ onTestFinished }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    await succeed(host, "apply", body(FIRST_CONFIG), 0);
    const first = settled(host);
    let recoveries = 0;
    let early = 0; // kills of the second run that came before it was done with the recovery
    const cycle = async (step: number) => {
      const killed = await killedAt(host, step, "apply", body(NEW_CONFIG));
      const journal = ".local/state/warmbox/library/journal";
      const open = host.read(journal) !== undefined;
      // some eight commands come before the recovery, which takes about as many again and more
      const again = killed && (await killedAt(host, 6 + (recoveries % 20), "apply", body(FIRST_CONFIG)));
      if (open) recoveries++;
      if (open && again && host.read(journal) !== undefined) early++;
      expectWhole(host, [FIRST_CONFIG, NEW_CONFIG], step);
      await succeed(host, "apply", body(FIRST_CONFIG), step);
      expect(settled(host), `after kills at step ${step} and in the recovery`).toEqual(first);
      return killed;
    };
    await everyStep(cycle, own, STRIDE);
    expect(early).toBeGreaterThan(0);
  });

  test("secrets, files from elsewhere, other owners of directories, dropped lines and another stack", async ({
    onTestFinished,
  }) => {
    const host = prepare(shell);
    onTestFinished(() => host.dispose());
    host.write("incoming", "\x7fELF");
    host.write(".theirs", "theirs");
    const before = host.contents();
    const some = (word: string) => `put .config/key 0600 secret ${heredoc(`KEY=${word}\n`)}
directory .cache/given 0750 owner=1234:1234`;
    const local = `${some("one")}\nput .theirs 0600 ${heredoc("warmbox\n")}\n${body(FIRST_CONFIG)}`;
    const s3 = `${some("two")}\nput .local/bin/tool 0755 from="$HOME/incoming"\nput .config/demo/config.yaml 0640 ${heredoc(NEW_CONFIG)}`;
    await succeed(host, "apply", local, 0);
    const asLocal = settled(host);
    const cycle = async (step: number) => {
      const resource = { ...RESOURCE, owner: "s3" };
      const killed = await killedAt(host, step, "apply", s3, { resource, writers: ALL_WRITERS });
      expectWhole(host, [FIRST_CONFIG, NEW_CONFIG], step);
      expect(["theirs", "warmbox\n"]).toContain(host.read(".theirs"));
      expect(["KEY=one\n", "KEY=two\n"]).toContain(host.read(".config/key"));
      if (killed && step % 2 === 0) expect(await host.apply(s3, resource)).toMatchObject({ code: 0 });
      if (!killed || step % 2 === 0) expect(host.read(".theirs")).toBe("theirs");
      await succeed(host, "apply", local, step);
      expect(settled(host), `taken back after a kill at step ${step}`).toEqual(asLocal);
      return killed;
    };
    await everyStep(cycle, own, STRIDE);
    await succeed(host, "remove", local, 0);
    expect(host.contents()).toEqual(before);
  });
});
