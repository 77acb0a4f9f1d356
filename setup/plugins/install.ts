/** The resource plugin `command`: the released one if it is here or can be downloaded, else the fallback. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pulumiHome } from "../../stacks/project.ts";
import { findOnPath } from "../../tools/base.mjs";
import { startProgress } from "../../tools/progress.ts";
import { isReachable, rememberUnreachable } from "../../tools/reachable.ts";
import type { PulumiCli } from "../pulumi/cli.ts";
import { COMMAND_PLUGIN_VERSION, RELEASE_HOST } from "../pulumi/versions.ts";
import { installLauncher, isLauncher } from "./launcher.ts";

const BINARY = "pulumi-resource-command";
const INSTALL_MILLISECONDS = 120_000;

/** Which of the two will serve. */
export type CommandPlugin = "released" | "fallback";

/** Makes the plugin present in Pulumi's plugin cache. The released one is never replaced by the fallback. */
export async function ensureCommandPlugin(
  cli: PulumiCli,
  env: NodeJS.ProcessEnv = process.env,
  releases = RELEASE_HOST,
): Promise<CommandPlugin> {
  const path = join(pulumiHome(env), "plugins", `resource-command-v${COMMAND_PLUGIN_VERSION}`, BINARY);
  const isFallback = isLauncher(path);
  if (existsSync(path) && !isFallback) return "released";
  if (findOnPath(BINARY, env.PATH)) return "released";
  if ((await isReachable(releases)) && (await installReleased(cli, env, releases))) return "released";
  installLauncher(path, "command-plugin.ts");
  return "fallback";
}

async function installReleased(cli: PulumiCli, env: NodeJS.ProcessEnv, releases: string): Promise<boolean> {
  const progress = startProgress(`Pulumi plugin command ${COMMAND_PLUGIN_VERSION}`);
  const args = ["plugin", "install", "resource", "command", `v${COMMAND_PLUGIN_VERSION}`, "--reinstall"];
  const child = spawn(cli.path, args, { env, stdio: "ignore", timeout: INSTALL_MILLISECONDS });
  const installed = await new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (code) => resolve(code === 0));
  });
  if (!installed) rememberUnreachable(releases);
  progress.end(installed ? "downloaded" : "not downloaded, warmbox's fallback plugin is used");
  return installed;
}
