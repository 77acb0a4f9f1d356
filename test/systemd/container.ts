/**
 * A machine with systemd for tests: boots Debian in systemd-nspawn, in separate namespaces, within a second or two.
 *
 * What works on a machine whose PID 1 is not systemd and whose cgroups are hybrid (v1 controllers, an empty v2 tree):
 * a PID, mount, network and cgroup namespace; in it cgroup2 mounted over /sys/fs/cgroup; then `systemd-nspawn --boot
 * --register=no --keep-unit`. The PID namespace matters twice: nspawn reads /proc/1/cgroup to find the cgroup root, and
 * one SIGKILL ends everything. The root is an overlay on a cached tree (rootfs.ts), its upper layer a tmpfs, so every
 * boot starts clean. v1 holds the memory and cpu controllers there, so MemoryHigh= and CPUQuota= are accepted but not
 * enforced in the container; everything else of a unit is real.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  demand,
  type Finished,
  failIfEnded,
  outputOf,
  type ProcessOptions,
  run,
} from "../support/process.ts";
import { until } from "../support/until.ts";
import { removeCgroup, testCgroup } from "./cgroup.ts";
import { rootfs, say } from "./rootfs.ts";
import { type SshAccess, sshAccess } from "./ssh.ts";

/** Who runs a command: default `root`; for another user a PAM session is opened, as a login does. */
export type RunOptions = ProcessOptions & { user?: string };

/** A booted container. `root` is its root directory as seen from here, valid across reboots, until `stop`. */
export type Container = {
  root: string;
  /** Its cgroup on this machine. */
  cgroup: string;
  ssh: SshAccess;
  /** Runs `argv` in the container to its end; a session of `user`, a clean environment, no terminal. */
  run(argv: string[], options?: RunOptions): Promise<Finished>;
  /** `run` that demands exit 0; its stdout. */
  demand(argv: string[], options?: RunOptions): Promise<string>;
  reboot(): Promise<void>;
  /** Ends every process of the container and removes all it left on this machine. */
  stop(): Promise<void>;
};

const BOOT_SCRIPT = new URL("boot.sh", import.meta.url).pathname;

/**
 * Boots one. Builds the root file system first where it is missing (about 80 s, once).
 * @param bind directories of this machine to be seen in the container, read-only: path there by path here
 */
export async function bootContainer(bind: Record<string, string> = {}): Promise<Container> {
  const tree = await rootfs();
  const base = mkdtempSync(join(tmpdir(), "warmbox-container-"));
  const cgroup = testCgroup(randomBytes(4).toString("hex"));
  mkdirSync(cgroup);
  const outer = launch(cgroup, [
    tree,
    base,
    ...Object.entries(bind).map(([here, there]) => `${here}:${there}`),
  ]);
  const log = outputOf(outer);
  const link = `wb${outer.pid}`;
  const stop = async () => {
    await kill(outer);
    await run(["ip", "link", "delete", link]); // gone with its namespace, but only a moment later
    await removeCgroup(cgroup);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    await until(
      "the container's mounts",
      () => log().includes("mounted\n") || failIfEnded("the container", outer, log),
    );
    const root = `/proc/${childOf(outer.pid)}/root${base}/root`;
    const ssh = await sshAccess({ root, link, pid: outer.pid ?? 0, directory: base });
    outer.stdin?.write("boot\n");
    await booted(outer, log);
    return { root, cgroup, ssh, ...commands(outer), reboot: () => reboot(outer, log), stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** The processes: this → (setpriv, becoming) unshare → sh boot.sh → systemd-nspawn → the container's PID 1. */
function launch(cgroup: string, words: string[]): ChildProcess {
  const enter = `echo $$ >"$1/cgroup.procs" && shift && exec "$@"`;
  const namespaces = [
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  return spawn(
    "sh",
    [
      ...["-c", enter, "sh", cgroup],
      ...["setpriv", "--pdeathsig", "KILL", "unshare", ...namespaces],
      ...["sh", BOOT_SCRIPT, ...words],
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
}

/** The only child of a process; 0 while there is none. */
function childOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}

/** The container's PID 1 as numbered here; 0 while it is not there. */
const leaderOf = (outer: ChildProcess): number => childOf(childOf(childOf(childOf(outer.pid))));

async function booted(outer: ChildProcess, log: () => string, previousLeader = 0): Promise<void> {
  await until(
    "systemd in the container",
    async () => {
      failIfEnded("the container", outer, log);
      const leader = leaderOf(outer);
      if (leader === 0 || leader === previousLeader) return false;
      const { stdout } = await run(inside(leader, ["systemctl", "is-system-running"]));
      if (stdout.startsWith("degraded")) say(`container: ${await failedUnits(leader)}`);
      return /^(running|degraded)/.test(stdout);
    },
    log,
  );
}

const failedUnits = async (leader: number): Promise<string> =>
  (await run(inside(leader, ["systemctl", "--failed", "--no-legend", "--plain"]))).stdout;

async function reboot(outer: ChildProcess, log: () => string): Promise<void> {
  const leader = leaderOf(outer);
  await run(inside(leader, ["systemctl", "reboot"]));
  await booted(outer, log, leader);
}

/** nsenter alone leaves a process in our cgroup and session; good enough to talk to systemd, not to be a user. */
const inside = (leader: number, argv: string[]): string[] => [
  "nsenter",
  "--target",
  `${leader}`,
  "--all",
  "--",
  ...argv,
];

function commands(outer: ChildProcess): Pick<Container, "run" | "demand"> {
  const argvFor = (argv: string[], user: string): string[] => {
    const transient = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect"];
    const session = user === "root" ? ["--setenv=HOME=/root"] : [`--uid=${user}`, "--property=PAMName=login"];
    return inside(leaderOf(outer), [...transient, ...session, "--", ...argv]);
  };
  return {
    run: (argv, { user = "root", ...options } = {}) => run(argvFor(argv, user), options),
    demand: (argv, { user = "root", ...options } = {}) => demand(argvFor(argv, user), options),
  };
}

async function kill(outer: ChildProcess): Promise<void> {
  if (outer.exitCode !== null || outer.signalCode !== null) return;
  const init = childOf(outer.pid);
  const gone = new Promise((resolve) => outer.once("exit", resolve));
  outer.kill("SIGKILL"); // --kill-child: the PID namespace goes with it
  await gone;
  await until("the end of the container's processes", () => !existsSync(`/proc/${init}/root/`)); // true of a zombie too
}
