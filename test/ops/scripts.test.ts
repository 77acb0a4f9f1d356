import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostScript } from "../../host/host-script.ts";
import { parseSections } from "../../host/sections.ts";
import { parseStackConfig } from "../../stacks/config.ts";

/** Hosts have one of these as their sh. */
const SHELLS = [["dash"], ["bash"], ["busybox", "sh"]];

const { box: host } = parseStackConfig({
  hosts: { box: { sccache: { port: 1024 }, "bazel-remote": { http_address: "127.0.0.1:1025" } } },
}).hosts;

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "warmbox-scripts-"));
  const workspace = join(home, "my code");
  mkdirSync(workspace);
  writeFileSync(join(workspace, "README"), "a workspace\n");
  const git = (...args: string[]) => execFileSync("git", ["-C", workspace, ...args]);
  git("init", "-q");
  git("add", "-A");
  git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x");
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

async function run(shell: readonly string[], files: string[], call: string, words: string[] = []) {
  if (host === undefined) throw new Error("no host box");
  const [program = "", ...args] = shell;
  const input = hostScript(host, files, call, words);
  return spawnSync(program, [...args, "-s"], {
    input,
    encoding: "utf8",
    env: {
      HOME: home,
      PATH: process.env.PATH,
      RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    },
  });
}

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("under %s", (_name, shell) => {
  it("status of an empty home is whole and quiet", async () => {
    const done = await run(shell, ["warmbox.sh", "probe.sh", "status.sh"], "status");
    expect([done.stderr, done.status]).toEqual(["", 0]);
    const sections = parseSections(done.stdout);
    expect(sections.at(-1)?.name).toBe("end");
    expect(sections.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["host", "now", "disks", "registry", "budget"]),
    );
  });

  it("doctor of an empty home is whole and quiet, and writes nothing", async () => {
    const before = readdirSync(home).sort();
    const words = ["grpc=127.0.0.1:1026", "workspace=my code"];
    const done = await run(shell, ["warmbox.sh", "probe.sh", "status.sh", "doctor.sh"], "doctor", words);
    expect([done.stderr, done.status]).toEqual(["", 0]);
    const sections = parseSections(done.stdout);
    expect(sections.at(-1)?.name).toBe("end");
    expect(sections.find(({ name }) => name === "workspace")).toEqual({
      name: "workspace",
      args: join(home, "my code"),
      lines: ["git"],
    });
    expect(sections.filter(({ name }) => name === "port").map(({ args }) => args)).toEqual([
      "sccache 1024",
      "http 1025",
      "grpc 1026",
    ]);
    expect(readdirSync(home).sort()).toEqual(before);
  });

  it("warm runs its steps in a worktree, once, with spaces in path and command", async () => {
    const words = ["workspace=my code", "force=0", `step=echo "it's  ${shell.join(" ")}: $(cat README)"`];
    const first = await run(shell, ["warm.sh"], "warm", words);
    expect([first.stderr, first.status]).toEqual(["", 0]);
    expect(first.stdout).toMatch(
      /^\|out it's {2}.*: a workspace\n\|ended 1 \d+ 0\n\|result filled [0-9a-f]{40}\n$/m,
    );
    expect((await run(shell, ["warm.sh"], "warm", words)).stdout).toMatch(/^\|result warm [0-9a-f]{40}\n$/);
    const state = readdirSync(join(home, ".cache/warmbox/warm"));
    expect(state).toHaveLength(1);
    expect(readdirSync(join(home, ".cache/warmbox/warm", state[0] ?? "")).sort()).toEqual([
      "done",
      "key",
      "lock",
    ]);
  });
});
