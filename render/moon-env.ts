import type { CachePlan } from "../plan/sizing.ts";
import type { HostConfig } from "../stacks/types.ts";
import { shellWord } from "./rustc-wrapper.ts";

/** What moon's environment depends on. */
export type MoonEnvInput = {
  plan: Pick<CachePlan, "maxTasks">;
  host: Pick<HostConfig, "moon" | "bazel-remote">;
};

/**
 * Variables for every moon on the host. moon has no file for a host's settings, and does not hash these, so that the
 * cache is shared between hosts.
 * @see https://moonrepo.dev/docs/guides/remote-cache
 */
export function moonEnvironment({ plan, host }: MoonEnvInput): Record<string, string> {
  const remote = host["bazel-remote"];
  return {
    ...(remote.enabled
      ? { MOON_REMOTE_HOST: grpcUrl(remote), MOON_REMOTE_CACHE_COMPRESSION: host.moon.compression }
      : {}),
    MOON_CACHE: host.moon.cache,
    MOON_CONCURRENCY: String(plan.maxTasks),
    MOON_TELEMETRY: "false",
    ...host.moon.env,
  };
}

/** Address for moon: never `localhost`, for which it switches the cache off where no terminal is. */
export function grpcUrl(remote: Pick<HostConfig["bazel-remote"], "grpc_address" | "settings">): string {
  const { tls_cert_file } = remote.settings;
  return `${tls_cert_file === undefined ? "grpc" : "grpcs"}://${remote.grpc_address}`;
}

const FIRST_LINE = "# Written by warmbox; `pulumi up` writes it again. moon's settings on this host.";

/** File that a POSIX shell sources: login and interactive shells, cron jobs, CI steps, agent launchers. */
export function moonEnvFile(input: MoonEnvInput): string {
  const lines = Object.entries(moonEnvironment(input)).map(
    ([name, value]) => `export ${name}=${shellWord(value)}`,
  );
  return `${[FIRST_LINE, ...lines].join("\n")}\n`;
}

/**
 * File below `environment.d`, read by the systemd user manager: units and desktop sessions.
 * @see https://www.freedesktop.org/software/systemd/man/latest/environment.d.html
 */
export function moonEnvironmentD(input: MoonEnvInput): string {
  const lines = Object.entries(moonEnvironment(input)).map(([name, value]) => `${name}=${quoted(value)}`);
  return `${[FIRST_LINE, ...lines].join("\n")}\n`;
}

/** environment.d expands `$` and takes quotes and backslashes as a shell does. */
function quoted(value: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]*$/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, "\\$&").replaceAll("$", "\\$")}"`;
}

/** Block of `/etc/environment`, which PAM reads for every kind of session: `ssh HOST COMMAND`, cron, sudo. System scope only. */
export function moonPamBlock(input: MoonEnvInput): string {
  const lines = Object.entries(moonEnvironment(input)).map(([name, value]) => `${name}=${value}`);
  return `${lines.join("\n")}\n`;
}

/** Block of `~/.profile` and `~/.bashrc`: sources the file where it is still there. */
export function moonProfileBlock(envPath: string): string {
  const path = shellWord(envPath);
  return `if [ -r ${path} ]; then . ${path}; fi\n`;
}
