/** A Pulumi program of another project: an empty folder in which warmbox's tarball is installed. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Box } from "../e2e/box.ts";
import type { Finished } from "../support/process.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");

/** One program. */
export type Program = {
  readonly folder: string;
  /** Runs a Pulumi command in its folder. */
  pulumi(...args: string[]): Promise<Finished>;
  /** The same, which must succeed. @returns what a person would have seen */
  succeed(...args: string[]): Promise<string>;
  /** Runs a file of the folder under a plain Node. */
  node(file: string): Promise<Finished>;
};

/** Packs the box's copy of the project, and installs the tarball and the SDK into an empty folder, once for all tests. */
export async function installPackage(box: Box): Promise<string> {
  const folder = mkdtempSync(join(dirname(box.home), "package-"));
  // the downloads are shared with the user's npm; HOME is the box's
  const env = { npm_config_cache: process.env.npm_config_cache ?? join(homedir(), ".npm") };
  const npm = async (cwd: string, ...args: string[]) => {
    const { code, output } = await box.run(["npm", ...args], cwd, env);
    if (code !== 0) throw new Error(`npm ${args.join(" ")} ended with ${code}:\n${output}`);
  };
  await npm(box.project, "pack", "--pack-destination", folder);
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund"];
  await npm(folder, "install", ...quiet, `./${tarball}`, sdk("pulumi"), sdk("command"));
  return folder;
}

/** `@pulumi/NAME@VERSION` as this project pins it. */
function sdk(name: string): string {
  const { version } = JSON.parse(
    readFileSync(join(REPOSITORY, "node_modules/@pulumi", name, "package.json"), "utf8"),
  ) as { version: string };
  return `@pulumi/${name}@${version}`;
}

/** A folder with one of examples/ and the installed packages. */
export function makeProgram(box: Box, installed: string, example: string): Program {
  const folder = join(dirname(box.home), `program-${example}`);
  cpSync(join(REPOSITORY, "examples", example), folder, { recursive: true });
  cpSync(join(installed, "node_modules"), join(folder, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const state = join(folder, "state");
  mkdirSync(state);
  const runner = pathToFileURL(join(REPOSITORY, "setup/pulumi/run.ts")).href;
  const main = `import { runPulumi } from "${runner}"; process.exitCode = await runPulumi(process.cwd(), process.argv.slice(1));`;
  const argv = [process.execPath, "--input-type=module", "-e", main, "--"];
  const pulumi: Program["pulumi"] = (...args) =>
    box.run([...argv, ...args], folder, { PULUMI_BACKEND_URL: `file://${state}` });
  return {
    folder,
    pulumi,
    succeed: async (...args) => {
      const { code, output } = await pulumi(...args);
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${output}`);
      return output;
    },
    node: (file) => box.run([process.execPath, file], folder),
  };
}

/** Which of the files that warmbox puts below a home directory are there. */
export function remains(home: string): string[] {
  const files = [".cargo/config.toml", ".config/sccache/config", ".local/share/warmbox/warmbox.sh"];
  return files.filter((file) => existsSync(join(home, file)));
}
