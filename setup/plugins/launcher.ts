/** The small sh programs under whose names the engine finds the fallback plugins. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { shellWord } from "../../stacks/shell.ts";
import { writeWhole } from "../../tools/files.ts";
import { COMMAND_PLUGIN_VERSION } from "../pulumi/versions.ts";

/** Begin of a launcher's second line in every version: one that another checkout wrote is rewritten by the next run. */
const MARK = "# warmbox ";

/** The word that version 0.1 expects after it; without it, 0.1 takes the launcher for the released plugin and fails at it. */
const WORD_OF_0_1 = "stand-in";

/** Variable with the setup/plugins/ of the checkout that runs now: several checkouts share one launcher. */
export const PLUGINS_VARIABLE = "WARMBOX_PLUGINS";

/**
 * The text of a launcher: runs one of warmbox's TypeScript programs under the Node that is running now. The checkout that
 * started Pulumi wins (for a plain `pulumi` that is the folder it runs in) over the one that wrote the launcher.
 */
export function launcherText(program: string, node = process.execPath): string {
  return `#!/bin/sh
${MARK}${WORD_OF_0_1}: a fallback plugin that runs in place of Pulumi's released plugin, which could not be downloaded.
# Written by warmbox (./warmbox up), and replaced once the released plugin can be downloaded.
program=${shellWord(program)}
node=${shellWord(node)}
for plugins in "\${${PLUGINS_VARIABLE}:-}" "$PWD/setup/plugins"; do
  [ ! -f "$plugins/launcher.ts" ] || [ ! -f "$plugins/\${program##*/}" ] || { program=$plugins/\${program##*/} && break; }
done
for needed in "$program" "$node"; do
  [ -f "$needed" ] || {
    echo "warmbox: $needed is gone; next: run './warmbox up' in a warmbox folder, or get the released one: pulumi plugin install resource command ${COMMAND_PLUGIN_VERSION} --reinstall" >&2
    exit 1
  }
done
exec "$node" "$program" "$@"
`;
}

/** True for a file that is one of warmbox's launchers. */
export function isLauncher(path: string): boolean {
  return (read(path) ?? "").split("\n")[1]?.startsWith(MARK) ?? false;
}

/** Puts a launcher for `setup/plugins/<name>` at `path`; writes nothing if it is there already. */
export function installLauncher(path: string, name: "language-host.ts" | "command-plugin.ts"): void {
  const text = launcherText(join(import.meta.dirname, name));
  if (read(path) === text) return;
  writeWhole(path, text, 0o755);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
