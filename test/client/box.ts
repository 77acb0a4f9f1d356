import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** The shells that a host's `/bin/sh` may be. */
export const SHELLS: readonly (readonly [name: string, argv: readonly string[]])[] = [
  ["dash", ["dash"]],
  ["bash", ["bash"]],
  ["busybox", ["busybox", "sh"]],
];

/** An empty HOME, deleted when the test ends. */
export interface Home {
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Writes a file below HOME and returns its path. */
  file(path: string, text: string, mode?: number): Promise<string>;
}

/** Ends what was started with that HOME and outlived its test, such as a server that a client of sccache began. */
async function endStrays(home: string): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(`HOME=${home}`)) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // it has ended
    }
  }
}

export async function makeHome(): Promise<Home> {
  const dir = await mkdtemp(join(tmpdir(), "warmbox-client-"));
  onTestFinished(async () => {
    await endStrays(dir);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  await mkdir(join(dir, "run"), { mode: 0o700 });
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: dir,
    XDG_RUNTIME_DIR: join(dir, "run"),
    CARGO_HOME: join(dir, ".cargo"),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
    GIT_CONFIG_GLOBAL: "/dev/null",
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name, value]) => /^(SSL_|CURL_CA)/.test(name) && value),
    ),
  } as Record<string, string>;
  const file = async (path: string, text: string, mode = 0o644) => {
    const full = join(dir, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
    await chmod(full, mode);
    return full;
  };
  return { dir, env, file };
}
