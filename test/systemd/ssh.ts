/** The container's sshd as reached from this machine: a veth pair, a key of the ordinary user, the host key known. */

import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demand } from "../support/process.ts";
import { USER, USER_ID } from "./rootfs.ts";

/**
 * All that OpenSSH needs. `config` is an ssh_config with the same as host `warmbox-container`; ssh reads no other home
 * than passwd's, so a program that calls plain `ssh` needs a wrapper on PATH: `exec ssh -F CONFIG "$@"`.
 */
export type SshAccess = {
  host: string;
  port: number;
  user: string;
  identityFile: string;
  knownHostsFile: string;
  config: string;
};

const PORT = 22;
/** 198.18.0.0/15 is reserved for tests between networks (RFC 2544): no real host is ever hidden by it. */
const NETWORK = (198 << 24) | (18 << 16);
const SUBNETS = 1 << 15; // of four addresses each

/** Plugs the cable in and leaves the keys. `pid` is any process in the container's network namespace. */
export async function sshAccess(container: {
  root: string;
  link: string;
  pid: number;
  directory: string;
}): Promise<SshAccess> {
  const { root, link, pid, directory } = container;
  const subnet = NETWORK + (pid % SUBNETS) * 4;
  const host = dotted(subnet + 2);
  await plugIn(link, pid, dotted(subnet + 1), host);
  return { host, port: PORT, user: USER, ...(await keysIn(join(directory, "ssh"), root, host)) };
}

const dotted = (n: number): string => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join(".");

async function plugIn(link: string, pid: number, here: string, there: string): Promise<void> {
  const within = ["nsenter", "--target", `${pid}`, "--net", "ip"];
  await demand(["ip", "link", "add", link, "type", "veth", "peer", "name", "host0", "netns", `${pid}`]);
  await demand(["ip", "address", "add", `${here}/30`, "dev", link]);
  await demand(["ip", "link", "set", link, "up"]);
  await demand([...within, "address", "add", `${there}/30`, "dev", "host0"]);
  await demand([...within, "link", "set", "host0", "up"]);
  await demand([...within, "link", "set", "lo", "up"]);
}

/** A fresh key pair here, its public half in the container; the container's host key known here. */
async function keysIn(directory: string, root: string, host: string) {
  const identityFile = join(directory, "id_ed25519");
  const knownHostsFile = join(directory, "known_hosts");
  const config = join(directory, "config");
  mkdirSync(directory, { mode: 0o700 });
  await demand(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "warmbox-test", "-f", identityFile]);
  const dotSsh = join(root, "home", USER, ".ssh");
  const authorized = join(dotSsh, "authorized_keys");
  mkdirSync(dotSsh, { mode: 0o700 });
  writeFileSync(authorized, readFileSync(`${identityFile}.pub`), { mode: 0o600 });
  for (const path of [dotSsh, authorized]) chownSync(path, USER_ID, USER_ID);
  const hostKey = readFileSync(join(root, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8");
  writeFileSync(knownHostsFile, `${host} ${hostKey}`);
  writeFileSync(config, sshConfig({ host, identityFile, knownHostsFile }));
  return { identityFile, knownHostsFile, config };
}

const sshConfig = (s: { host: string; identityFile: string; knownHostsFile: string }): string =>
  [
    `Host warmbox-container ${s.host}`,
    `  HostName ${s.host}`,
    `  Port ${PORT}`,
    `  User ${USER}`,
    `  IdentityFile ${s.identityFile}`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${s.knownHostsFile}`,
    "  StrictHostKeyChecking yes",
    "",
  ].join("\n");
