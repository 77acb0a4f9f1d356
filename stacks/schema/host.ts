import { z } from "zod";
import { issueText } from "../issue.ts";
import { bazelRemoteSchema, hostPort } from "./bazel-remote.ts";
import { cargoSchema } from "./cargo.ts";
import { factsSchema } from "./facts.ts";
import { boolean, doc, integer, object, oneOf, rule, text } from "./fields.ts";
import { moonSchema } from "./moon.ts";
import { sccacheSchema } from "./sccache.ts";
import { toolsSchema } from "./tools.ts";

const NAME = "a name without spaces that does not begin with a dash";
const sshWord = (subject: string) =>
  text(`${subject}: ${NAME}`).regex(/^[^\s@-][^\s@]*$/, {
    error: issueText(
      `${subject}: ${NAME}`,
      "write it alone; a user goes to reach.user, options to ~/.ssh/config",
    ),
  });

const SSH_LINK = "https://man.openbsd.org/ssh_config";

const reachSchema = z.discriminatedUnion(
  "kind",
  [
    object({ kind: z.literal("local") }),
    object({
      kind: z.literal("ssh"),
      host: doc(sshWord("a host name, address or alias of ~/.ssh/config"), {
        description: "Handed to your own `ssh`: a name, an address or an alias of `~/.ssh/config`.",
        link: SSH_LINK,
      }),
      user: doc(sshWord("a user name").exactOptional(), {
        description: "User on the host.",
        computed: "ssh's",
        link: SSH_LINK,
      }),
      port: doc(integer("a TCP port", 1, 65535).exactOptional(), {
        description: "Port of sshd.",
        unit: "TCP port",
        computed: "ssh's",
        link: SSH_LINK,
      }),
      sudo: doc(boolean().default(false), {
        description: "Work as root there by `sudo -n`; needed for `scope: system` unless user is root.",
      }),
      multiplex: doc(boolean().default(true), {
        description:
          "One connection for everything that a run asks of the host (ControlMaster). `false` where your home's path is longer than 36 bytes, or sshd allows one session.",
        link: SSH_LINK,
      }),
    }),
  ],
  {
    error: issueText(
      "a way to reach the host with kind: local or ssh",
      "write kind: local for this machine, or kind: ssh with host",
    ),
  },
);

/** Largest number of agents that is taken; beyond it the number is a typing error. */
export const MAX_AGENTS = 10_000;

const agents = rule(
  object({
    total: doc(integer("agents", 1, MAX_AGENTS).default(1), {
      description: "Builds (people, jobs, agents) that share the box.",
      unit: "agents",
    }),
    active: doc(integer("agents", 1, MAX_AGENTS).default(1), {
      description: "How many of them build at once; the others wait. RAM and cores are divided by it.",
      unit: "agents",
    }),
  }),
  ["total", "active"],
  ({ total, active }, add) => {
    if (active > total)
      add(
        ["active"],
        `at most agents.total, which is ${total} agents`,
        `write ${total}, or raise agents.total`,
      );
  },
);

const fields = object({
  reach: doc(reachSchema.prefault({ kind: "local" }), {
    description: "How the host is reached: this machine, or your own `ssh`.",
  }),
  scope: doc(oneOf(["user", "system"]).default("user"), {
    description:
      "`user`: only the user's own files, no root. `system`: own users for the daemons and hardened system units.",
  }),
  service: doc(oneOf(["auto", "systemd", "docker", "process"]).default("auto"), {
    description:
      "What keeps the daemons running. `auto`: systemd where it is process 1, else `process`, which does not outlive a reboot.",
  }),
  agents: doc(agents.prefault({}), { description: "Who shares the box." }),
  facts: doc(factsSchema.exactOptional(), {
    description: "Facts that replace the probed ones. With them a preview works while the host is down.",
  }),
  purge: doc(boolean().default(false), {
    description: "`pulumi destroy` deletes the caches' contents too; in `scope: user` only.",
  }),
  sccache: doc(sccacheSchema.prefault({}), { description: "Tier 1." }),
  "bazel-remote": doc(bazelRemoteSchema.prefault({}), { description: "Tier 2, the server." }),
  moon: doc(moonSchema.prefault({}), { description: "Tier 2, the client." }),
  cargo: doc(cargoSchema.prefault({}), { description: "Tier 3, and how cargo calls sccache." }),
  tools: doc(toolsSchema.prefault({} as never), { description: "Where the programs come from." }),
});

const withPorts = rule(
  fields,
  [
    "sccache.port",
    "sccache.enabled",
    "bazel-remote.http_address",
    "bazel-remote.grpc_address",
    "bazel-remote.enabled",
  ],
  (host, add) => {
    const remote = host["bazel-remote"];
    const owners = new Map<number, string>();
    const take = (port: number | undefined, path: string[]) => {
      if (port === undefined) return;
      const by = owners.get(port);
      if (by !== undefined)
        add(path, `a free port; ${by} has ${port} already`, `write ${port + 1}, or another free port`);
      owners.set(port, by ?? path.join("."));
    };
    if (host.sccache.enabled) take(host.sccache.port, ["sccache", "port"]);
    if (!remote.enabled) return;
    take(hostPort(remote.http_address)?.port, ["bazel-remote", "http_address"]);
    take(hostPort(remote.grpc_address)?.port, ["bazel-remote", "grpc_address"]);
  },
);

/** Where systemd keeps the caches of services that have their own user. */
export const CACHE_ROOT = "/var/cache/";

/** A directory and how a person knows it: `sccache.dir`. */
export type NamedDir = readonly [name: string, path: string];

/** The first of `others` that lies in bazel-remote's directory or around it, with what to say of it. */
export function dirClash(
  remote: string,
  dirs: readonly NamedDir[],
): { expected: string; next: string } | undefined {
  const inside = (path: string, around: string) => `${path}/`.startsWith(around === "/" ? "/" : `${around}/`);
  const clash = dirs.find(([, path]) => inside(path, remote) || inside(remote, path));
  return (
    clash && {
      expected: `a directory apart from ${clash[0]}, which is ${clash[1]}`,
      next: "write another one: a stray file there stops bazel-remote's start",
    }
  );
}

const withDirs = rule(withPorts, ["scope", "sccache.dir", "bazel-remote", "cargo.home"], (host, add) => {
  if (!host["bazel-remote"].enabled) return;
  const caches = host.scope === "system" ? CACHE_ROOT : ".cache/";
  const clash = dirClash(host["bazel-remote"].dir ?? `${caches}bazel-remote`, [
    ["sccache.dir", host.sccache.dir ?? `${caches}sccache`],
    ["cargo.home", host.cargo.home ?? ".cargo"],
  ]);
  if (clash) add(["bazel-remote", "dir"], clash.expected, clash.next);
});

const withRoot = rule(withDirs, ["scope", "service", "sccache.dir", "bazel-remote.dir"], (host, add) => {
  if (host.scope === "user" || host.service === "process") return;
  for (const tool of ["sccache", "bazel-remote"] as const) {
    const { dir } = host[tool];
    if (dir !== undefined && !dir.startsWith(CACHE_ROOT))
      add(
        [tool, "dir"],
        `a directory below ${CACHE_ROOT} in scope system`,
        `write ${CACHE_ROOT}${tool} (mount the larger volume there), or scope: user`,
      );
  }
});

/** PAM ends a value of `/etc/environment` at `#`, drops quotes and blanks at its ends, and has no way to say otherwise. */
const NOT_PAMS = /[#"'\\]|^\s|\s$/;

const withPam = rule(withRoot, ["scope", "moon.env"], ({ scope, moon }, add) => {
  if (scope === "user") return;
  for (const [name, value] of Object.entries(moon.env))
    if (NOT_PAMS.test(value))
      add(
        ["moon", "env", name],
        "text without #, quotes, backslashes and blanks at its ends in scope system, where /etc/environment carries it",
        "write another value, or scope: user",
      );
});

/** systemd makes and keeps the caches of system scope: no ledger of warmbox lists them. */
const withPurge = rule(withPam, ["scope", "purge"], ({ scope, purge }, add) => {
  if (scope === "system" && purge)
    add(
      ["purge"],
      "false in scope system, where systemd makes the caches' directories and keeps them",
      `remove purge; after the destroy: sudo rm -r ${CACHE_ROOT}private/bazel-remote ${CACHE_ROOT}sccache`,
    );
});

/** One host of a stack. */
export const hostSchema = rule(withPurge, ["scope", "reach"], ({ scope, reach }, add) => {
  if (scope === "user" && reach.kind === "ssh" && reach.sudo)
    add(
      ["reach", "sudo"],
      "false in scope user, which writes the login user's own files and needs no root",
      "remove reach.sudo, or write scope: system",
    );
  if (scope === "system" && reach.kind === "ssh" && !reach.sudo && reach.user !== "root")
    add(["scope"], "user, or system with root on the host", "write reach.sudo: true, or reach.user: root");
});

/** @see hostSchema */
export type HostConfig = z.output<typeof hostSchema>;
