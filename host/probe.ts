import { UserError } from "../stacks/errors.ts";
import type { HostConfig } from "../stacks/types.ts";
import { declaredProbe, parseProbe } from "./facts.ts";
import { cacheDirs, hostScript } from "./host-script.ts";
import { reachPrefix, runScript, type ScriptResult, sshTarget } from "./reach.ts";
import type { DeclaredHost, Probe } from "./types.ts";

/** A probe takes well under a second; a host that has not answered by then does not answer, seconds. */
export const PROBE_TIMEOUT_SECONDS = 60;

/** A host that did not answer. The message is complete: host, user, what ssh or sh said, next step. */
export class UnreachableError extends UserError {
  constructor(message: string) {
    super("unreachable", message);
  }
}

/**
 * Reads a host's facts and its differences from the ledgers: one local process, one round trip, no change.
 *
 * @param name its key in the stack, for messages
 * @throws UnreachableError where it does not answer; {@link declaredFacts} lets a preview go on
 * @throws ConfigError where a fact is missing that sizes depend on
 */
export async function probeHost(name: string, host: HostConfig): Promise<Probe> {
  const options = { timeoutSeconds: PROBE_TIMEOUT_SECONDS };
  const script = probeScript(host);
  const result = await runScript(reachPrefix(host), [], script, options).catch(
    (error: Error): ScriptResult => {
      return { stdout: "", stderr: error.message, code: null, timedOut: false };
    },
  );
  if (result.code !== 0) throw new UnreachableError(unreachable(name, host, result));
  try {
    return parseProbe(result.stdout, declaredHost(name, host));
  } catch (error) {
    if (error instanceof Error && result.stderr.trim() !== "")
      error.message += `\n  it said: ${result.stderr.trim()}`;
    throw error;
  }
}

/** The probe of a host that cannot be reached, from what its stack declares. */
export function declaredFacts(name: string, host: HostConfig): Probe {
  return declaredProbe(declaredHost(name, host));
}

/** The library, for its `observe`, and the probe. */
export function probeScript(host: HostConfig): string {
  const settings = host.service === "docker" ? ["docker=yes"] : [];
  return hostScript(host, ["warmbox.sh", "probe.sh"], "probe", settings);
}

function declaredHost(name: string, host: HostConfig): DeclaredHost {
  return { name, facts: host.facts, dirs: cacheDirs(host) };
}

function unreachable(name: string, host: HostConfig, result: ScriptResult): string {
  const { reach } = host;
  const lastLines = result.stderr.trim().split("\n").slice(-5).join("\n  ") || "nothing";
  const how = result.timedOut
    ? `did not answer within ${PROBE_TIMEOUT_SECONDS} s`
    : `could not be asked (status ${result.code ?? "none"})`;
  if (reach.kind === "local")
    return `hosts.${name}: this machine ${how}; sh said:\n  ${lastLines}\n  next: run \`sh -s -- </dev/null\` and see why it fails`;
  const target = sshTarget(reach);
  const port = reach.port === undefined ? "" : `-p ${reach.port} `;
  const user = reach.user ?? "of your ~/.ssh/config";
  const command = reach.sudo ? "sudo -n true" : "true";
  const remedy = REMEDIES.find(([pattern]) => pattern.test(result.stderr))?.[1] ?? "";
  const declare = host.facts === undefined ? `, or declare hosts.${name}.facts to preview without it` : "";
  return `hosts.${name}: ${reach.host} (user ${user}) ${how}; ssh said:\n  ${lastLines}\n  next: ${remedy}make \`ssh -o BatchMode=yes ${port}${target} ${command}\` work${declare}`;
}

/** Error messages of ssh and sudo, and how to fix the cause. */
const REMEDIES: readonly (readonly [message: RegExp, next: string])[] = [
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    "ask who runs the host whether its key changed; only then `ssh-keygen -R` its name and accept the new one; ",
  ],
  [
    /Host key verification failed|No .* host key is known/,
    "compare the host's key with what its owner tells you and accept it by running `ssh` once yourself; ",
  ],
  [/Permission denied \(/, "check reach.user and that your agent or ~/.ssh/config has a key of that user; "],
  [
    /sudo: (a password is required|.*may not run sudo)|not in the sudoers|not allowed to execute/,
    "let that user sudo without a password (visudo: `USER ALL=(ALL) NOPASSWD: ALL`), or write scope: user without reach.sudo; ",
  ],
  [
    /too long for Unix domain socket|ControlPath too long/,
    "write reach.multiplex: false, for your home's path is too long for ssh's socket; ",
  ],
  [
    /mux_client_request_session: session request failed/,
    "write reach.multiplex: false, for its sshd allows few sessions; ",
  ],
];
