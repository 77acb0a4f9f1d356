import type { CachePlan } from "../../plan/cache-plan.ts";
import type { HostPaths } from "../../plan/paths.ts";
import { marked, type Store } from "../../plan/store.ts";
import { goMemLimit } from "../../stacks/bytes.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { BazelRemoteConfig } from "../../stacks/types.ts";
import { cleanEnv } from "../lib/clean-env.ts";

/** What runs bazel-remote. */
export type BazelRemoteRunInput = {
  plan: Pick<CachePlan, "bazelRemote">;
  remote: Pick<BazelRemoteConfig, "env">;
  /** What is behind it; default nothing. */
  store?: Store;
  paths: Pick<HostPaths, "home" | "bazelRemoteConfig">;
  /** Absolute path on the host. */
  toolPath: string;
};

/** Environment of the process, whichever way it is run: how much the Go runtime may keep, from the plan; the keys' mark. */
export function bazelRemoteEnvironment({
  plan,
  remote,
  store,
}: Pick<BazelRemoteRunInput, "plan" | "remote" | "store">): Record<string, string> {
  return {
    GOMEMLIMIT: goMemLimit(plan.bazelRemote.GOMEMLIMIT),
    GOGC: String(plan.bazelRemote.GOGC),
    ...(store ? marked(store) : {}),
    ...remote.env,
  };
}

/** Script that runs bazel-remote in the foreground, for the `process` service kind. */
export function bazelRemoteRun(input: BazelRemoteRunInput): string {
  const { paths, plan, toolPath } = input;
  const dir = shellWord(plan.bazelRemote.dir);
  return `#!/bin/sh
# Written by warmbox: bazel-remote in the foreground.
umask 027 # other users cannot read what builds put out
ulimit -n ${plan.bazelRemote.LimitNOFILE} 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec 9<${dir} && flock -n 9 || { # two of them on one directory start happily and spoil each other's accounting
  echo "warmbox: bazel-remote: another process has "${dir} >&2
  exit 75
}
exec ${cleanEnv(paths.home, bazelRemoteEnvironment(input))} \\
  ${shellWord(toolPath)} --config_file ${shellWord(paths.bazelRemoteConfig)}
`;
}
