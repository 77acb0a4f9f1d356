/** The operator's side of a fleet: a box to run warmbox in, whose `ssh` knows only the test's hosts. */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Box, makeBox } from "../e2e/box.ts";
import { run } from "../support/process.ts";

/** An alias of ssh's configuration with its settings. */
export type SshAlias = {
  alias: string;
  host: string;
  port: number;
  user: string;
  identityFile: string;
  knownHostsFile: string;
  /** Another line of its block. */
  option?: string;
};

/** An operator with an ssh configuration of the test's own. */
export type Operator = Box & {
  /** Folder of the sockets of shared connections. */
  readonly connections: string;
  /** Writes the ssh configuration. */
  know(aliases: readonly SshAlias[]): void;
  /** Writes `stacks/Pulumi.<stack>.yaml`; with a proof only if asked for. */
  fleet(stack: string, hosts: Record<string, unknown>, proof?: boolean): void;
  /** Ends every shared connection, as a reboot of the operator's machine would. */
  hangUp(): Promise<void>;
  /** Hangs up and deletes what the operator had. */
  leave(): Promise<void>;
};

/**
 * ssh takes no other home than passwd's, so a front on PATH names the configuration, and a folder for the shared
 * connections: the first value of an option wins. A cut connection is noticed in seconds, so that a test does not wait.
 */
const FRONT = (folder: string): string => `#!/bin/sh
exec /usr/bin/ssh -F ${folder}/config -o ControlPath=${folder}/mux/%C -o ServerAliveInterval=2 -o ConnectTimeout=5 "$@"
`;

/** Makes one. */
export async function makeOperator(): Promise<Operator> {
  const box = await makeBox();
  const folder = mkdtempSync(join(tmpdir(), "warmbox-ssh-"));
  mkdirSync(join(folder, "mux"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/ssh"), FRONT(folder));
  chmodSync(join(folder, "bin/ssh"), 0o755);
  box.env.PATH = `${folder}/bin:${box.env.PATH}`;
  const hangUp = async (): Promise<void> => {
    for (const socket of readdirSync(join(folder, "mux")))
      await run(["ssh", "-F", "none", "-O", "exit", "-S", join(folder, "mux", socket), "host"]);
  };
  return {
    ...box,
    connections: join(folder, "mux"),
    know: (aliases) => writeFileSync(join(folder, "config"), aliases.map(block).join("\n")),
    fleet: (stack, hosts, proof = false) => {
      // JSON is YAML: no library needed to write a stack file that a person would write by hand.
      const config = { config: { "warmbox:hosts": hosts, "warmbox:proof": proof } };
      writeFileSync(
        join(box.project, "stacks", `Pulumi.${stack}.yaml`),
        `${JSON.stringify(config, null, 2)}\n`,
      );
    },
    hangUp,
    leave: async () => {
      await hangUp();
      rmSync(folder, { recursive: true, force: true });
      box.remove();
    },
  };
}

const block = (to: SshAlias): string =>
  [
    `Host ${to.alias}`,
    `  HostName ${to.host}`,
    `  Port ${to.port}`,
    `  User ${to.user}`,
    `  IdentityFile ${to.identityFile}`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile ${to.knownHostsFile}`,
    "  GlobalKnownHostsFile none",
    `  ${to.option ?? ""}`,
    "",
  ].join("\n");
