import type { CachePlan } from "../../plan/cache-plan.ts";
import type { HostPaths } from "../../plan/paths.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { HostConfig } from "../../stacks/types.ts";

/** What moon's environment depends on. */
export type MoonEnvInput = {
  plan: Pick<CachePlan, "builders">;
  host: Pick<HostConfig, "moon" | "bazel-remote" | "cargo" | "scope">;
  paths: Pick<HostPaths, "home" | "cargoHome" | "wrappers">;
};

/**
 * Variables for every moon on the host. moon has no file for a host's settings, and does not hash these, so that the
 * cache is shared between hosts.
 * @see https://moonrepo.dev/docs/guides/remote-cache
 */
export function moonEnvironment({ plan, host }: Pick<MoonEnvInput, "plan" | "host">): Record<string, string> {
  const remote = host["bazel-remote"];
  return {
    ...(remote.enabled
      ? { MOON_REMOTE_HOST: grpcUrl(remote), MOON_REMOTE_CACHE_COMPRESSION: host.moon.compression }
      : {}),
    MOON_CACHE: host.moon.cache,
    MOON_CONCURRENCY: String(plan.builders.maxTasks),
    MOON_TELEMETRY: "false",
    ...host.moon.env,
  };
}

/**
 * The one CARGO_HOME, where cargo would take another; undefined where its own default is the same. Set all the same,
 * it would be another key in sccache: that hashes every `CARGO_*` variable.
 */
export function sharedCargoHome({ host, paths }: Pick<MoonEnvInput, "host" | "paths">): string | undefined {
  const defaultHome = `${paths.home}/.cargo`;
  return host.cargo.enabled && paths.cargoHome !== defaultHome ? paths.cargoHome : undefined;
}

/** Whether sessions of the host need anything from us. */
export function hasEnvironment(input: Pick<MoonEnvInput, "host" | "paths">): boolean {
  return input.host.moon.enabled || sharedCargoHome(input) !== undefined;
}

/** What every session gets, as far as plain `NAME=value` lines can say it. */
export function sessionVariables(input: MoonEnvInput): Record<string, string> {
  const cargoHome = sharedCargoHome(input);
  // in system scope such a file is for all accounts, and cargo fails in a CARGO_HOME that it may not write
  const cargo = cargoHome !== undefined && input.host.scope === "user" ? { CARGO_HOME: cargoHome } : {};
  return { ...(input.host.moon.enabled ? moonEnvironment(input) : {}), ...cargo };
}

/** Address for moon: never `localhost`, for which it switches the cache off where no terminal is. */
export function grpcUrl(remote: Pick<HostConfig["bazel-remote"], "grpc_address" | "settings">): string {
  const { tls_cert_file } = remote.settings;
  return `${tls_cert_file === undefined ? "grpc" : "grpcs"}://${remote.grpc_address}`;
}

const FIRST_LINE =
  "# Written by warmbox; `pulumi up` writes it again. The environment of builds on this host.";

/**
 * File that a POSIX shell sources: login and interactive shells, cron jobs, CI steps, agent launchers. It also puts our
 * wrapper of moon before the others on PATH, once.
 */
export function moonEnvFile(input: MoonEnvInput): string {
  const moon = input.host.moon.enabled ? moonLines(input) : [];
  return `${[FIRST_LINE, ...moon, ...cargoLines(sharedCargoHome(input))].join("\n")}\n`;
}

function moonLines(input: MoonEnvInput): string[] {
  const front = shellWord(input.paths.wrappers);
  return [
    ...Object.entries(moonEnvironment(input)).map(([name, value]) => `export ${name}=${shellWord(value)}`),
    `case ":$PATH:" in *:${front}:*) ;; *) export PATH=${front}:"$PATH" ;; esac`,
  ];
}

/** An account that may not write there keeps its own, for cargo fails in such a one. */
function cargoLines(cargoHome: string | undefined): string[] {
  if (cargoHome === undefined) return [];
  const home = shellWord(cargoHome);
  return [`if [ -w ${home} ]; then export CARGO_HOME=${home}; fi`];
}

/**
 * File below `environment.d`, read by the systemd user manager: units and desktop sessions.
 * @see https://www.freedesktop.org/software/systemd/man/latest/environment.d.html
 */
export function moonEnvironmentD(input: MoonEnvInput): string {
  const lines = Object.entries(sessionVariables(input)).map(([name, value]) => `${name}=${quoted(value)}`);
  return `${[FIRST_LINE, ...lines].join("\n")}\n`;
}

/** environment.d takes quotes and backslashes as a shell does; a `$` is written twice, for it expands even when escaped. */
function quoted(value: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]*$/.test(value)) return value;
  return `"${value.replace(/[\\"]/g, "\\$&").replaceAll("$", "$$$$")}"`;
}

/**
 * Block of `/etc/environment`, which PAM reads for every kind of session: `ssh HOST COMMAND`, cron, sudo. System scope only.
 * PAM has no quoting: the stack's schema refuses what it would change (`#`, quotes).
 */
export function moonPamBlock(input: MoonEnvInput): string {
  const lines = Object.entries(sessionVariables(input)).map(([name, value]) => `${name}=${value}`);
  return `${lines.join("\n")}\n`;
}

/** Block of `~/.profile` and `~/.bashrc`: sources the file where it is still there. */
export function moonProfileBlock(envPath: string): string {
  const path = shellWord(envPath);
  return `if [ -r ${path} ]; then . ${path}; fi\n`;
}
