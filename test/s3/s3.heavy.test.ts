/**
 * S3 behind both caches, on the real daemons and a real S3 server: the embedded one, which is then another box's
 * endpoint. The second box is at the path of the first, whose home directory was moved aside.
 */
import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  addWorktree,
  demand,
  makeRepository,
  moonStatuses,
  sccacheCounters,
  session,
} from "../e2e/workspace.ts";
import { killService } from "../support/service.ts";
import {
  HOST,
  levels,
  makeS3Box,
  movedIn,
  must,
  notUploaded,
  type S3Box,
  setSecret,
  signalService,
  writeStack,
} from "./box.ts";
import { commandLinesHolding, filesHolding, keysIn, watched } from "./keys.ts";

let box: S3Box;
let repository: string;
/** Everything that Pulumi said, for the search at the end. */
let said = "";
const CREDENTIALS = ".config/warmbox/s3-credentials";

beforeAll(async () => {
  box = await makeS3Box();
  mkdirSync(join(box.home, ".cargo"));
});

afterAll(async () => {
  if (existsSync(box.first)) {
    await box.warmbox("destroy", "--yes", "--stack", "second");
    rmSync(box.home, { recursive: true });
    renameSync(box.first, box.home);
  }
  await box.warmbox("destroy", "--yes", "--stack", "s3");
  await box.warmbox("destroy", "--yes", "--stack", "local");
  box.remove();
});

const command = async (...args: string[]): Promise<string> => {
  const output = await must(box, ...args);
  said += output;
  return output;
};
const embedded = () => ({ kind: "embedded", port: box.s3Port, dir: box.objects });
const endpoint = () => ({ kind: "endpoint", url: `http://127.0.0.1:${box.s3Port}`, bucket: "warmbox" });
/** Sets the second stack's secrets to what the first box's server takes. */
const secrets = async () => {
  const keys = keysIn(join(box.first, CREDENTIALS));
  said += setSecret(box, "second", "s3AccessKeyId", keys.accessKeyId);
  said += setSecret(box, "second", "s3SecretAccessKey", keys.secretAccessKey);
};
/** A source that was never built before. */
const edit = (worktree: string, word: string) =>
  appendFileSync(join(worktree, "crates/greet/src/main.rs"), `// ${word}\n`);

describe("from local to s3 on one host", () => {
  it("fills the local caches", async () => {
    writeStack(box, "local");
    await command("up", "--stack", "local");
    repository = await makeRepository(box);
    const built = await session(box, "moon run :build", repository);
    expect(built.code, built.output).toBe(0);
    expect((await sccacheCounters(box)).misses).toBe(4);
  });

  it("says in the preview whose the host is, and brings up the server behind both", async () => {
    writeStack(box, "s3", embedded());
    const preview = await command("preview", "--diff", "--stack", "s3");
    for (const resource of ["sccache", "bazel-remote", "moon", "cargo"])
      expect(preview).toContain(
        `box: ${resource} was last applied by stack "local"; this stack, "s3", takes it over on up.`,
      );
    const { result, seen } = await watched(
      /aws_secret_access_key = [A-Za-z0-9]/, // a key is made on the host here: its line, not a program's pattern for it
      async () => await command("up", "--stack", "s3"),
    );
    expect(result).toMatch(/\+ \d+ created/);
    expect(seen).toEqual([]);
    expect((await levels(box)).map(({ name }) => name)).toEqual(["L0 (disk)", "L1 (s3)"]);
    await command("preview", "--expect-no-changes", "--stack", "s3");
  });

  it("keeps every local hit", async () => {
    rmSync(join(repository, "target"), { recursive: true });
    const [before, start] = [await sccacheCounters(box), await levels(box)];
    await demand(box, ["cargo", "build", "--workspace", "--locked"], repository);
    const [after, end] = [await sccacheCounters(box), await levels(box)];
    expect(after.misses - before.misses).toBe(0);
    expect(after.hits - before.hits).toBe(4);
    expect((end[0]?.hits ?? 0) - (start[0]?.hits ?? 0), "from the disk").toBe(4);
    const worktree = await addWorktree(box, repository, "second");
    const built = await session(box, "moon run :build", worktree);
    expect(built.code, built.output).toBe(0);
    expect(moonStatuses(worktree)).toEqual({ "workspace:build": "cached-from-remote" });
  });

  it("writes what is new to S3 as well", async () => {
    const start = Date.now();
    edit(repository, "new");
    await demand(box, ["cargo", "build", "--workspace", "--locked", "--release"], repository);
    const packed = await session(box, "moon run :build :pack", repository);
    expect(packed.code, packed.output).toBe(0);
    const [, s3] = await levels(box);
    expect(s3).toMatchObject({ writes: expect.any(Number), write_failures: 0 });
    expect(s3?.writes).toBeGreaterThanOrEqual(4);
    await expect.poll(() => notUploaded(box, start), { timeout: 30_000 }).toEqual([]);
  });
});

describe("from s3 back to local", () => {
  it("keeps every local hit, and leaves the server and the keys' file as they are", async () => {
    said += await command("preview", "--diff", "--stack", "local");
    await command("up", "--stack", "local");
    expect(await levels(box), "S3 is no level any more").toEqual([]);
    rmSync(join(repository, "target"), { recursive: true });
    const before = await sccacheCounters(box);
    await demand(box, ["cargo", "build", "--workspace", "--locked", "--release"], repository);
    const after = await sccacheCounters(box);
    expect([after.hits - before.hits, after.misses - before.misses]).toEqual([4, 0]);
    const worktree = await addWorktree(box, repository, "third");
    const built = await session(box, "moon run :build", worktree);
    expect(built.code, built.output).toBe(0);
    expect(moonStatuses(worktree)).toEqual({ "workspace:build": "cached-from-remote" });
    expect((await fetch(`http://127.0.0.1:${box.s3Port}/`)).status).toBe(403);
    expect(existsSync(join(box.home, CREDENTIALS))).toBe(true);
  });
});

describe("a second, empty box with the same S3", () => {
  it("takes the first one's server as its endpoint, its keys as secrets of the stack", async () => {
    const keys = keysIn(join(box.home, CREDENTIALS));
    box = await movedIn(box);
    writeStack(box, "second", endpoint());
    const refused = await box.warmbox("up", "--stack", "second");
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("s3: s3AccessKeyId and s3SecretAccessKey not set");
    said += setSecret(box, "second", "s3AccessKeyId", keys.accessKeyId);
    said += setSecret(box, "second", "s3SecretAccessKey", "pasted amiss");
    const odd = await box.warmbox("up", "--stack", "second");
    expect(odd.code).not.toBe(0);
    expect(odd.output).toContain("s3SecretAccessKey: it holds white space or a character beyond ASCII");
    expect(odd.output).not.toContain("pasted amiss");
    await secrets();
    said += await command("preview", "--diff", "--stack", "second");
    const { seen } = await watched(
      keys.secretAccessKey,
      async () => await command("up", "--stack", "second"),
    );
    expect(seen).toEqual([]);
    expect(keysIn(join(box.home, CREDENTIALS))).toEqual(keys);
    await command("preview", "--expect-no-changes", "--stack", "second");
  });

  it("tier 1: every crate comes from S3 alone", async () => {
    repository = await makeRepository(box);
    edit(repository, "new");
    await demand(box, ["cargo", "build", "--workspace", "--locked", "--release"], repository);
    const counted = await sccacheCounters(box);
    expect(counted.misses).toBe(0);
    expect(counted.hits).toBe(4);
    const [disk, s3] = await levels(box);
    expect([disk?.hits, s3?.hits]).toEqual([0, 4]);
  });

  it("tier 2: every task comes from S3 alone", async () => {
    const built = await session(box, "moon run :build :pack", repository);
    expect(built.code, built.output).toBe(0);
    expect(moonStatuses(repository)).toEqual({
      "workspace:build": "cached-from-remote",
      "workspace:pack": "cached-from-remote",
    });
    expect(existsSync(join(repository, "pack.bin"))).toBe(true);
  });
});

/** Resolves once cargo compiles. */
async function compiling(): Promise<undefined> {
  await expect
    .poll(() => existsSync(join(repository, "target/debug/deps")), { timeout: 120_000, interval: 10 })
    .toBe(true);
}

/** What a build in progress and moon make of it is shown in test/client, with limits of seconds. */
describe("S3 that takes connections and never answers", () => {
  afterAll(() => signalService(box.first, "s3", "SIGCONT"));

  it("fails no up and no build, and keeps nothing from sccache's disk", async () => {
    signalService(box.first, "s3", "SIGSTOP");
    writeStack(box, "second", endpoint(), {
      ...HOST,
      "bazel-remote": { max_size: "4GiB" },
      sccache: { max_size: "5GiB" },
    });
    await secrets();
    expect(await command("up", "--stack", "second")).toMatch(/~ \d+ updated/);
    expect((await sccacheCounters(box)).maxCacheSize).toBe(5 * 2 ** 30);
    rmSync(join(repository, "target"), { recursive: true });
    await demand(box, ["cargo", "build", "--workspace", "--locked", "--release"], repository);
    expect(await sccacheCounters(box)).toMatchObject({ hits: 4, misses: 0 });
    const worktree = await addWorktree(box, repository, "stopped");
    edit(worktree, "new"); // as the task was built before
    const built = await session(box, "moon run :build", worktree);
    expect(built.code, built.output).toBe(0);
    expect(built.output).toMatch(
      /or the store behind it, does not answer; going on without the remote cache/,
    );
    expect(moonStatuses(worktree)).toEqual({ "workspace:build": "skipped" });
  });
});

describe("S3 that goes away fails no build", () => {
  it("in the middle of one", async () => {
    edit(repository, "S3 ends during this build");
    const building = session(box, "moon run :build", repository);
    const early = await Promise.race([building, compiling()]);
    expect(early?.output, "the build ended before it compiled").toBeUndefined();
    await killService(box.first, "s3");
    const built = await building;
    expect(built.code, built.output).toBe(0);
    expect(moonStatuses(repository)).toEqual({ "workspace:build": "skipped" });
    expect((await levels(box))[1]?.write_failures, "it was in use").toBeGreaterThan(0);
  });

  it("before the daemons start", async () => {
    await expect(fetch(`http://127.0.0.1:${box.s3Port}/`)).rejects.toThrow();
    writeStack(box, "second", endpoint(), {
      ...HOST,
      "bazel-remote": { max_size: "3GiB" },
      sccache: { max_size: "4GiB" },
    });
    await secrets();
    expect(await command("up", "--stack", "second")).toMatch(/~ \d+ updated/);
    expect((await sccacheCounters(box)).maxCacheSize).toBe(4 * 2 ** 30);
    edit(repository, "S3 was never there");
    rmSync(join(repository, "target"), { recursive: true });
    const built = await session(box, "moon run :build", repository);
    expect(built.code, built.output).toBe(0);
    expect((await sccacheCounters(box)).hits, "what was built in the outage is on the disk").toBe(4);
  });
});

describe("the keys", () => {
  it("are only in the 0600 files: no state, history, log, preview, ledger or command line has them", () => {
    const { accessKeyId, secretAccessKey } = keysIn(join(box.home, CREDENTIALS));
    const root = join(box.home, "..");
    expect(filesHolding(root, secretAccessKey)).toEqual(
      [`${join(box.first, CREDENTIALS)} 600`, `${join(box.home, CREDENTIALS)} 600`].sort(),
    );
    expect(filesHolding(root, accessKeyId)).toEqual(
      [`${join(box.first, CREDENTIALS)} 600`, `${join(box.home, CREDENTIALS)} 600`].sort(),
    );
    for (const key of [accessKeyId, secretAccessKey]) {
      expect(commandLinesHolding(key)).toEqual([]);
      expect(said).not.toContain(key);
      for (const dir of [tmpdir(), process.env.XDG_RUNTIME_DIR ?? "/run"])
        expect(
          filesHolding(dir, key).filter((line) => !line.startsWith(root)),
          dir,
        ).toEqual([]);
    }
    expect(said.length).toBeGreaterThan(1000);
    expect(
      filesHolding(join(box.home, ".pulumi"), "s3-credentials").length,
      "the search finds states",
    ).toBeGreaterThan(0);
  });
});
