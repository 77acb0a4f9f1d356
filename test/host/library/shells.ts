import { execFileSync, spawnSync } from "node:child_process";

/** A shell that hosts have, as the argv that runs a script from stdin. */
export type Shell = { name: string; argv: string[] };

const WANTED: (Shell & { debian: string })[] = [
  { name: "dash", argv: ["dash"], debian: "dash" },
  { name: "bash", argv: ["bash"], debian: "bash" },
  { name: "busybox", argv: ["busybox", "sh"], debian: "busybox-static" },
];

/**
 * Every shell that the library is tried with; one that is missing is installed where this is root on a Debian.
 * @throws Error naming the package where it is missing and cannot be installed
 */
export function shells(): Shell[] {
  return WANTED.map(({ name, argv, debian }) => {
    if (!runs(argv)) install(name, debian);
    return { name, argv };
  });
}

function runs(argv: string[]): boolean {
  const [program = "", ...rest] = argv;
  return spawnSync(program, [...rest, "-c", "exit 0"]).status === 0;
}

function install(name: string, debian: string): void {
  try {
    if (process.getuid?.() === 0)
      execFileSync("apt-get", ["install", "-y", "--no-install-recommends", debian], { stdio: "inherit" });
  } catch {
    // what is missing is said below
  }
  if (!runs([name === "busybox" ? "busybox" : name, ...(name === "busybox" ? ["sh"] : [])]))
    throw new Error(
      `test/host/library needs ${name}, which is not on the PATH; next: apt-get install ${debian}`,
    );
}
