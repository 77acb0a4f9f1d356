/** The flags of Pulumi's commands, as the CLI itself lists them. */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { wrongFlag } from "../../stacks/command.ts";
import { cacheDirectory } from "../../tools/base.mjs";
import { readJson, writeWhole } from "../../tools/files.ts";
import type { PulumiCli } from "./cli.ts";

type FlagsByCommand = Record<string, string[]>;

/** The long flags of a command such as `stack rm`, without hyphens. Half a second at first; kept until the CLI changes. */
export function pulumiFlags(cli: PulumiCli, command: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const file = join(cacheDirectory(env), "engine", "pulumi-flags.json");
  const { mtimeMs, size } = statSync(cli.path);
  const key = `${cli.path}:${mtimeMs}:${size}:${command.join(" ")}`;
  const cachedFlags = readJson<FlagsByCommand>(file) ?? {};
  if (cachedFlags[key] !== undefined) return cachedFlags[key];
  const { stdout = "" } = spawnSync(cli.path, [...command, "--help"], { env, encoding: "utf8" });
  const flags = [...(stdout ?? "").matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, flag = ""]) => flag);
  writeWhole(file, JSON.stringify({ ...cachedFlags, [key]: flags }));
  return flags;
}

/** Refuses a flag that the command does not have, with the nearest one that it has. */
export function refuseUnknownFlags(command: string, args: readonly string[], flags: readonly string[]): void {
  if (flags.length === 0) return; // a CLI that does not list them
  const pulumiArgs = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  for (const arg of pulumiArgs) {
    const [, flag] = /^--([^=]+)/.exec(arg) ?? [];
    if (flag === undefined || flags.includes(flag)) continue;
    throw wrongFlag(command, `${command} has no flag --${flag}`, { flag, flags });
  }
}
