/**
 * A Pulumi that was killed leaves in a backend of files what would stop or disturb the next run: its lock, and notes of
 * operations in progress.
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

/** An operation in progress, as a state notes it. */
type Pending = { resource: { urn: string }; type: string };

/** A stack whose last run may have been killed. */
export type Interrupted = { project: Project; stack: string; cli: string; env: NodeJS.ProcessEnv };

/** Removes a killed run's lock and notes of this stack, and reports each in a line. */
export function clearInterrupted(run: Interrupted): void {
  const backend = fileBackend(run.project, run.env);
  if (backend === undefined) return;
  const locks = join(backend, "locks", "organization", run.project.name, run.stack);
  clearLocks(locks, run.stack);
  if (isHeld(locks)) return; // Pulumi says who
  clearPending(join(backend, "stacks", run.project.name, `${run.stack}.json`), run);
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

function isHeld(directory: string): boolean {
  return lockFiles(directory).length > 0;
}

function lockFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith(".json"))
    .map((name) => join(directory, name));
}

/** True only for a lock of this machine and user whose process is gone; of any other this cannot be known. */
export function isLeftOver(lock: Lock): boolean {
  const isSameUser = lock.hostname === hostname() && lock.username === userName();
  return isSameUser && Number.isInteger(lock.pid) && !runsPulumi(lock.pid);
}

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined; // a uid without an entry in the password file
  }
}

/** The pid of a dead process may belong to another program by now; Linux has its name. */
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
 * The next `up` runs an interrupted command again, since warmbox's may be repeated at any point. Pulumi cannot know that
 * and would warn in every run until a user answers its questions. If anything else was interrupted (a bucket that AWS
 * may have made or not), everything is kept, for Pulumi to ask.
 */
function clearPending(file: string, { project, stack, cli, env }: Interrupted): void {
  if (!existsSync(file) || !/"pending_operations":\s*\[\s*\{/.test(readFileSync(file, "utf8"))) return;
  const run = (args: string[], input?: string): string => {
    const argv = [...args, "--stack", stack, "--non-interactive"];
    const result = spawnSync(cli, argv, {
      cwd: project.root,
      env,
      input,
      encoding: "utf8",
      maxBuffer: 2 ** 30,
    });
    if (result.status === 0) return result.stdout;
    throw new UserError(
      "failed",
      `pulumi ${argv.join(" ")} failed:\n${result.stdout}${result.stderr}`.trimEnd(),
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
