/**
 * What a Pulumi that was killed leaves in a backend of files, and that would stop or trouble the next run: its lock,
 * and notes of operations that were under way.
 * @see https://github.com/pulumi/pulumi/blob/v3.259.0/pkg/backend/diy/lock.go
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { UserError } from "../../stacks/errors.ts";
import { fileBackend, type Project } from "../../stacks/project.ts";
import { readJson } from "../../tools/files.ts";
import { COMMAND_TYPE, nameOf, typeOf } from "../plugins/command/names.ts";

/** A lock as Pulumi writes it. */
type Lock = { pid: number; username: string; hostname: string; timestamp: string };

/** An operation that was under way, as a state names it. */
type Pending = { resource: { urn: string }; type: string };

/** What clearing up needs. */
export type Interrupted = { project: Project; stack: string; cli: string; env: NodeJS.ProcessEnv };

/** Clears away what a killed run left of this stack, and says so in a line each. */
export function clearInterrupted(known: Interrupted): void {
  const backend = fileBackend(known.project, known.env);
  if (backend === undefined) return;
  const locks = join(backend, "locks", "organization", known.project.name, known.stack);
  clearLocks(locks, known.stack);
  if (heldBySomebody(locks)) return; // Pulumi says who
  clearPending(join(backend, "stacks", known.project.name, `${known.stack}.json`), known);
}

function clearLocks(directory: string, stack: string): void {
  for (const file of lockFiles(directory)) {
    const lock = readJson<Lock>(file);
    if (!lock || !isLeftOver(lock)) continue;
    rmSync(file, { force: true });
    rmSync(`${file}.attrs`, { force: true });
    process.stderr.write(
      `warmbox: removed the lock of stack ${stack} that process ${lock.pid} left at ${lock.timestamp} when it was killed\n`,
    );
  }
}

function heldBySomebody(directory: string): boolean {
  return lockFiles(directory).length > 0;
}

function lockFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith(".json"))
    .map((name) => join(directory, name));
}

/** True only for a lock of this very machine and user whose process is gone; of any other nothing can be known. */
export function isLeftOver(lock: Lock): boolean {
  const ours = lock.hostname === hostname() && lock.username === userName();
  return ours && Number.isInteger(lock.pid) && !runsPulumi(lock.pid);
}

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined; // a uid without an entry in the password file
  }
}

/** A number of a dead process may belong to another program by now: Linux tells its name. */
function runsPulumi(pid: number): boolean {
  const name = join("/proc", String(pid), "comm");
  if (existsSync("/proc/self/comm"))
    return existsSync(name) && readFileSync(name, "utf8").trim() === "pulumi";
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * A command that was under way is simply run again by the next `up`: ours may be repeated at any point. Pulumi cannot
 * know that and would warn in every run until somebody answers its questions. Where anything else was under way (a
 * bucket that AWS may have made or not) everything stays, for Pulumi to ask.
 */
function clearPending(file: string, { project, stack, cli, env }: Interrupted): void {
  if (!existsSync(file) || !/"pending_operations":\s*\[\s*\{/.test(readFileSync(file, "utf8"))) return;
  const run = (args: string[], input?: string): string => {
    const words = [...args, "--stack", stack, "--non-interactive"];
    const done = spawnSync(cli, words, {
      cwd: project.root,
      env,
      input,
      encoding: "utf8",
      maxBuffer: 2 ** 30,
    });
    if (done.status === 0) return done.stdout;
    throw new UserError(
      "failed",
      `pulumi ${words.join(" ")} failed:\n${done.stdout}${done.stderr}`.trimEnd(),
    );
  };
  const exported = run(["stack", "export"]);
  const pending = pendingOf(exported);
  if (pending.length === 0 || pending.some(({ resource }) => typeOf(resource.urn) !== COMMAND_TYPE)) return;
  run(["stack", "import"], exported); // an import drops the notes
  const names = pending.map(({ resource, type }) => `${type} ${nameOf(resource.urn)}`).join(", ");
  process.stderr.write(`warmbox: the last run was killed while ${names}; that is done again\n`);
}

function pendingOf(exported: string): Pending[] {
  return (
    (JSON.parse(exported) as { deployment: { pending_operations?: Pending[] } }).deployment
      .pending_operations ?? []
  );
}
