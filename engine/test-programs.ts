/** Programs of the operating system that the tests run for real, made present before the first test. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "./errors.ts";
import { startProgress } from "./tools/progress.ts";
import { run } from "./tools/run.ts";

/** Each program with the Debian package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  dash: "dash",
  debootstrap: "debootstrap",
  ip: "iproute2",
  ssh: "openssh-client",
  "systemd-analyze": "systemd",
  "systemd-nspawn": "systemd-container",
  unshare: "util-linux",
};

/** Where root's programs are, which a user's PATH may lack. */
const MORE_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The programs that are missing here. */
export function missingPrograms(path: string = process.env.PATH ?? ""): string[] {
  const directories = [...path.split(delimiter).filter(Boolean), ...MORE_DIRECTORIES];
  return Object.keys(PROGRAMS).filter((name) => !directories.some((dir) => existsSync(join(dir, name))));
}

/**
 * Installs what is missing, once, so that two tests never call apt-get at the same time.
 * @throws UserError naming the packages where this is not root on a Debian
 */
export async function ensureTestPrograms(): Promise<void> {
  const missing = missingPrograms();
  if (missing.length === 0) return;
  const packages = missing.map((name) => PROGRAMS[name] ?? name);
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new UserError(`the tests run ${missing.join(", ")}; next: install ${packages.join(", ")}`);
  }
  const progress = startProgress(`installing ${packages.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = async (...words: string[]): Promise<void> =>
    void (await run({ argv: ["apt-get", ...words], cwd: "/", env }));
  try {
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", ...packages);
    progress.end("installed");
  } catch (error) {
    progress.end("failed");
    throw error;
  }
}
