/**
 * Flags that npm took for itself. `npm run destroy --preview-only` without a `--` before the flag would run a plain
 * destroy: npm keeps the flag and passes it only as the variable npm_config_preview_only.
 * @see https://docs.npmjs.com/cli/commands/npm-run
 */
import { UserError } from "../stacks/errors.ts";
import { nearest } from "../stacks/issue.ts";

/** Values that npm itself gives some settings, such as `diff` and `message`, if the user does not set them. */
const UNSET = ["", "%s"];

/** Settings of npm's own that a user's npmrc may hold. */
const NPMS_OWN = ["yes", "color", "verbose", "help"];

/** Shorter names are near to settings of npm that mean something else. */
const MISSPELT_LENGTH = 6;

/**
 * Throws if npm kept one of a command's flags, or one that is spelt nearly so. Without npm nothing is looked at.
 * `--yes` is only mentioned: without it Pulumi asks, which changes nothing.
 */
export function refuseSwallowedFlags(
  command: string,
  args: readonly string[],
  flags: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (env.npm_lifecycle_event !== command) return;
  if (env.npm_config_yes === "true" && flags.includes("yes") && !args.includes("--yes"))
    process.stderr.write(`warmbox: npm kept --yes for itself; with it: ./warmbox ${command} --yes\n`);
  const swallowed = Object.entries(env).flatMap(([variable, value = ""]) => {
    const flag = flagOf(variable, flags);
    if (flag === undefined || UNSET.includes(value)) return [];
    return [value === "true" ? `--${flag}` : `--${flag} ${value}`];
  });
  if (swallowed.length === 0) return;
  // npm leaves a flag's value among the arguments if it does not know the flag; the value belongs after it.
  const position = command === "pulumi" ? 1 : 0;
  const argText = [...args.slice(0, position), ...swallowed, ...args.slice(position)].join(" ");
  throw new UserError(
    "usage",
    `npm kept ${swallowed.join(" ")} for itself, nothing was done. Next: ./warmbox ${command} ${argText}, or put -- before the flags: npm run ${command} -- ${argText}`,
  );
}

function flagOf(variable: string, flags: readonly string[]): string | undefined {
  const [, name] = /^npm_config_(.+)$/.exec(variable) ?? [];
  if (name === undefined) return undefined;
  const flag = name.replaceAll("_", "-");
  if (NPMS_OWN.includes(flag)) return undefined;
  return flags.includes(flag) ? flag : flag.length < MISSPELT_LENGTH ? undefined : nearest(flag, flags);
}
