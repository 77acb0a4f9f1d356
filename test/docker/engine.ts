/**
 * A docker daemon for one test: Debian's packages unpacked into the project's test cache (nothing is installed), its
 * state, socket and control groups in separate directories, without a bridge and without firewall rules.
 *
 * It runs in a mount and a PID namespace, so one SIGKILL ends the daemon, containerd and every container, and leaves no
 * mount. The network is this machine's: containers of the host network listen where the tests ask.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { demand, failIfEnded, outputOf } from "../support/process.ts";
import { until } from "../support/until.ts";
import { toolPath } from "../tools.ts";

/** Debian's packages of the daemon; what they depend on beyond these is asked of ldd. */
const PACKAGES = ["docker.io", "containerd", "runc", "tini"];
/** Part of the cache's name: raise it when the packages or their layout change. */
const RECIPE = "1";
const DOWNLOAD_SECONDS = 600;
const CGROUPS = "/sys/fs/cgroup";

/** A running daemon. */
export type Engine = {
  /** Environment in which `docker` is the client and talks to this daemon. */
  env: { PATH: string; DOCKER_HOST: string };
  /** Runs the client to its end and demands success; its stdout. */
  docker(...args: string[]): Promise<string>;
  /** Ends it and removes all it left. */
  stop(): Promise<void>;
};

/** Starts one; downloads the packages first where they are not there (70 MB, once). */
export async function startEngine(): Promise<Engine> {
  const tree = await unpacked();
  const base = mkdtempSync(join(tmpdir(), "warmbox-docker-"));
  const group = `warmbox-docker-${randomBytes(4).toString("hex")}`;
  const path = `${join(tree, "usr/bin")}:${join(tree, "usr/sbin")}:${process.env.PATH ?? ""}`;
  const env = { PATH: path, DOCKER_HOST: `unix://${base}/docker.sock`, HOME: base };
  const daemon = launch(base, group, env);
  const log = outputOf(daemon);
  const docker = (...args: string[]) => demand(["docker", ...args], { env });
  const stop = async () => {
    await kill(daemon);
    removeGroups(group);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    await until(
      "the docker daemon",
      () =>
        failIfEnded("dockerd", daemon, log) ||
        docker("version").then(
          () => true,
          () => false,
        ),
      log,
    );
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { env: { PATH: env.PATH, DOCKER_HOST: env.DOCKER_HOST }, docker, stop };
}

function launch(base: string, group: string, env: NodeJS.ProcessEnv): ChildProcess {
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const places = ["--data-root", `${base}/data`, "--exec-root", `${base}/exec`, "--pidfile", `${base}/pid`];
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"];
  return spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "unshare", ...namespaces],
      ...["dockerd", ...places, ...network, "--host", `unix://${base}/docker.sock`],
      ...["--storage-driver", "vfs", "--cgroup-parent", `/${group}`],
    ],
    { env, stdio: ["ignore", "pipe", "pipe"] },
  );
}

/** The packages' files, below the test cache. */
async function unpacked(): Promise<string> {
  if (process.getuid?.() !== 0) {
    throw new Error(
      "the docker tests start a daemon, which takes root: run them as root, for example by sudo",
    );
  }
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "warmbox", "test");
  const tree = join(cache, `docker-${RECIPE}`);
  if (!existsSync(tree)) await unpack(cache, tree);
  const missing = (await demand(["ldd", join(tree, "usr/sbin/dockerd"), join(tree, "usr/sbin/runc")]))
    .split("\n")
    .filter((line) => line.includes("not found"));
  if (missing.length > 0)
    throw new Error(`libraries of docker are missing; install them:\n${missing.join("\n")}`);
  return tree;
}

/** The name appears only when the tree is whole. */
async function unpack(cache: string, tree: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${tree}.`);
  process.stderr.write(`docker tests: downloading ${PACKAGES.join(", ")} once, 70 MB\n`);
  try {
    const fetch = `cd "$1" && shift && { apt-get download "$@" || { apt-get update && apt-get download "$@"; }; } &&
      for package in ./*.deb; do dpkg-deb --extract "$package" tree || exit; done`;
    await demand(["sh", "-c", fetch, "sh", draft, ...PACKAGES], { timeoutSeconds: DOWNLOAD_SECONDS });
    if (!existsSync(tree)) renameSync(join(draft, "tree"), tree);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * An image like the one of bazel-remote's authors, which no registry of this machine has: the pinned program alone, and
 * the entrypoint that theirs has, with a profiler on every interface.
 * @returns its id
 */
export async function makeImage(engine: Engine): Promise<string> {
  const draft = mkdtempSync(join(tmpdir(), "warmbox-image-"));
  const program = "bazel-remote-linux";
  try {
    mkdirSync(join(draft, "root"));
    cpSync(await toolPath("bazel-remote"), join(draft, "root", program));
    await demand([
      "tar",
      "--create",
      "--file",
      join(draft, "image.tar"),
      "--directory",
      join(draft, "root"),
      ".",
    ]);
    const entrypoint = [`/${program}`, "--http_address=:8080", "--dir=/data", "--profile_address=:6060"];
    const change = ["--change", `ENTRYPOINT ${JSON.stringify(entrypoint)}`, "--change", "USER 65532:65532"];
    return (await engine.docker("import", ...change, join(draft, "image.tar"))).trim();
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** SIGKILL to the first process of the PID namespace, which goes with it; unshare, above it, then ends by itself. */
async function kill(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((resolve) => daemon.once("close", resolve));
  const first = Number(readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8").split(" ")[0]);
  if (first > 0) process.kill(first, "SIGKILL");
  else daemon.kill("SIGKILL");
  await gone;
}

/** The daemon's control groups, in every hierarchy. */
function removeGroups(group: string): void {
  for (const at of [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))]) {
    const top = join(at, group);
    if (!existsSync(top)) continue;
    for (const name of readdirSync(top, { withFileTypes: true })) {
      if (name.isDirectory()) rmdirSync(join(top, name.name));
    }
    rmdirSync(top);
  }
}
