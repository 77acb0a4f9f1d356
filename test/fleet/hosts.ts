/** Hosts of a fleet: users of one booted container, each reached by the real ssh as a separate machine. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demand } from "../support/process.ts";
import { bootContainer, type Container } from "../systemd/container.ts";
import { USER } from "../systemd/rootfs.ts";
import { makeOperator, type Operator, type SshAlias } from "./operator.ts";

/** The container, the operator, and what both know of each other. */
export type Fleet = {
  container: Container;
  operator: Operator;
  /** The alias of a user of the container. */
  alias(user: string, over?: Partial<SshAlias>): SshAlias;
  /** Runs a command line on a host as its user, over the operator's own ssh. */
  on(user: string, line: string): Promise<string>;
  end(): Promise<void>;
};

/** Boots the container and gives each user an account that the operator's key opens; `bind` as for the container. */
export async function makeFleet(users: readonly string[], bind: Record<string, string> = {}): Promise<Fleet> {
  const container = await bootContainer(bind);
  const operator = await makeOperator();
  for (const user of users) await addUser(container, user);
  const { host, port, identityFile, knownHostsFile } = container.ssh;
  const alias: Fleet["alias"] = (user, over = {}) => ({
    ...{ alias: user, host, port, user, identityFile, knownHostsFile },
    ...over,
  });
  operator.know([...users, USER].map((user) => alias(user)));
  return {
    container,
    operator,
    alias,
    on: async (user, line) => {
      const { code, output, stdout } = await operator.run(["ssh", user, line], operator.home);
      if (code !== 0) throw new Error(`${user}: ${line} ended with ${code}\n${output}`);
      return stdout;
    },
    end: async () => {
      await operator.leave();
      await container.stop();
    },
  };
}

async function addUser(container: Container, user: string): Promise<void> {
  const script = `useradd --create-home --shell /bin/bash "$1" && install -d -m 700 -o "$1" -g "$1" "/home/$1/.ssh" &&
    install -m 600 -o "$1" -g "$1" /home/${USER}/.ssh/authorized_keys "/home/$1/.ssh/authorized_keys"`;
  await container.demand(["sh", "-ec", script, "sh", user]);
}

/** A known_hosts file that has another key than the container's, or none at all. */
export function otherKnownHosts(fleet: Fleet, name: string, publicKey?: string): string {
  const path = join(fleet.operator.home, name);
  writeFileSync(
    path,
    publicKey === undefined ? "" : `${fleet.container.ssh.host} ${readFileSync(publicKey, "utf8")}`,
  );
  return path;
}

/** An unassigned address behind the container's network interface: packets to it are dropped, as by a dead host. */
export async function deadAddress(fleet: Fleet): Promise<string> {
  const { host } = fleet.container.ssh;
  const dead = `203.0.113.${1 + (process.pid % 254)}`; // RFC 5737: no real host is hidden by it
  await demand(["ip", "route", "replace", `${dead}/32`, "via", host]);
  return dead;
}

/** The part of a stack's state that speaks of one host, as text that can be compared. */
export async function stateOf(operator: Operator, stack: string, host: string): Promise<string> {
  const { stdout } = await operator.warmbox("pulumi", "stack", "export", "--stack", stack);
  const { deployment } = JSON.parse(stdout) as { deployment: { resources?: { urn: string }[] } };
  const own = (deployment.resources ?? []).filter(({ urn }) => new RegExp(`::${host}(-|$)`).test(urn));
  return JSON.stringify(own, null, 1);
}
