/**
 * A small Debian root file system with systemd, made once by debootstrap from the mirror that this machine's own apt
 * uses, and kept under `$XDG_CACHE_HOME/warmbox/test/rootfs-<hash of the recipe>`. About 75 s on 2 cores, 275 MiB.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { demand } from "../support/process.ts";

const SUITE = "bookworm";

/** What a host of warmbox has at the least, and sshd. No compiler, no curl, no jq: the units may not need them. */
const PACKAGES = [
  ...["systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd"],
  ...["openssh-server", "sudo", "util-linux", "procps"],
];

/** The container's ordinary user: logs in by key, may sudo without a password. */
export const USER = "builder";
/** That user's uid, and so `user@1000.service` and `/run/user/1000`. */
export const USER_ID = 1000;

/** The container's host name. It resolves there and nothing else does: a host needs no internet. */
export const HOSTNAME = "warmbox-test";

/** Part of the hash: raise it when the recipe below changes. */
const RECIPE = "2";

/** Programs of this machine that the tests need, and the Debian package of each. */
const PROGRAMS: Record<string, string> = {
  debootstrap: "debootstrap",
  "systemd-nspawn": "systemd-container",
  ip: "iproute2",
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
};

const BUILD_BOUND_SECONDS = 900;
const PROGRESS_EVERY_MS = 5000;

/** The root file system's path; builds it first when it is not there. Never written to afterwards. */
export async function rootfs(): Promise<string> {
  await demandHost();
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "warmbox", "test");
  const digest = createHash("sha256")
    .update([RECIPE, SUITE, ...PACKAGES].join(" "))
    .digest("hex");
  const path = join(cache, `rootfs-${digest.slice(0, 12)}`);
  mkdirSync(cache, { recursive: true });
  if (!existsSync(path)) await build(path);
  return path;
}

/** Fails with the next step where this machine cannot boot a container; installs what apt has. */
async function demandHost(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(
      "the systemd tests boot a container, which takes root: run them as root, for example by sudo",
    );
  }
  const missing = Object.keys(PROGRAMS).filter((program) => !onPath(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PROGRAMS[program] ?? program))];
  if (!onPath("apt-get")) {
    throw new Error(`${missing.join(", ")} not found, and no apt-get: install ${packages.join(", ")}`);
  }
  say(`installing ${packages.join(", ")} by apt-get (for ${missing.join(", ")})`);
  await demand(["apt-get", "update"], { timeoutSeconds: BUILD_BOUND_SECONDS });
  await demand(["apt-get", "install", "-y", "--no-install-recommends", ...packages], {
    timeoutSeconds: BUILD_BOUND_SECONDS,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

const SYSTEM_DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

const onPath = (program: string): boolean =>
  [...(process.env.PATH ?? "").split(":"), ...SYSTEM_DIRECTORIES].some((d) => existsSync(join(d, program)));

/** The mirror this machine's apt takes Debian's `main` from, so that tests reach what the machine reaches. */
async function mirror(): Promise<string> {
  const format = "$(CREATED_BY)|$(RELEASE)|$(COMPONENT)|$(SITE)";
  const lines = (await demand(["apt-get", "indextargets", "--format", format])).split("\n");
  const line = lines.find((l) => l.startsWith(`Packages|${SUITE}|main|`));
  const site = line?.split("|")[3];
  if (!site)
    throw new Error(`apt knows no mirror of Debian ${SUITE} main: add it to /etc/apt/sources.list.d`);
  return site;
}

/**
 * One builder at a time (flock); the name appears only when the tree is whole. It runs in separate namespaces,
 * so that a build killed half-way leaves neither processes nor debootstrap's mounts.
 */
async function build(path: string): Promise<void> {
  say(`making a Debian ${SUITE} root file system once, about 80 s: ${path}`);
  const script = `test -d "$1" && exit 0
    rm -rf "$1.partial" && debootstrap --variant=minbase --include="$2" ${SUITE} "$1.partial" "$3" &&
    chroot "$1.partial" useradd --create-home --uid ${USER_ID} --shell /bin/bash ${USER} &&
    echo "${USER} ALL=(ALL) NOPASSWD: ALL" >"$1.partial/etc/sudoers.d/${USER}" &&
    echo ${HOSTNAME} >"$1.partial/etc/hostname" && echo "127.0.0.1 localhost ${HOSTNAME}" >"$1.partial/etc/hosts" &&
    : >"$1.partial/etc/resolv.conf" &&
    rm -rf "$1.partial/var/cache/apt/archives" "$1.partial/var/lib/apt/lists" && mv "$1.partial" "$1"`;
  const isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  await demand(
    [
      "flock",
      `${path}.lock`,
      ...isolated,
      "sh",
      "-c",
      script,
      "sh",
      path,
      PACKAGES.join(","),
      await mirror(),
    ],
    { timeoutSeconds: BUILD_BOUND_SECONDS, onOutput: progress() },
  );
}

/** A line every few seconds: seconds gone, debootstrap's steps so far, and the one it is at. */
function progress(): (text: string) => void {
  const start = Date.now();
  let shown = start;
  let steps = 0;
  return (text) => {
    steps += text.split("\n").length - 1;
    if (Date.now() - shown < PROGRESS_EVERY_MS) return;
    shown = Date.now();
    const seconds = Math.round((shown - start) / 1000);
    say(`${seconds} s, step ${steps}: ${text.trim().split("\n").at(-1)?.replace(/^I: /, "")}`);
  };
}

/** Takes no part in the test report: progress for whoever watches. */
export const say = (line: string): void => void process.stderr.write(`systemd tests: ${line}\n`);
