import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { findPulumi } from "../../setup/pulumi/cli.ts";
import { obtainTool } from "../../tools/obtain.ts";
import { killService } from "../support/service.ts";
import { type Box, identities, listing, makeBox } from "./box.ts";
import { addWorktree, demand, makeRepository, moonStatuses, sccacheCounters, session } from "./workspace.ts";

/** The user's own files, as awkward as they come: CRLF, no final newline, a comment that must stay. */
const USERS_FILES: Record<string, string> = {
  ".cargo/config.toml": "# mine\r\n[term]\r\nquiet = false\r\n",
  ".profile": "umask 022",
  ".bashrc": "# bash\n",
};

/**
 * What `destroy` leaves on purpose: caches' contents, Pulumi's state and passphrase, and what cargo, moon and the test
 * made there themselves.
 */
const STAYS = [
  ...[".cache", ".pulumi", ".config/warmbox/passphrase", "src", ".moon", ".proto"],
  ...[".cargo/registry", ".cargo/.global-cache", ".cargo/.package-cache", ".cargo/.package-cache-mutate"],
];

const HOST = {
  agents: { total: 4, active: 2 },
  "bazel-remote": { max_size: "2GiB" },
  sccache: { max_size: "3GiB" },
};

let box: Box;
let before: string[];
let repository: string;

beforeAll(async () => {
  box = await makeBox();
  for (const [path, text] of Object.entries(USERS_FILES)) {
    mkdirSync(join(box.home, path, ".."), { recursive: true });
    writeFileSync(join(box.home, path), text);
  }
  box.stack("local", HOST);
  mkdirSync(join(box.home, ".config/warmbox"), { recursive: true }); // where Pulumi's passphrase stays
  before = homeListing();
});

afterAll(async () => {
  await box.warmbox("destroy", "--yes");
  box.remove();
});

function homeListing(): string[] {
  return listing(box.home, STAYS);
}

async function up(): Promise<string> {
  const result = await box.warmbox("up");
  expect(result.output).not.toMatch(/warning:.*(plugin|PATH)/i);
  if (result.code !== 0) throw new Error(`up ended with ${result.code}:\n${result.output}`);
  return result.output;
}

async function preview(): Promise<string> {
  const result = await box.warmbox("preview", "--diff");
  if (result.code !== 0) throw new Error(`preview ended with ${result.code}:\n${result.output}`);
  return result.output;
}

async function expectNoChanges(): Promise<void> {
  const result = await box.warmbox("preview", "--expect-no-changes");
  if (result.code !== 0) throw new Error(`there are changes:\n${result.output}`);
}

/** Changes a file of the box by hand. */
const edit = (path: string, from: string | RegExp, to: string) => (): void => {
  const file = join(box.home, path);
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(from);
  writeFileSync(file, text.replace(from, to));
};

/** Demands that nothing below HOME is written, moved or given another mode, but for Pulumi's own state. */
async function expectUntouched(action: () => Promise<unknown>): Promise<void> {
  const state = () => identities(box.home, [".cache", ".pulumi", "src"]);
  const untouched = state();
  await action();
  expect(state()).toEqual(untouched);
}

describe("one machine, from nothing to warm", () => {
  it("up starts the daemons with the sizes of the stack", async () => {
    const output = await up();
    expect(output).toMatch(/\+ \d+ created/);
    expect((await sccacheCounters(box)).maxCacheSize).toBe(3 * 2 ** 30);
    const status = await fetch(`http://127.0.0.1:${box.ports.http}/status`);
    expect(await status.json()).toMatchObject({ MaxSize: 2 * 2 ** 30 });
  });

  it("a second up changes nothing on the host", async () => {
    await expectUntouched(async () => {
      const output = await up();
      expect(output).toMatch(/\d+ unchanged/);
      expect(output).not.toMatch(/warning/i);
    });
    await expectNoChanges();
  });

  it("a plain pulumi in the same folder finds nothing to do", async () => {
    const { path } = await findPulumi();
    const result = await box.run(
      [path, "up", "--yes", "--expect-no-changes", "--non-interactive"],
      box.project,
      {
        PULUMI_CONFIG_PASSPHRASE_FILE: join(box.home, ".config/warmbox/passphrase"),
        // The box's HOME is not the account's, which is where Pulumi looks; for a real user both are unset.
        PULUMI_HOME: join(box.home, ".pulumi"),
        PULUMI_BACKEND_URL: `file://${box.home}`,
      },
    );
    expect(result.code, result.output).toBe(0);
    expect(result.output).toMatch(/\d+ unchanged/);
    expect(result.output).not.toMatch(/warning/i);
  });

  it("an installed sccache is used where it is known to be good, and named with the reason where it is bad", async () => {
    const bin = join(box.home, "src", "bin");
    const sccache = join(bin, "sccache");
    const previewed = async (): Promise<string> => {
      const path = `${bin}:${box.env.PATH}`;
      const argv = [process.execPath, "setup/run.mjs", "preview", "--diff"];
      const result = await box.run(argv, box.project, { PATH: path });
      expect(result.code, result.output).toBe(0);
      return result.output;
    };
    mkdirSync(bin, { recursive: true });
    cpSync((await obtainTool("sccache")).path, sccache);
    expect(await previewed()).toMatch(/\n +\+ +\S*\/src\/bin\/sccache\n/);
    writeFileSync(sccache, "#!/bin/sh\necho sccache 0.7.7\n");
    expect(await previewed()).toMatch(
      /warning: box: \S*\/sccache is not used: sccache 0\.7\.7: it restores \.d files .*\. Next: remove or update yours/,
    );
    rmSync(bin, { recursive: true });
  });

  it("a cold build through moon fills all three tiers", async () => {
    repository = await makeRepository(box);
    const built = await session(box, "moon run :build :test :pack", repository);
    expect(built.output, built.output).toMatch(/Tasks: 3 completed/);
    expect(moonStatuses(repository)).toEqual({
      "workspace:build": "skipped",
      "workspace:test": "skipped",
      "workspace:pack": "skipped",
    });
    expect((await sccacheCounters(box)).misses).toBeGreaterThanOrEqual(4);
  });

  it("tier 2: a second worktree gets every task from bazel-remote", async () => {
    const worktree = await addWorktree(box, repository, "second");
    const built = await session(box, "moon run :build :test :pack", worktree);
    expect(built.code, built.output).toBe(0);
    expect(moonStatuses(worktree)).toEqual({
      "workspace:build": "cached-from-remote",
      "workspace:test": "cached-from-remote",
      "workspace:pack": "cached-from-remote",
    });
  });

  it("tier 1: a third worktree's cargo build takes its dependencies from sccache", async () => {
    const worktree = await addWorktree(box, repository, "third");
    const start = await sccacheCounters(box);
    await demand(box, ["cargo", "build", "--workspace", "--locked"], worktree);
    const other = await sccacheCounters(box);
    expect(other.hits - start.hits, "itoa and memchr; the members' keys hold their path").toBe(2);
    rmSync(join(worktree, "target"), { recursive: true });
    await demand(box, ["cargo", "build", "--workspace", "--locked"], worktree);
    const same = await sccacheCounters(box);
    expect(same.misses - other.misses).toBe(0);
    expect(same.hits - other.hits, "the two dependencies and the two library members").toBe(4);
  });

  it("tier 3: a build comes through with the network off, and only with the shared registry", async () => {
    const worktree = await addWorktree(box, repository, "fourth");
    const build = ["cargo", "build", "--workspace", "--locked", "--config", "net.retry=0"];
    const offline = ["unshare", "--net", "env", "RUSTC_WRAPPER=", ...build]; // sccache's port is off with the rest
    const elsewhere = await box.run(offline, worktree, {
      CARGO_HOME: join(box.home, "src", "empty-cargo-home"),
    });
    await demand(box, offline, worktree);
    expect(elsewhere.code, "the network is really off").not.toBe(0);
  });
});

describe("drift shows in a plain preview, and up repairs it", () => {
  const cases: [name: string, change: () => void | Promise<void>, shown: RegExp[]][] = [
    [
      "a size in bazel-remote's config",
      edit(".config/bazel-remote/config.yaml", "max_size: 2", "max_size: 9"),
      [/-max_size: 2/, /\+max_size: 9/],
    ],
    [
      "a size in sccache's config",
      edit(".config/sccache/config", /size = 3221225472/, "size = 99"),
      [/-\s*size = 3221225472/, /\+\s*size = 99/],
    ],
    ["the include line deleted", edit(".cargo/config.toml", /^include = .*\r?\n/m, ""), [/-include = /]],
    [
      "the run script edited",
      edit(".local/share/warmbox/run/bazel-remote", "GOGC=50", "GOGC=400"),
      [/-.*GOGC=50/, /\+.*GOGC=400/],
    ],
    [
      "bazel-remote killed for good",
      async () => await killService(box.home, "bazel-remote"),
      [/-state running/],
    ],
    [
      "sccache started with another size",
      startAnotherSccache,
      [/-max_cache_size 3221225472/, /\+max_cache_size 1073741824/],
    ],
  ];

  async function startAnotherSccache(): Promise<void> {
    await killService(box.home, "sccache");
    const sccache = join(box.home, ".local/share/warmbox/tools/sccache/0.19.0/sccache");
    const started = await box.run([sccache, "--start-server"], box.home, {
      SCCACHE_SERVER_PORT: String(box.ports.sccache),
      SCCACHE_CACHE_SIZE: "1G",
    });
    expect(started.code, started.output).toBe(0);
  }

  it.each(cases)("%s", async (_name, change, shown) => {
    await change();
    const output = await preview();
    expect(output).toMatch(/is not as it was applied; up puts it back/);
    for (const line of shown) expect(output).toMatch(line);
    expect(output).toMatch(/~ 1 to update/);
    expect(output).not.toMatch(/to create|to delete|to replace/);
    expect(await up()).toMatch(/~ 1 updated/);
    await expectNoChanges();
  });

  it("a changed max_size shows exactly its line", async () => {
    box.stack("local", { ...HOST, "bazel-remote": { max_size: "4GiB" } });
    const changed = [...(await preview()).matchAll(/^ +([-+]) +(.*?)\s*$/gm)].map(
      ([, sign, line]) => `${sign}${line}`,
    );
    // the line, and the one size that follows from it: Go's share of the RAM
    expect(changed.map((line) => line.replace(/=\d+MiB/, "=…MiB"))).toEqual([
      ...["-max_size: 2", "+max_size: 4"],
      ...["-GOMEMLIMIT=…MiB \\", "+GOMEMLIMIT=…MiB \\"],
    ]);
    await up();
    const status = await fetch(`http://127.0.0.1:${box.ports.http}/status`);
    expect(await status.json()).toMatchObject({ MaxSize: 4 * 2 ** 30 });
    await expectNoChanges();
  });
});

describe("the proof", () => {
  const max = { ...HOST, "bazel-remote": { max_size: "4GiB" } };
  const liveSize = async () => (await sccacheCounters(box)).maxCacheSize;

  it("ends an up that changed a tier, shows what it saw, and is no part of the next", async () => {
    box.stack("local", max, true);
    const output = await up();
    expect(output).toMatch(/command:local:Command box-proof created/);
    for (const seen of [
      "2 of 2 libraries from the cache",
      "MaxSize 4294967296, as configured",
      "build.jobs ",
    ])
      expect(output).toContain(seen);
    await expectNoChanges();
  });

  it("fails the up where a tier does not hit, and puts that tier back to what was proved", async () => {
    const config = join(box.home, ".cargo/config.toml");
    const intact = readFileSync(config, "utf8");
    const wrapper = join(box.home, ".local/share/warmbox/bin/rustc-wrapper");
    const proved = readFileSync(wrapper, "utf8");
    writeFileSync(config, `${intact}\n[build]\nrustc-wrapper = ""\n`);
    box.stack("local", { ...max, sccache: { max_size: "5GiB" } }, true);
    const result = await box.warmbox("up");
    expect(result.code).not.toBe(0);
    expect(result.output).toMatch(/rustc-wrapper, which wins over warmbox's value/);
    expect(result.output).toMatch(/warmbox: sccache does not hit:/);
    expect(result.output).toContain("sccache: put back to what was proved last");
    expect(result.output).toContain("cargo: its configuration is the one that was proved last");
    expect(await liveSize()).toBe(3 * 2 ** 30);
    expect(readFileSync(wrapper, "utf8")).toBe(proved);

    const seen = await preview();
    expect(seen).toMatch(
      /box: sccache was put back to its last proved configuration, after a failed proof of sccache/,
    );
    expect(seen).not.toMatch(/is not as it was applied/);
    expect(seen).toMatch(
      /~ +command:local:Command: \(update\)\n +\[id=[^\]]*\]\n +\[urn=[^\]]*box-sccache\]/,
    );
    expect(seen.match(/\[urn=[^\]]*command:local:Command::box-(?!proof)/g)).toHaveLength(1);

    writeFileSync(config, intact);
    await up();
    expect(await liveSize()).toBe(5 * 2 ** 30);
    await expectNoChanges();
  });

  it("runs at any time: a host that does not answer is named, and the others are proved", async () => {
    const stacks = join(box.project, "stacks");
    const { config } = parse(readFileSync(join(stacks, "Pulumi.local.yaml"), "utf8"));
    const dead = { reach: { kind: "ssh", host: "warmbox-test.invalid", user: "ci" } };
    const two = { ...config, "warmbox:hosts": { ...config["warmbox:hosts"], dead } };
    writeFileSync(join(stacks, "Pulumi.two.yaml"), JSON.stringify({ config: two }));
    const proved = await box.warmbox("prove", "--stack", "two");
    expect(proved.code).toBe(1);
    for (const line of [/^ {2}sccache +proved/m, /^ {2}moon +proved/m, /^dead\n {2}hosts\.dead: /m])
      expect(proved.stdout).toMatch(line);
    const wrong = await box.warmbox("prove", "--stack", "two", "--host", "nope");
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.output).toContain("--host nope: the stack two has box, dead");
  });
});

describe("with the proof on, as by default", () => {
  it("a drift is one update, its repair no new proof, and the next up writes nothing", async () => {
    edit(".config/bazel-remote/config.yaml", "max_size: 4", "max_size: 9")();
    expect(await preview()).toMatch(/~ 1 to update\n +\d+ unchanged/);
    expect(await up()).toMatch(/~ 1 updated\n +\d+ unchanged/);
    await expectUntouched(async () => expect(await up()).toMatch(/\d+ unchanged/));
    await expectNoChanges();
  });
});

describe("destroy", () => {
  it("puts the home directory back byte for byte, caches aside", async () => {
    const result = await box.warmbox("destroy", "--yes");
    expect(result.code, result.output).toBe(0);
    expect(homeListing()).toEqual(before);
    for (const [path, text] of Object.entries(USERS_FILES)) {
      expect(readFileSync(join(box.home, path), "utf8")).toBe(text);
    }
    await expect(fetch(`http://127.0.0.1:${box.ports.http}/status`)).rejects.toThrow();
  });
});
