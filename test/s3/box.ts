import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Box, makeBox } from "../e2e/box.ts";
import { freePort } from "../support/free-port.ts";
import type { Finished } from "../support/process.ts";

/** Two boxes at one path, one after the other, as two hosts have: sccache's keys hold the paths of what is built. */
export interface S3Box extends Box {
  /** Path of the home directory that was moved aside. */
  readonly first: string;
  /** Where the embedded server keeps its objects: outside both home directories. */
  readonly objects: string;
  readonly s3Port: number;
}

/** What both stacks say of the one host. */
export const HOST = {
  agents: { total: 4, active: 2 },
  "bazel-remote": { max_size: "2GiB" },
  sccache: { max_size: "3GiB" },
};

/** A box with a place for objects. */
export async function makeS3Box(): Promise<S3Box> {
  const box = await makeBox();
  const root = join(box.home, "..");
  return { ...box, first: join(root, "first"), objects: join(root, "objects"), s3Port: await freePort() };
}

/** The box once its home directory has been moved aside: an empty one at the same path, with other ports. */
export async function movedIn(box: S3Box): Promise<S3Box> {
  renameSync(box.home, box.first);
  mkdirSync(box.home);
  const [sccache, http, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
  return { ...box, ports: { sccache, http, grpc } };
}

/** Writes a stack file with S3; its settings, encrypted by a passphrase of before, are kept. */
export function writeStack(box: S3Box, name: string, s3?: object, host: Record<string, object> = HOST): void {
  const file = join(box.project, "stacks", `Pulumi.${name}.yaml`);
  const { ports } = box;
  const merged = {
    ...host,
    sccache: { ...host.sccache, port: ports.sccache },
    "bazel-remote": {
      ...host["bazel-remote"],
      http_address: `127.0.0.1:${ports.http}`,
      grpc_address: `127.0.0.1:${ports.grpc}`,
    },
  };
  const config = {
    "warmbox:hosts": { box: merged },
    "warmbox:proof": false, // it compiles as well, and would rightly fail an `up` while S3 is down
    ...(s3 ? { "warmbox:s3": s3 } : {}),
  };
  writeFileSync(file, `${JSON.stringify({ config }, null, 2)}\n`);
}

/** Sets a secret of a stack as a person does: typed, not part of a command line. */
export function setSecret(box: Box, stack: string, name: string, value: string): string {
  const argv = ["setup/run.mjs", "pulumi", "config", "set", "--secret", name, "--stack", stack];
  const done = spawnSync(process.execPath, argv, {
    cwd: box.project,
    env: box.env,
    input: value,
    encoding: "utf8",
  });
  if (done.status !== 0) throw new Error(`config set ${name} ended with ${done.status}:\n${done.stderr}`);
  return done.stdout + done.stderr;
}

/** Runs one of the project's commands, which must succeed. */
export async function must(box: Box, ...args: string[]): Promise<string> {
  const result: Finished = await box.warmbox(...args);
  if (result.code !== 0) throw new Error(`${args.join(" ")} ended with ${result.code}:\n${result.output}`);
  return result.output;
}

/** Stops or goes on with a supervised service, as a machine that hangs does. */
export function signalService(home: string, name: string, signal: "SIGSTOP" | "SIGCONT"): void {
  const pids = readFileSync(join(home, `.local/state/warmbox/run/${name}.pid`), "utf8");
  process.kill(Number(/^daemon (\d+)/m.exec(pids)?.[1]), signal);
}

/** What sccache's server counted on each of its levels since its start. */
export interface Level {
  readonly name: string;
  readonly hits: number;
  readonly misses: number;
  readonly writes: number;
  readonly write_failures: number;
}

/** The levels of the box's sccache server. */
export async function levels(box: Box): Promise<Level[]> {
  const sccache = join(box.home, ".local/share/warmbox/tools/sccache/0.19.0/sccache");
  const result = await box.run([sccache, "--show-stats", "--stats-format=json"], box.home, {
    SCCACHE_SERVER_PORT: String(box.ports.sccache),
    SCCACHE_CONF: join(box.home, ".config/sccache/config"),
  });
  return JSON.parse(result.stdout).stats.multi_level ?? [];
}

/** Files of bazel-remote's own disk that are not yet objects: `ab/HASH-…` there is `ab/HASH` in the bucket. */
export function notUploaded(box: Pick<S3Box, "home" | "objects">, sinceMs: number): string[] {
  const bucket = join(box.objects, "warmbox/warmbox/bazel-remote");
  const cache = join(box.home, ".cache/bazel-remote");
  const kinds = ["cas.v2", "ac.v2"] as const;
  return kinds.flatMap((kind) => {
    const entries = readdirSync(join(cache, kind), { recursive: true, withFileTypes: true });
    const fresh = entries.filter(
      (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs >= sinceMs,
    );
    return fresh
      .map(
        (entry) => `${kind === "ac.v2" ? "ac" : kind}/${entry.name.slice(0, 2)}/${entry.name.slice(0, 64)}`,
      )
      .filter((object) => statSync(join(bucket, object), { throwIfNoEntry: false }) === undefined);
  });
}
