/** A host that the last 0.1 checkout set up, in the hands of this one, and the way back: one project folder, one state. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demand } from "../support/process.ts";
import { type Box, listing, makeBox } from "./box.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** The last commit of version 0.1. */
const OLD = "3ccc9a6";
const hasHistory = spawnSync("git", ["cat-file", "-e", `${OLD}^{commit}`], { cwd: ROOT }).status === 0;

const STACK = "stacks/Pulumi.upgraded.yaml";

/** No final newline, CRLF, a setting of the user's own: what an upgrade could spoil. */
const USERS_FILES: Record<string, string> = {
  ".profile": "umask 022\nexport MINE=1",
  ".bashrc": "# bash\nalias ll='ls -l'\n",
  ".cargo/config.toml": "# mine\r\n[term]\r\nquiet = false\r\n",
};

/** What `destroy` leaves on purpose, and npm's records of the packages' installation. */
const STAYS = [".cache", ".pulumi", ".config/warmbox/passphrase", ".npm", ".cargo/registry"];

const ENTRY = "an entry of the cache, from before the upgrade";
const DIGEST = createHash("sha256").update(ENTRY).digest("hex");
const SCCACHE_ENTRY = `.cache/sccache/a/b/ab${DIGEST.slice(2)}`;

type Version = "old" | "new";

let box: Box;
let current: Version = "new";
let before: string[];

beforeAll(async () => {
  if (!hasHistory) return;
  box = await makeBox();
  for (const [path, text] of Object.entries(USERS_FILES)) write(join(box.home, path), text);
  mkdirSync(join(box.home, ".config/warmbox"), { recursive: true }); // where Pulumi's passphrase stays
  box.stack("upgraded", { sccache: { max_size: "2GiB" }, "bazel-remote": { max_size: "2GiB" } });
  before = listing(box.home, STAYS);
  const archive = join(dirname(box.project), "old.tar");
  mkdirSync(folderOf("old"));
  await demand(["git", "archive", `--output=${archive}`, OLD], { cwd: ROOT });
  await demand(["tar", "-xf", archive, "-C", folderOf("old")]);
});

afterAll(async () => {
  if (!hasHistory) return;
  await command("new", "destroy", "--yes");
  box.remove();
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Where a checkout waits while the other one is the project folder. */
const folderOf = (version: Version): string => join(dirname(box.project), version);

/** Makes a version the project folder, as git would: the same path, the same stack file. */
function checkOut(version: Version): void {
  if (version === current) return;
  copyFileSync(join(box.project, STACK), join(folderOf(version), STACK));
  renameSync(box.project, folderOf(current));
  renameSync(folderOf(version), box.project);
  current = version;
}

/** Runs a command of one version and demands its success. Each version does its own set-up; npm's downloads are shared. */
async function command(version: Version, ...args: string[]): Promise<string> {
  checkOut(version);
  const npmCache = process.env.npm_config_cache ?? join(homedir(), ".npm");
  const argv = [process.execPath, "setup/run.mjs", ...args, "--stack", "upgraded"];
  const done = await box.run(argv, box.project, { npm_config_cache: npmCache });
  expect(done.code, `${version} ${args.join(" ")}:\n${done.output}`).toBe(0);
  return done.output;
}

/** Every path in the directories of sccache and of bazel-remote. */
const cached = (): string[] =>
  ["sccache", "bazel-remote"].flatMap((name) => listing(join(box.home, ".cache", name)));

const entryUrl = (): string => `http://127.0.0.1:${box.ports.http}/cas/${DIGEST}`;

/** Puts an entry into each cache, as a build would. */
async function fillCaches(): Promise<void> {
  write(join(box.home, SCCACHE_ENTRY), ENTRY);
  expect((await fetch(entryUrl(), { method: "PUT", body: ENTRY })).status).toBe(200);
}

async function expectCached(): Promise<void> {
  expect(readFileSync(join(box.home, SCCACHE_ENTRY), "utf8")).toBe(ENTRY);
  const answer = await fetch(entryUrl());
  expect([answer.status, await answer.text()]).toEqual([200, ENTRY]);
}

function expectUsersLinesKept(): void {
  for (const [path, text] of Object.entries(USERS_FILES)) {
    const now = readFileSync(join(box.home, path), "utf8");
    expect(now, path).toContain(text);
    const added = now.replace(text, "").split(/\r?\n/).filter(Boolean);
    for (const line of added) expect(line, path).toContain("warmbox");
  }
}

function expectHomeAsBefore(): void {
  expect(listing(box.home, STAYS)).toEqual(before);
  for (const [path, text] of Object.entries(USERS_FILES))
    expect(readFileSync(join(box.home, path), "utf8"), path).toBe(text);
}

async function expectStopped(): Promise<void> {
  await expect(fetch(entryUrl())).rejects.toThrow();
}

describe.skipIf(!hasHistory)(
  `a host of ${OLD}${hasHistory ? "" : " (left out: the history is shallow)"}`,
  () => {
    it("is updated in place: no cache, no user's line is lost, and nothing remains to be done", async () => {
      await command("old", "up", "--yes");
      await fillCaches();
      expectUsersLinesKept();
      const entries = cached();
      const output = await command("new", "up", "--yes");
      expect(output).toMatch(/~ \d+ updated/);
      expect(output).not.toMatch(/\d+ (created|deleted|replaced)/);
      expect(cached()).toEqual(expect.arrayContaining(entries));
      await expectCached();
      expectUsersLinesKept();
      await command("new", "preview", "--expect-no-changes");
    });

    it("and is put back byte for byte by the old version's destroy, on the new one's state", async () => {
      await command("old", "destroy", "--yes");
      await expectStopped();
      expectHomeAsBefore();
    });

    it("is put back byte for byte by the new version's destroy, on the old one's state", async () => {
      await command("old", "up", "--yes");
      await expectCached();
      await command("new", "destroy", "--yes");
      await expectStopped();
      expectHomeAsBefore();
    });
  },
);
