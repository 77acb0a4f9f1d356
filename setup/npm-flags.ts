/**
 * Flags that npm took for itself. `npm run destroy --preview-only` without a `--` before the flag runs a plain destroy:
 * npm keeps the flag and only passes it as the variable npm_config_preview_only. So each that Pulumi or a command of
 * ours knows is refused.
 * @see https://docs.npmjs.com/cli/commands/npm-run
 */
import { UserError } from "../stacks/errors.ts";

/** Flags of Pulumi's up, preview, destroy and refresh, and what they share; `color` and `yes` are npm's own too. */
const PULUMI_FLAGS = [
  ...["clear-pending-creates", "config", "config-file", "config-path", "continue-on-error", "cwd", "debug"],
  ...["diff", "disable-integrity-checking", "exclude", "exclude-dependents", "exclude-protected"],
  ...["expect-no-changes", "fully-qualify-stack-names", "ignore-protect", "import-file"],
  ...[
    "import-pending-creates",
    "json",
    "logflow",
    "logtostderr",
    "message",
    "non-interactive",
    "override-env",
  ],
  ...[
    "parallel",
    "plan",
    "policy-pack",
    "policy-pack-config",
    "preview-only",
    "profiling",
    "refresh",
    "remove",
  ],
  ...["replace", "run-program", "save-plan", "secrets-provider", "show-config", "show-full-output"],
  ...["show-replacement-steps", "show-sames", "show-secrets", "skip-pending-creates"],
  ...["skip-plugin-pre-install", "skip-preview", "stack", "strict", "suppress-outputs", "suppress-progress"],
  ...["target", "target-dependents", "target-replace", "tracing", "urns"],
];

/** Flags of warmbox's own commands. */
const OWN_FLAGS = ["host", "watch", "prometheus", "ram", "cpus", "disk", "agents", "active"];

/** Values that npm itself gives some of these where nobody set them. */
const UNSET = ["", "%s"];

/**
 * Throws where npm kept a flag. `yes` is only told of: a user's npmrc may say it for npm's own sake, and without it
 * Pulumi asks, which changes nothing.
 */
export function demandNothingTaken(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (env.npm_config_yes === "true" && !args.includes("--yes"))
    process.stderr.write(`warmbox: npm kept --yes for itself; with it: npm run ${command} -- --yes\n`);
  const swallowed = [...PULUMI_FLAGS, ...OWN_FLAGS].flatMap((flag) => {
    const value = env[`npm_config_${flag.replaceAll("-", "_")}`];
    return value === undefined || UNSET.includes(value) ? [] : [{ flag, value }];
  });
  if (swallowed.length === 0) return;
  const flags = swallowed.map(({ flag, value }) => (value === "true" ? `--${flag}` : `--${flag} ${value}`));
  // npm leaves a flag's value among the arguments where it does not know the flag: behind it is where it belongs.
  const position = command === "pulumi" ? 1 : 0;
  const argv = [...args.slice(0, position), ...flags, ...args.slice(position)].join(" ");
  throw new UserError(
    "usage",
    `npm kept ${flags.join(" ")} for itself, nothing was done. Next: put -- before the flags: npm run ${command} -- ${argv}`,
  );
}
