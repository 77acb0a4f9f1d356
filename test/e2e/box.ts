import { createHash } from "node:crypto";
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { freePort } from "../support/free-port.ts";
import { demand, type Finished, run } from "../support/process.ts";

/** A first `up` may build tools; only a hang takes longer. */
const COMMAND_LIMIT_SECONDS = 3_600;

const REPOSITORY = resolve(import.meta.dirname, "../..");

/** A machine for one test: an empty HOME, unused ports, and a copy of the project. */
export interface Box {
  readonly home: string;
  readonly project: string;
  readonly env: Record<string, string>;
  readonly ports: { readonly sccache: number; readonly http: number; readonly grpc: number };
  /** Writes `stacks/Pulumi.<stack>.yaml` for one host, keeping the box's own ports; with a proof only if asked for. */
  stack(name: string, host: Record<string, unknown>, proof?: boolean): void;
  /** Runs one of the project's commands (`up`, `preview`, `destroy`, …) as `npm run` would. */
  warmbox(...args: string[]): Promise<Finished>;
  /** Runs any command with the box's environment. */
  run(argv: readonly string[], cwd: string, env?: Record<string, string>): Promise<Finished>;
  /** Deletes the box's folders. */
  remove(): void;
}

/** Makes a box below the system's temporary folder; the tools' cache of the real user is shared, nothing else is. */
export async function makeBox(): Promise<Box> {
  const root = mkdtempSync(join(tmpdir(), "warmbox-e2e-"));
  const home = join(root, "home");
  const project = join(root, "project");
  mkdirSync(home);
  await copyProject(project);
  const [sccache, http, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
  const ports = { sccache, http, grpc };
  const env = boxEnvironment(home);
  const command = (argv: readonly string[], cwd: string, extra = {}) =>
    run(argv, { cwd, env: { ...env, ...extra }, timeoutSeconds: COMMAND_LIMIT_SECONDS });
  return {
    home,
    project,
    env,
    ports,
    stack: (name, host, proof = false) => writeStack(project, name, ports, host, proof),
    warmbox: (...args) => command([process.execPath, "setup/run.mjs", ...args], project),
    run: command,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Every file below a folder as `path type mode sha256`, sorted, so that two states of it can be compared. */
export function listing(root: string, leaveOut: readonly string[] = []): string[] {
  const lines: string[] = [];
  const visit = (relative: string): void => {
    for (const name of readdirSync(join(root, relative))) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (!leaveOut.includes(path)) lines.push(...entry(root, path, visit));
    }
  };
  visit("");
  return lines.sort();
}

/** Every path below a folder with what changes whenever it is written, moved or given another mode: inode and ctime. */
export function identities(root: string, leaveOut: readonly string[] = []): string[] {
  return listing(root, leaveOut).map((line) => {
    const [, path = ""] = /^(.*) (?:directory|file|link) /.exec(line) ?? [];
    const { ino, ctimeMs } = lstatSync(join(root, path));
    return `${line} ${ino} ${ctimeMs}`;
  });
}

function entry(root: string, path: string, visit: (path: string) => void): string[] {
  const full = join(root, path);
  const stat = lstatSync(full);
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isDirectory()) {
    visit(path);
    return [`${path} directory ${mode}`];
  }
  if (stat.isSymbolicLink()) return [`${path} link ${readlinkSync(full)}`];
  return [`${path} file ${mode} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`];
}

async function copyProject(to: string): Promise<void> {
  const listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const paths = await demand(listing, { cwd: REPOSITORY });
  for (const path of paths.split("\0").filter((path) => path !== "")) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(REPOSITORY, path), join(to, path), { verbatimSymlinks: true });
  }
  symlinkSync(join(REPOSITORY, "node_modules"), join(to, "node_modules"));
}

function boxEnvironment(home: string): Record<string, string> {
  const inherited = process.env;
  const kept = Object.entries(inherited).filter(
    ([key]) =>
      // CI: a test says itself which kind of session it is; moon and Pulumi behave otherwise in a CI job
      !/^(CI$|PULUMI_|CARGO|RUSTC|RUSTFLAGS|SCCACHE_|MOON_|XDG_|GO(MOD)?CACHE|VITEST|NODE_OPTIONS)/.test(key),
  );
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    HOME: home,
    PATH: `${dirname(process.execPath)}:${inherited.PATH ?? ""}`,
    RUSTUP_HOME: inherited.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    XDG_CACHE_HOME: inherited.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  };
}

function writeStack(
  project: string,
  name: string,
  ports: Box["ports"],
  host: Record<string, unknown>,
  proof: boolean,
): void {
  const merged = {
    ...host,
    sccache: { port: ports.sccache, ...(host.sccache as object | undefined) },
    "bazel-remote": {
      http_address: `127.0.0.1:${ports.http}`,
      grpc_address: `127.0.0.1:${ports.grpc}`,
      ...(host["bazel-remote"] as object | undefined),
    },
  };
  // JSON is YAML: no library needed to write a stack file that a person would write by hand.
  // A test looks at the host itself after each `up`; separate tests cover the proof.
  const config = { config: { "warmbox:hosts": { box: merged }, "warmbox:proof": proof } };
  writeFileSync(join(project, "stacks", `Pulumi.${name}.yaml`), `${JSON.stringify(config, null, 2)}\n`);
}
