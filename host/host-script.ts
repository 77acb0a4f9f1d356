import { shellWord } from "../stacks/shell.ts";
import type { HostConfig } from "../stacks/types.ts";
import { scriptText } from "./scripts.ts";

/**
 * One script from programs of host/scripts/ and a last line that calls a function of theirs. All of it is one stdin, so
 * it takes one round trip.
 *
 * @param names of the programs as {@link scriptText} takes them, in the order in which they are read
 * @param call the function; its arguments are those of {@link hostWords} and then `words`
 */
export function hostScript(
  host: HostConfig,
  names: readonly string[],
  call: string,
  args: readonly string[] = [],
): string {
  const line = [call, ...[...hostWords(host), ...args].map(shellWord)].join(" ");
  return `${settings(host)}${scriptText(...names)}\n${line} </dev/null\n`; // no program may read the rest of stdin
}

/** Variables of the programs that depend on the stack. */
function settings({ reach, scope, facts }: HostConfig): string {
  // docker accepts the login user, and not necessarily root, which sudo makes of it
  const login = reach.kind === "ssh" && reach.sudo ? "WARMBOX_LOGIN=1\n" : "";
  if (scope !== "system") return login;
  const builder = facts?.user?.name === undefined ? "" : `WARMBOX_BUILDER=${shellWord(facts.user.name)}\n`;
  return `${login}${builder}WARMBOX_SCOPE=system; export WARMBOX_SCOPE\n`;
}

/** Where a host's caches and daemons are, as host/scripts/probe.sh takes it. */
export function hostWords(host: HostConfig): string[] {
  const dirs = Object.entries(cacheDirs(host)).map(([name, dir]) => `${name}=${dir}`);
  return [...dirs, `port=${host.sccache.port}`, `http=${host["bazel-remote"].http_address}`];
}

/** Directories that the stack names; in system scope the daemons have their own users and use /var/cache. */
export function cacheDirs(host: HostConfig): Partial<Record<"sccache" | "bazel-remote" | "cargo", string>> {
  const dirOf = (name: "sccache" | "bazel-remote") =>
    host[name].dir ?? (host.scope === "system" ? `/var/cache/${name}` : null);
  const dirs = {
    sccache: dirOf("sccache"),
    "bazel-remote": dirOf("bazel-remote"),
    cargo: host.cargo.home ?? null,
  };
  return Object.fromEntries(Object.entries(dirs).filter(([, dir]) => dir !== null));
}
