/** Programs of the operating system that the tests run for real: made present before the first test, or named. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { startProgress } from "../../tools/progress.ts";
import { run } from "../../tools/run.ts";

/** What some suites need of the machine: how to get it, and where those suites are (start of their paths). */
type Need = { next: string; suites: readonly string[] };

/** Suites that boot containers or take the network away. */
const AS_ROOT = ["test/systemd/", "test/fleet/", "test/docker/", "test/s3/systemd.heavy", "test/e2e/local"];
const IN_EVERY_SHELL = [
  ...["test/host/library/", "test/host/probe", "test/host/scripts.test", "test/client/"],
  ...["test/setup-tools/push-tools", "test/ops/scripts"],
  ...["test/render/script.", "test/render/proof-resource", "test/s3/scripts"],
];

/** Each program with the Debian package that has it. */
const PROGRAMS: Readonly<Record<string, Need>> = {
  busybox: { next: "busybox-static", suites: IN_EVERY_SHELL },
  dash: { next: "dash", suites: [...IN_EVERY_SHELL, "test/render/readers"] },
  debootstrap: { next: "debootstrap", suites: AS_ROOT },
  ip: { next: "iproute2", suites: AS_ROOT },
  ssh: { next: "openssh-client", suites: ["test/systemd/", "test/fleet/", "test/host/reach"] },
  "systemd-analyze": {
    next: "systemd",
    suites: ["test/systemd/units", "test/render/unit-files", "test/s3/scripts"],
  },
  "systemd-nspawn": { next: "systemd-container", suites: AS_ROOT },
  unshare: { next: "util-linux", suites: [...AS_ROOT, "test/ops/warm.heavy"] },
};

const ROOT: Need = { next: "run them as root", suites: [...AS_ROOT, "test/ops/warm.heavy"] };

/** Where root's programs are, which a user's PATH may lack. */
const MORE_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The programs that are missing here. */
export function missingPrograms(path: string = process.env.PATH ?? ""): string[] {
  const directories = [...path.split(delimiter).filter(Boolean), ...MORE_DIRECTORIES];
  return Object.keys(PROGRAMS).filter((name) => !directories.some((dir) => existsSync(join(dir, name))));
}

/**
 * Installs what is missing, once, so that two tests never call apt-get at the same time. Only root on a Debian can;
 * elsewhere everything stays missing. Returns what still is.
 */
export async function ensureTestPrograms(): Promise<string[]> {
  const missing = missingPrograms();
  if (missing.length === 0 || !isRoot() || !existsSync("/usr/bin/apt-get")) return missing;
  const packages = missing.map((name) => PROGRAMS[name]?.next ?? name);
  const progress = startProgress(`installing ${packages.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = async (...args: string[]): Promise<void> =>
    void (await run({ argv: ["apt-get", ...args], cwd: "/", env }));
  try {
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", ...packages);
    progress.end("installed");
  } catch (error) {
    progress.end("failed");
    throw error;
  }
  return missingPrograms();
}

/** Suites that cannot run here: the starts of their paths, and a block of text that says so. */
export type LeftOut = { suites: string[]; text: string };

/** What cannot be run without the `missing` programs, or without root; pure. */
export function leftOut(missing: readonly string[], root = isRoot()): LeftOut {
  const lacks: [name: string, need: Need][] = [
    ...(root ? [] : ([["root's rights", ROOT]] as [string, Need][])),
    ...missing.map((name): [string, Need] => [name, PROGRAMS[name] ?? { next: name, suites: [] }]),
  ];
  const lines = lacks.map(
    ([name, { next, suites }]) =>
      `  without ${name}: ${suites.map(globOf).join(" ")}\n    next: ${name in PROGRAMS ? `install ${next}` : next}\n`,
  );
  return {
    suites: [...new Set(lacks.flatMap(([, { suites }]) => suites))],
    text: lines.length === 0 ? "" : `NOT RUN on this machine:\n${lines.join("")}`,
  };
}

/** The glob of a suite's files. */
export function globOf(suite: string): string {
  return suite.endsWith("/") ? `${suite}**` : `${suite}*`;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
