/** The flags of Pulumi's commands, as the CLI itself lists them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../stacks/errors.ts";
import { nearest } from "../../stacks/issue.ts";
import { cacheDirectory } from "../../tools/base.mjs";
import type { PulumiCli } from "./cli.ts";

type FlagsByCommand = Record<string, string[]>;

/** The long flags of a command such as `stack rm`, without hyphens. Half a second at first; kept until the CLI changes. */
export function pulumiFlags(cli: PulumiCli, command: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const file = join(cacheDirectory(env), "engine", "pulumi-flags.json");
  const { mtimeMs, size } = statSync(cli.path);
  const key = `${cli.path}:${mtimeMs}:${size}:${command.join(" ")}`;
  const cachedFlags = readKept(file);
  if (cachedFlags[key] !== undefined) return cachedFlags[key];
  const { stdout = "" } = spawnSync(cli.path, [...command, "--help"], { env, encoding: "utf8" });
  const flags = [...(stdout ?? "").matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, flag = ""]) => flag);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ ...cachedFlags, [key]: flags }));
  renameSync(`${file}.${process.pid}`, file);
  return flags;
}

function readKept(file: string): FlagsByCommand {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {};
  }
}

/** Refuses a flag that the command does not have, with the nearest one that it has. */
export function refuseUnknownFlags(command: string, args: readonly string[], flags: readonly string[]): void {
  if (flags.length === 0) return; // a CLI that does not list them
  const pulumiArgs = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  for (const arg of pulumiArgs) {
    const [, flag] = /^--([^=]+)/.exec(arg) ?? [];
    if (flag === undefined || flags.includes(flag)) continue;
    const near = nearest(flag, flags);
    throw new UserError(
      "usage",
      `${command} has no flag --${flag}; next: ${near === undefined ? "" : `write --${near}; `}\`./warmbox ${command} --help\` lists the flags`,
    );
  }
}
