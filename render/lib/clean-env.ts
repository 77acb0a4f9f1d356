import { shellWord } from "../../stacks/shell.ts";

/** PATH of the daemons: fixed, so that it does not depend on who ran `up`. They start no other program by name. */
export const DAEMON_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * `env -i` with the given variables, one a line. A daemon must not see the caller's AWS_*, AZURE_* or SCCACHE_*:
 * sccache takes its store from them, bazel-remote switches one on.
 */
export function cleanEnv(home: string, variables: Record<string, string>): string {
  const environment = { HOME: home, PATH: DAEMON_PATH, ...variables };
  const lines = Object.entries(environment).map(([name, value]) => `  ${name}=${shellWord(value)}`);
  return `env -i \\\n${lines.join(" \\\n")}`;
}
