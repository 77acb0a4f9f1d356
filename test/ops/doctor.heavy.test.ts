import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Finding } from "../../ops/doctor/cause.ts";
import { type Box, listing, makeBox } from "../e2e/box.ts";
import { demand, makeRepository, session } from "../e2e/workspace.ts";
import { fillCache, unfillCache } from "../large-cache.ts";
import { freePort } from "../support/free-port.ts";
import { killService } from "../support/service.ts";

/**
 * Every cause is caused on the real programs of one box; doctor must find it and nothing else, and the command that it
 * prints must fix it: the test runs that very command and asks doctor again.
 */

const HOST = {
  agents: { total: 4, active: 2 },
  "bazel-remote": { max_size: "2GiB" },
  sccache: { max_size: "3GiB" },
};

/** The caches get a separate volume, so that it can be full without harm. */
const VOLUME = "8g";
const FILLER_MIB = 100;

let box: Box;
let repository: string;
let occupants: { close: () => void }[] = [];

beforeAll(async () => {
  box = await makeBox();
  mkdirSync(join(box.home, ".cache"));
  if (MAY_MOUNT) mount(["-t", "tmpfs", "-o", `size=${VOLUME}`, "warmbox-test", join(box.home, ".cache")]);
  box.stack("local", HOST);
});

afterAll(async () => {
  for (const one of occupants) one.close();
  await box.warmbox("destroy", "--yes");
  if (MAY_MOUNT) spawnSync("umount", [join(box.home, ".cache")]);
  box.remove();
});

function mount(args: string[]): void {
  const done = spawnSync("mount", args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`mount ${args.join(" ")}: ${done.stderr}`);
}

/** Only root may mount a small volume, and not in every container. */
const MAY_MOUNT = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;
if (!MAY_MOUNT) console.warn("SKIPPED: doctor's case disk-full: this user may not mount a small volume");

async function doctor(env: Record<string, string> = {}): Promise<Finding[]> {
  const words = ["setup/run.mjs", "doctor", "--json", "--workspace", repository ?? box.home];
  const result = await box.run([process.execPath, ...words], box.project, env);
  const { findings } = JSON.parse(result.stdout).hosts.box;
  expect(result.code, result.output).toBe(findings.length === 0 ? 0 : 1);
  return findings;
}

const ids = (findings: readonly Finding[]): string[] => findings.map(({ id }) => id);

/** The variable's flag alone goes, and the rest of the line stays. */
const kept = () => expect(readFileSync(home(PROFILE), "utf8")).toContain('export RUSTFLAGS="-Cdebuginfo=1"');

/** Asks again for a while: a service that was just restarted needs a moment. */
async function expectHealthy(): Promise<void> {
  let findings = await doctor();
  for (let tries = 0; findings.length > 0 && tries < 5; tries++) findings = await doctor();
  expect(findings).toEqual([]);
}

const home = (path: string): string => join(box.home, path);
const append = (path: string, text: string) => () => appendFileSync(home(path), `${text}\n`);
const replace = (path: string, from: string | RegExp, to: string) => () => {
  const text = readFileSync(home(path), "utf8");
  expect(text).toMatch(from);
  writeFileSync(home(path), text.replace(from, to));
};

function pidsOf(name: string): { daemon: number } {
  const text = readFileSync(home(`.local/state/warmbox/run/${name}.pid`), "utf8");
  const of = (word: string) => Number(new RegExp(`^${word} (\\d+)`, "m").exec(text)?.[1]);
  return { daemon: of("daemon") };
}

const signal = (name: string, word: NodeJS.Signals) => () => void process.kill(pidsOf(name).daemon, word);
const end = (name: string) => () => killService(box.home, name);

async function sccache(args: string[], env: Record<string, string>): Promise<void> {
  const result = await box.run([SCCACHE_PATH(), ...args], box.home, env);
  expect(result.code, result.output).toBe(0);
}

/** A foreign process on a port; the process that had the port may take a moment to end. */
async function occupy(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const server: Server = createServer((socket) => socket.on("error", () => {}));
    const taken = await new Promise<boolean>((done) =>
      server.once("error", () => done(false)).listen(port, "127.0.0.1", () => done(true)),
    );
    if (taken) return void occupants.push(server);
    if (tries > 100) throw new Error(`port ${port} does not come free`);
    await sleep(100);
  }
}

/** The command gave warmbox's server another port, which it keeps: these cases are the last of their tiers. */
async function onOtherPort(): Promise<void> {
  await expectHealthy();
  leave();
}

function leave(): void {
  for (const one of occupants) one.close();
  occupants = [];
}

/** A file of the cache on a disk that never answers: a read of it waits for ever, as on a dead NFS. */
async function hangSccache(): Promise<void> {
  const source = home("hang.rs");
  writeFileSync(source, `pub fn hang() {} // ${Date.now()}\n`);
  const words = [
    "--crate-name",
    "hang",
    "--crate-type",
    "rlib",
    "--emit=link",
    "--out-dir",
    box.home,
    source,
  ];
  const _env = {
    SCCACHE_SERVER_PORT: String(box.ports.sccache),
    SCCACHE_CONF: home(".config/sccache/config"),
  };
  const entries = () => new Set(listing(home(".cache/sccache")).filter((line) => line.includes(" file ")));
  const before = entries();
  await sccache(["rustc", ...words], sccacheEnv());
  const [entry = ""] = [...entries()].filter((line) => !before.has(line) && !line.startsWith("preprocessor"));
  hung = home(`.cache/sccache/${entry.split(" ")[0]}`);
  rmSync(hung);
  expect(spawnSync("mkfifo", [hung]).status).toBe(0);
  void box.run(["timeout", "20", SCCACHE_PATH(), "rustc", ...words], box.home, sccacheEnv());
  await sleep(1000);
}

let hung = "";
const unhangSccache = () => rmSync(hung);
/** The port that the file says: a fix may have changed it. */
const sccacheEnv = () => ({
  SCCACHE_SERVER_PORT: /SCCACHE_SERVER_PORT=(\d+)/.exec(
    readFileSync(home(".local/share/warmbox/bin/rustc-wrapper"), "utf8"),
  )?.[1] as string,
  SCCACHE_CONF: home(".config/sccache/config"),
});
const SCCACHE_PATH = () => home(".local/share/warmbox/tools/sccache/0.19.0/sccache");

/** The real moon of another time, from the registry. */
async function installOldMoon(): Promise<void> {
  const at = home("old");
  mkdirSync(at);
  const name = `@moonrepo/core-linux-${process.arch}-gnu`;
  await demand(box, ["npm", "install", "--no-audit", "--no-fund", "--prefix", at, `${name}@2.4.3`], at);
  appendFileSync(home(".profile"), `PATH="$HOME/old/node_modules/${name}:$PATH"\n`);
}

async function commit(): Promise<void> {
  await demand(box, ["git", ...WHO, "commit", "-qam", "change"], repository);
}

const WHO = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
const workspaceFile = (text: string) => async () => {
  appendFileSync(join(repository, ".moon/workspace.yml"), text);
  await commit();
};
const backToFixture = async () => {
  await demand(box, ["git", "reset", "-q", "--hard", "HEAD~1"], repository);
};

/** So many small files that the cap would need more RAM for the index than the plan has. */
async function storeSmallFiles(): Promise<void> {
  for (let n = 0; n < 1100; n++) {
    const body = `file ${n}`;
    const hash = createHash("sha256").update(body).digest("hex");
    const answer = await fetch(`http://127.0.0.1:${box.ports.http}/cas/${hash}`, { method: "PUT", body });
    expect(answer.status).toBe(200);
  }
}

/** So many files, and so large, that they fit below the cap and their index into the RAM that it may take. */
const LARGE = [120_000, 16_384] as const;
const REMOTE_DIR = ".cache/bazel-remote";
const remoteLog = () => readFileSync(home(".local/state/warmbox/log/bazel-remote.log"), "utf8");
/** A scan logs its beginning, and nothing more until it is done. */
const isScanning = () => /Scanning cache directory.*\n$/.test(remoteLog());
const remoteFiles = async (): Promise<number> => {
  const status = await fetch(`http://127.0.0.1:${box.ports.http}/status`);
  return ((await status.json()) as { NumFiles: number }).NumFiles;
};
const nobodyListens = async () => await expect(remoteFiles()).rejects.toThrow("fetch failed");

/** A start that is in its scan, and stopped there; one that was through before it was seen is followed by another. */
async function stopInScan(): Promise<number> {
  for (;;) {
    const { daemon: old } = pidsOf("bazel-remote");
    const logged = remoteLog().length;
    process.kill(old, "SIGKILL");
    while (!remoteLog().slice(logged).includes("Scanning cache directory")) await sleep(2);
    const { daemon } = pidsOf("bazel-remote");
    process.kill(daemon, "SIGSTOP");
    while (stateOf(daemon) !== "T") await sleep(2);
    if (isScanning()) return daemon;
  }
}

/** Its letter in /proc, behind the name of the program. */
const stateOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) (.).*$/s, "$1");

/** Loops that compete for one processor, each in a separate session: a kernel may divide it by sessions. */
const LOOPS = 4;
/** The time after which they end if no process ends them earlier. */
const LOOP_SECONDS = 600;

/**
 * A large cache that is read for minutes, as on a slow disk. Stopped, it would be another cause: it runs, on a processor
 * that others keep busy, and comes last there.
 */
async function loadSlowly(): Promise<void> {
  fillCache(home(REMOTE_DIR), ...LARGE);
  const daemon = await stopInScan();
  await nobodyListens();
  const status = readFileSync(`/proc/${daemon}/status`, "utf8");
  const [, cpu = ""] = /^Cpus_allowed_list:.*?(\d+)$/m.exec(status) ?? [];
  for (const command of [`taskset -a -p -c ${cpu}`, "chrt -a --idle -p 0"])
    expect(spawnSync("sh", ["-c", `${command} ${daemon}`]).status, command).toBe(0);
  const group = `/proc/${daemon}/autogroup`;
  if (existsSync(group)) writeFileSync(group, "19");
  for (let n = 0; n < LOOPS; n++) {
    const words = [String(LOOP_SECONDS), "taskset", "-c", cpu, "sh", "-c", "while :; do :; done"];
    const loop = spawn("timeout", words, { detached: true, stdio: "ignore" });
    occupants.push({ close: () => loop.kill() });
  }
  process.kill(daemon, "SIGCONT");
}

/** It was in its scan all the while that doctor looked; now it gets its processor. */
async function loadOn(): Promise<void> {
  await nobodyListens();
  expect(isScanning()).toBe(true);
  leave();
}

/** The command waited until the whole index was read, with which the box is healthy, too. */
async function loaded(): Promise<void> {
  expect(await remoteFiles()).toBeGreaterThanOrEqual(LARGE[0]);
  await expectHealthy();
  unfillCache(home(REMOTE_DIR), ...LARGE);
  await end("bazel-remote")(); // its supervisor, too: it rests longer after each end
  expect((await box.warmbox("up")).code).toBe(0);
}

type Case = {
  id: string;
  cause: () => void | Promise<void>;
  /** What must be seen in the evidence. */
  seen: RegExp;
  /** What follows from it and is found, too. */
  also?: string[];
  /** What happens while the command runs. */
  meanwhile?: () => void | Promise<void>;
  /** What puts the box back once it is fixed: what the command rightly left there. */
  after?: () => void | Promise<void>;
  name?: string;
};

const PROFILE = ".profile";
const variable = (id: string, name: string, value: string): Case => ({
  id,
  name: `${name}=${value}`,
  cause: append(PROFILE, `export ${name}=${value}`),
  seen: new RegExp(`\\.profile:\\d+: export ${name}=`),
});

const SCCACHE: Case[] = [
  {
    id: "sccache-config",
    cause: append(".config/sccache/config", "[nonsense"),
    seen: /sccache\/config: .*(expected|invalid|unclosed)/i,
  },
  { id: "sccache-suspended", cause: signal("sccache", "SIGSTOP"), seen: /process \d+ is in state T/ },
  { id: "sccache-down", cause: end("sccache"), seen: /service sccache: stopped/ },
  {
    id: "sccache-foreign-server",
    cause: async () => {
      await end("sccache")();
      await sccache(["--start-server"], {
        SCCACHE_SERVER_PORT: String(box.ports.sccache),
        SCCACHE_CACHE_SIZE: "1G",
      });
    },
    seen: /SCCACHE_CACHE_SIZE=1G[\s\S]*its max_cache_size is 1073741824/,
  },
  { id: "sccache-hung", cause: hangSccache, seen: /--show-stats got no answer/, after: unhangSccache },
  {
    id: "sccache-directory",
    cause: () => rmSync(home(".cache/sccache"), { recursive: true }),
    seen: /\.cache\/sccache does not exist/,
  },
  {
    id: "sccache-read-only",
    cause: replace(".config/sccache/config", /^size = /m, 'rw_mode = "READ_ONLY"\nsize = '),
    seen: /config:\d+: rw_mode = "READ_ONLY"/,
  },
  {
    id: "sccache-second-server",
    cause: async () => {
      const port = String(await freePort());
      await sccache(["--start-server"], {
        SCCACHE_SERVER_PORT: port,
        SCCACHE_CONF: home(".config/sccache/config"),
      });
    },
    seen: /process \d+ on port \d+, SCCACHE_CONF=/,
  },
  variable("sccache-environment", "SCCACHE_CACHE_SIZE", "30GiB"),
  {
    id: "cargo-not-included",
    cause: replace(".cargo/config.toml", /^include = .*\n/m, ""),
    seen: /config\.toml has no line include/,
  },
  {
    id: "rustc-wrapper-missing",
    cause: () => rmSync(home(".local/share/warmbox/bin/rustc-wrapper")),
    seen: /rustc-wrapper is missing/,
  },
  variable("rustc-wrapper-other", "RUSTC_WRAPPER", "/usr/bin/env"),
  {
    id: "rustc-wrapper-other",
    name: "in cargo's file",
    cause: append(".cargo/config.toml", 'build.rustc-wrapper = "/usr/bin/env"'),
    seen: /config\.toml:\d+: build\.rustc-wrapper = "\/usr\/bin\/env"/,
  },
  variable("incremental", "CARGO_INCREMENTAL", "1"),
  {
    id: "incremental",
    name: "in the workspace",
    cause: async () => {
      mkdirSync(join(repository, ".cargo"));
      writeFileSync(join(repository, ".cargo/config.toml"), "[profile.dev]\nincremental = true\n");
    },
    seen: /\.cargo\/config\.toml:2: incremental = true/,
    after: () => rmSync(join(repository, ".cargo"), { recursive: true }),
  },
  {
    ...variable("remapped-paths", "RUSTFLAGS", '"-Cdebuginfo=1 --remap-path-prefix=$HOME=/w"'),
    after: kept,
  },
  {
    id: "remapped-paths",
    name: "in cargo's file",
    cause: append(
      ".cargo/config.toml",
      'target.x.rustflags = ["-Cdebuginfo=1", "--remap-path-prefix", "a=b"]',
    ),
    seen: /config\.toml:\d+: target\.x\.rustflags/,
    after: () =>
      expect(readFileSync(home(".cargo/config.toml"), "utf8")).toContain('rustflags = ["-Cdebuginfo=1", ]'),
  },
  variable("cargo-environment", "CARGO_TERM_COLOR", "always"),
  variable("cargo-environment", "CARGO_TARGET_DIR", "/tmp/target"),
  variable("cargo-home", "CARGO_HOME", "/tmp/other-cargo-home"),
  {
    id: "sccache-port",
    cause: async () => {
      await end("sccache")();
      await occupy(box.ports.sccache);
    },
    seen: /port \d+: process \d+/,
    after: onOtherPort,
  },
];

const MOON: Case[] = [
  variable("moon-localhost", "MOON_REMOTE_HOST", "grpc://localhost:9092"),
  {
    id: "moon-localhost",
    name: "in the workspace",
    cause: workspaceFile('remote:\n  host: "grpc://localhost:9092"\n'),
    seen: /workspace\.yml:\d+: host: "grpc:\/\/localhost:9092"/,
    after: backToFixture,
  },
  variable("moon-cache-word", "MOON_CACHE", "read-only"),
  variable("moon-cache-mode", "MOON_CACHE", "off"),
  variable("moon-force", "MOON_FORCE", "true"),
  variable("moon-other-host", "MOON_REMOTE_HOST", "grpc://127.0.0.1:1"),
  {
    id: "moon-environment",
    cause: () => writeFileSync(home(".bash_profile"), "# mine\n"),
    seen: /login shell \(bash -l\): MOON_REMOTE_HOST is not set/,
    after: () => rmSync(home(".bash_profile")),
  },
  {
    id: "moon-unstable-remote",
    cause: workspaceFile('unstable_remote:\n  host: "grpc://127.0.0.1:9092"\n'),
    seen: /workspace\.yml:\d+: unstable_remote:/,
    after: backToFixture,
  },
  {
    id: "moon-hashed-file",
    name: "untracked",
    cause: () => writeFileSync(join(repository, ".moon/host.json"), "{}\n"),
    seen: /\.moon\/host\.json: untracked/,
    after: () => rmSync(join(repository, ".moon/host.json.off")),
  },
  {
    id: "moon-hashed-file",
    name: "changed",
    cause: () => appendFileSync(join(repository, ".moon/workspace.yml"), "# this host\n"),
    seen: /\.moon\/workspace\.yml: changed/,
  },
  { id: "moon-version", cause: installOldMoon, seen: /moon: moon 2\.4\.3/ },
  {
    id: "moon-no-git",
    cause: () => void spawnSync("mv", [join(repository, ".git"), home("git-away")]),
    seen: /is in no git repository/,
    after: () => {
      rmSync(join(repository, ".git"), { recursive: true });
      spawnSync("mv", [home("git-away"), join(repository, ".git")]);
    },
  },
];

const REMOTE: Case[] = [
  {
    id: "bazel-remote-suspended",
    cause: signal("bazel-remote", "SIGSTOP"),
    seen: /process \d+ is in state T/,
  },
  { id: "bazel-remote-down", cause: end("bazel-remote"), seen: /service bazel-remote: stopped/ },
  {
    id: "bazel-remote-hung",
    name: "it can open no file more, so that it takes no connection",
    cause: () => {
      const { daemon } = pidsOf("bazel-remote");
      spawnSync("prlimit", ["--pid", String(daemon), "--nofile=3:"]);
    },
    seen: /no answer to http/,
    also: ["bazel-remote-open-files"],
  },
  {
    id: "bazel-remote-stray-file",
    cause: async () => {
      writeFileSync(home(".cache/bazel-remote/notes.txt"), "mine\n");
      await end("bazel-remote")();
    },
    seen: /bazel-remote\/notes\.txt/,
  },
  {
    id: "bazel-remote-loading",
    cause: loadSlowly,
    seen: /^running for \d+ s\n.*Scanning cache directory with \d+ goroutines$/,
    meanwhile: loadOn,
    after: loaded,
  },
  {
    id: "bazel-remote-open-files",
    cause: () =>
      void spawnSync("prlimit", ["--pid", String(pidsOf("bazel-remote").daemon), "--nofile=512:512"]),
    seen: /Max open files 512/,
  },
  {
    id: "access-log",
    cause: replace(".config/bazel-remote/config.yaml", "access_log_level: none", "access_log_level: all"),
    seen: /config\.yaml:\d+: access_log_level: all/,
  },
  {
    id: "disk-full",
    cause: () => {
      mkdirSync(home(".cache/it's another"));
      writeFileSync(home(".cache/it's another/file"), Buffer.alloc(FILLER_MIB * 2 ** 20));
      mount(["-o", `remount,size=${256 + FILLER_MIB}m`, home(".cache")]);
    },
    seen: /\.cache: .* of 356 MiB free[\s\S]*100 MiB in .*it's another/,
    after: () => mount(["-o", `remount,size=${VOLUME}`, home(".cache")]),
  },
  {
    id: "index-over-memory",
    cause: storeSmallFiles,
    seen: /files with a mean size of 4 KiB/,
  },
  {
    id: "not-as-applied",
    cause: replace(".local/share/warmbox/run/bazel-remote", "GOGC=50", "GOGC=400"),
    seen: /\+.*GOGC=400/,
  },
  {
    id: "bazel-remote-port",
    cause: async () => {
      await end("bazel-remote")();
      await occupy(box.ports.http);
    },
    seen: /port \d+: process \d+/,
    after: onOtherPort,
  },
];

it("a host that was never set up is one finding", async () => {
  expect(ids(await doctor())).toEqual(["not-set-up"]);
});

it("a healthy box, built on, yields none", async () => {
  const up = await box.warmbox("up");
  expect(up.code, up.output).toBe(0);
  repository = await makeRepository(box);
  const built = await session(box, "moon run :build", repository);
  expect(built.code, built.output).toBe(0);
  expect(await doctor()).toEqual([]);
});

describe.each([
  ["tier 1", SCCACHE],
  ["tier 2's client", MOON],
  ["tier 2's server, and what grows", REMOTE],
] as const)("%s", (_tier, cases) => {
  const possible = cases.filter(({ id }) => MAY_MOUNT || id !== "disk-full");
  it.each(
    possible.map((scenario) => [[scenario.id, scenario.name].filter(Boolean).join(": "), scenario] as const),
  )("%s", async (_name, scenario) => await findAndFix(scenario));
});

async function findAndFix({ id, cause, seen, also = [], meanwhile, after }: Case): Promise<void> {
  await cause();
  const findings = await doctor();
  expect(ids(findings), JSON.stringify(findings, null, 1)).toEqual([id, ...also]);
  expect(findings[0]?.evidence.join("\n")).toMatch(seen);
  const author = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  const fixing = box.run(["sh", "-c", findings[0]?.fix ?? "false"], box.project, author);
  await meanwhile?.();
  const fixed = await fixing;
  expect(fixed.code, `${findings[0]?.fix}\n${fixed.output}`).toBe(0);
  await after?.();
  await expectHealthy();
}

const STORE: Case[] = [
  { id: "s3-unreachable", cause: end("s3"), seen: /no answer from http:\/\/127\.0\.0\.1:\d+/ },
  {
    id: "s3-writes-failed",
    cause: async () => {
      await end("s3")();
      const source = home("store.rs");
      writeFileSync(source, "pub fn store() {}\n");
      const words = [
        "--crate-name",
        "store",
        "--crate-type",
        "rlib",
        "--emit=link",
        "--out-dir",
        box.home,
        source,
      ];
      await sccache(["rustc", ...words], sccacheEnv());
      expect((await box.warmbox("up")).code).toBe(0);
    },
    seen: /L1 \(s3\): [1-9]\d* writes failed/,
  },
  {
    id: "s3-refused",
    cause: replace(".config/warmbox/s3-credentials", /(aws_secret_access_key *= *)\S+/, "$1wrong"),
    seen: /answers 403 to warmbox's keys/,
  },
];

describe("S3", () => {
  beforeAll(async () => {
    const file = join(box.project, "stacks/Pulumi.local.yaml");
    const stack = parse(readFileSync(file, "utf8"));
    stack.config["warmbox:s3"] = { kind: "embedded", port: await freePort() };
    writeFileSync(file, JSON.stringify(stack));
    expect((await box.warmbox("up")).code).toBe(0);
    await expectHealthy();
  });
  it.each(STORE.map((scenario) => [scenario.id, scenario] as const))(
    "%s",
    async (_name, scenario) => await findAndFix(scenario),
  );
});

it("fixes in the order printed change what was found alone, behind a link, too", async () => {
  const own = readFileSync(home(PROFILE), "utf8");
  const lines = (...args: string[]) => `${own}PATH="$HOME/bin:$PATH"\n${args.join("\n")}\nexport EDITOR=vi\n`;
  mkdirSync(home("dot files"));
  const file = home("dot files/profile");
  writeFileSync(
    file,
    lines("export A=1 MOON_CACHE=read-only", "if true; then", "  export MOON_FORCE=true", "fi"),
  );
  rmSync(home(PROFILE));
  symlinkSync(file, home(PROFILE));
  const findings = await doctor();
  expect(ids(findings).sort()).toEqual(["moon-cache-word", "moon-force"]);
  for (const { fix } of findings) expect((await box.run(["sh", "-c", fix], box.project)).code, fix).toBe(0);
  await expectHealthy();
  expect(lstatSync(home(PROFILE)).isSymbolicLink()).toBe(true);
  expect(readFileSync(file, "utf8")).toBe(
    lines("export A=1 was_MOON_CACHE=read-only", "if true; then", "  export was_MOON_FORCE=true", "fi"),
  );
  rmSync(home(PROFILE));
  writeFileSync(home(PROFILE), own);
});

it("the shell that asks is looked at, too", async () => {
  expect(ids(await doctor({ MOON_CACHE: "read-only" }))).toEqual(["moon-cache-word"]);
  expect(ids(await doctor({ CARGO_INCREMENTAL: "1" }))).toEqual(["incremental"]);
});
