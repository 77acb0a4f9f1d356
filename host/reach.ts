import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { shellWord } from "../stacks/shell.ts";
import type { HostConfig } from "../stacks/types.ts";

/**
 * The argv prefix that runs `sh -s -- WORDS` on a host, with the script on stdin. It is written into Pulumi's state,
 * so nothing in it depends on the operator's machine: `~` and `%C` are expanded by ssh itself.
 * @see https://man.openbsd.org/ssh_config#ControlPersist
 */
export function reachPrefix(host: Pick<HostConfig, "reach">): string[] {
  const { reach } = host;
  switch (reach.kind) {
    case "local":
      return ["/bin/sh", "-s", "--"];
    case "ssh": {
      const port = reach.port === undefined ? [] : ["-p", String(reach.port)];
      const shell = reach.sudo ? ["sudo", "-n", "sh", "-s", "--"] : ["sh", "-s", "--"];
      const sharing = reach.multiplex ? SHARED_CONNECTION : ["ControlPath=none"];
      const options = [...SSH_OPTIONS, ...sharing].flatMap((option) => ["-o", option]);
      return ["ssh", ...options, ...port, sshTarget(reach), "--", ...shell];
    }
    default:
      return reach satisfies never;
  }
}

/** Seconds until a host that does not even answer the first packet is given up. */
const CONNECT_SECONDS = 15;
/** A connection that was cut, or a host that died, is noticed after three of these without a sign of life, seconds. */
const ALIVE_SECONDS = 15;

/**
 * Never a question, an end in bounded time, and nothing of the user's own settings that is meant for a terminal:
 * forwarded ports would be taken, a RemoteCommand would run in place of the script. Scripts run as root there, so an
 * unknown or changed host key is refused even if the user's own settings accept it.
 */
export const SSH_OPTIONS: readonly string[] = [
  "BatchMode=yes",
  "StrictHostKeyChecking=yes",
  `ConnectTimeout=${CONNECT_SECONDS}`,
  `ServerAliveInterval=${ALIVE_SECONDS}`,
  "ServerAliveCountMax=3",
  "ClearAllForwardings=yes",
  "ForwardAgent=no",
  "RequestTTY=no",
  "RemoteCommand=none",
];

/** One connection per host for everything that a run asks of it. The socket's path may have 90 bytes: a home of 36. */
const SHARED_CONNECTION = ["ControlMaster=auto", "ControlPersist=60", "ControlPath=~/.ssh/warmbox-%C"];

/** What ssh expands `~/.ssh` to: passwd's home, whatever HOME says. Without the folder it cannot share a connection. */
function makeSshFolder(): void {
  try {
    mkdirSync(join(userInfo().homedir, ".ssh"), { mode: 0o700, recursive: true });
  } catch {
    // ssh says it better
  }
}

/** `user@host`, or `host` where ssh's own configuration knows the user. */
export function sshTarget(reach: Extract<HostConfig["reach"], { kind: "ssh" }>): string {
  return reach.user === undefined ? reach.host : `${reach.user}@${reach.host}`;
}

/** Names the machine and user that a host is: what another one had applied does not count there. */
export function hostAddress({ reach }: Pick<HostConfig, "reach">): string {
  if (reach.kind === "local") return "this machine";
  return `${sshTarget(reach)}${reach.port === undefined ? "" : `:${reach.port}`}${reach.sudo ? " as root" : ""}`;
}

/** What a script printed and how it ended; `code` is null where a signal or the time limit ended it. */
export type ScriptResult = { stdout: string; stderr: string; code: number | null; timedOut: boolean };

/** `timeoutSeconds` bounds the whole run: past it the process and its children are killed. */
export type ScriptOptions = { timeoutSeconds: number };

/**
 * Runs a script through a prefix: one process. Words reach the script as `$1`, `$2`, … unharmed, over ssh too.
 * A script that fails is a result, not an error.
 *
 * @throws Error where the prefix's program cannot be started
 */
export function runScript(
  prefix: string[],
  args: string[],
  script: string,
  { timeoutSeconds }: ScriptOptions,
): Promise<ScriptResult> {
  const [program = "", ...options] = prefix;
  if (program === "ssh") makeSshFolder();
  const child = spawn(program, [...options, ...wordsFor(program, args)], {
    env: cleanEnv(process.env),
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const result: ScriptResult = { stdout: "", stderr: "", code: null, timedOut: false };
    const limit = setTimeout(() => {
      result.timedOut = true;
      killGroup(child);
    }, timeoutSeconds * 1000);
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.setEncoding("utf8").on("data", (text: string) => {
        result[stream] += text;
      });
    }
    child.on("error", (error) => {
      clearTimeout(limit);
      reject(new Error(`cannot start ${program}: ${error.message}`));
    });
    whenDone(child, (code) => {
      clearTimeout(limit);
      resolve({ ...result, code });
    });
    child.stdin?.on("error", () => {}); // the script's end came before its text did: the exit code tells
    child.stdin?.end(script);
  });
}

/** How long output may lag behind the end of the process, milliseconds. */
const LAG_MS = 500;

/** ssh's connection master outlives the call and can hold stderr open, so an end of all output is not waited for. */
export function whenDone(child: ChildProcess, callback: (code: number | null) => void): void {
  child.on("exit", (code) => {
    const lag = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, LAG_MS);
    child.on("close", () => {
      clearTimeout(lag);
      callback(code);
    });
  });
}

/** The child leads its own process group, so that what it started goes with it. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}

/** ssh joins its words with spaces for the other side's shell, which takes them apart again. */
const wordsFor = (program: string, args: string[]): string[] =>
  program === "ssh" ? args.map(shellWord) : args;

/**
 * What a script, or ssh, may see of the caller's environment. A Pulumi program's holds decrypted configuration. A
 * resource's command is run by Pulumi's provider with the operator's own environment, all of it: what it has beyond
 * this is read by no script, which start daemons and the tools' checks by `env -i`.
 */
const PASSED =
  /^(HOME|PATH|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_.*|XDG_.*|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|SSH_AGENT_PID|KRB5CCNAME|CARGO_HOME|RUSTUP_HOME|DOCKER_HOST|DOCKER_CONFIG|DOCKER_CONTEXT)$/;

/** Only the variables that a login would have set too. */
export function cleanEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.test(name)));
}
