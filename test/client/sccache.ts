import type { ChildProcess } from "node:child_process";
import { rustcWrapper } from "../../render/cargo/rustc-wrapper.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { type Finished, run } from "../support/process.ts";
import { toolPath } from "../tools.ts";
import { type Home, makeHome } from "./box.ts";

/** What `--show-stats` counts for Rust. */
export interface Stats {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly maxCacheSize: number | null;
}

/** A HOME with sccache, our wrapper in front of it, and a cargo project of two libraries and a program. */
export interface CargoBox extends Home {
  readonly sccache: string;
  readonly wrapper: string;
  readonly conf: string;
  readonly port: number;
  serve(): Promise<ChildProcess>;
  stats(): Promise<Stats>;
  /** Deletes `target` and builds. */
  build(env?: Record<string, string>): Promise<Finished>;
}

const MAX_SIZE = 64 * 1024 * 1024;
/** What makes it a server, and lets it listen before its store answers. The keys are fake. */
const SERVER = {
  ...{ SCCACHE_START_SERVER: "1", SCCACHE_NO_DAEMON: "1", SCCACHE_SKIP_CACHE_CHECK: "1" },
  ...{ AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_EC2_METADATA_DISABLED: "true" },
};
/** Another sccache than the one of the box, for the wrapper alone. */
export interface CargoBoxOptions {
  readonly sccachePath?: string;
  readonly shell?: readonly string[];
  readonly storeLimitSeconds?: number;
  /** Port of an S3 server on loopback that takes anything. */
  readonly s3Port?: number;
}

/** The chain that a stack with S3 renders. */
const withS3 = (port: number) => `[cache.multilevel]
chain = ["disk", "s3"]
write_error_policy = "l0"
[cache.s3]
bucket = "warmbox"
region = "us-east-1"
endpoint = "http://127.0.0.1:${port}"
no_credentials = false
`;

export async function cargoBox(options: CargoBoxOptions = {}): Promise<CargoBox> {
  const { sccachePath, shell, s3Port, storeLimitSeconds } = options;
  const home = await makeHome();
  const port = await freePort();
  const sccache = await toolPath("sccache");
  const conf = await home.file(
    "sccache.toml",
    `[cache.disk]\ndir = "${home.dir}/cache"\nsize = ${MAX_SIZE}\n${s3Port === undefined ? "" : withS3(s3Port)}`,
  );
  const script = rustcWrapper({
    sccachePath: sccachePath ?? sccache,
    confPath: conf,
    port,
    ...(storeLimitSeconds === undefined ? {} : { storeLimitSeconds }),
  });
  const wrapper = await home.file("bin/rustc-wrapper", withShell(script, shell), 0o755);
  await writeProject(home, wrapper);
  const env = {
    ...home.env,
    SCCACHE_SERVER_PORT: String(port),
    SCCACHE_CONF: conf,
    SCCACHE_IDLE_TIMEOUT: "0",
  };
  return {
    ...home,
    sccache,
    wrapper,
    conf,
    port,
    serve: () => daemon([sccache], port, { ...env, ...SERVER }),
    stats: async () =>
      parseStats((await run([sccache, "--show-stats", "--stats-format=json"], { env })).stdout),
    build: async (extra = {}) =>
      await run(["sh", "-c", "rm -rf target && exec cargo build --offline"], {
        env: { ...home.env, ...extra },
        cwd: `${home.dir}/project`,
      }),
  };
}

/** The same script under another shell than /bin/sh. */
export function withShell(script: string, shell: readonly string[] = ["sh"]): string {
  return script.replace("#!/bin/sh", `#!/usr/bin/env -S ${shell.join(" ")}`);
}

function parseStats(json: string): Stats {
  const { stats, max_cache_size } = JSON.parse(json);
  return {
    requests: stats.compile_requests,
    hits: stats.cache_hits.counts.Rust ?? 0,
    misses: stats.cache_misses.counts.Rust ?? 0,
    maxCacheSize: max_cache_size,
  };
}

async function writeProject(home: Home, wrapper: string): Promise<void> {
  const manifest = (name: string, deps: string) =>
    `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n${deps}`;
  await home.file(".cargo/config.toml", `[build]\nrustc-wrapper = "${wrapper}"\nincremental = false\n`);
  await home.file(
    "project/Cargo.toml",
    manifest("program", 'one = { path = "one" }\ntwo = { path = "two" }\n'),
  );
  await home.file("project/src/main.rs", 'fn main() { println!("{}", one::N + two::N); }\n');
  for (const name of ["one", "two"]) {
    await home.file(`project/${name}/Cargo.toml`, manifest(name, ""));
    await home.file(`project/${name}/src/lib.rs`, "pub const N: u32 = 1;\n");
  }
}
