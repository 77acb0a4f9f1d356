import { sshTarget } from "../../host/reach.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Evidence, Session, SettingLine } from "./evidence.ts";

/**
 * Commands that fix a cause. People run them unchanged and later, so each of them finds its target even if it has moved
 * within its file, may run twice, destroys nothing of the user's, and accepts any path.
 */

/** A command for the host, as the operator runs it: through ssh where the host is another machine. */
export function onHost({ host: { reach } }: Evidence, command: string): string {
  if (reach.kind === "local") return command;
  const port = reach.port === undefined ? "" : ` -p ${reach.port}`;
  const remoteCommand = reach.sudo ? `sudo -n sh -c ${shellWord(command)}` : command;
  return `ssh${port} ${shellWord(sshTarget(reach))} -- ${shellWord(remoteCommand)}`;
}

/** `./warmbox up` for the stack that --stack names. */
export const up = ({ stack }: Evidence): string =>
  stack === null ? "./warmbox up" : `./warmbox up --stack ${shellWord(stack)}`;

/** Changes one value of the stack and applies it. `path` is below the host; null removes the key. */
export function changeStack(evidence: Evidence, path: readonly string[], value: string | null): string {
  const key = shellWord(`warmbox:hosts${[evidence.name, ...path].map((part) => `["${part}"]`).join("")}`);
  const subcommand = value === null ? `rm --path ${key}` : `set --path ${key} ${shellWord(value)}`;
  return `${stackCommand(evidence, subcommand)} && ${up(evidence)}`;
}

/** A command of `pulumi config` for the stack that --stack names. */
export const stackCommand = ({ stack }: Evidence, subcommand: string): string =>
  `./warmbox pulumi config ${subcommand}${stack === null ? "" : ` --stack ${shellWord(stack)}`}`;

/** Changes exactly these lines, found by their text: line numbers may have changed by then. */
export function edit(evidence: Evidence, lines: readonly SettingLine[], change: string): string {
  const files = Map.groupBy(lines, ({ file }) => file);
  return [...files]
    .map(([file, group]) => `${asRoot(evidence, file)}${sed(group, change)} ${shellWord(file)}`)
    .join(" && ");
}

/** A dotfile may be a link into the user's repository: sed changes the file behind it. */
function sed(lines: readonly SettingLine[], change: string): string {
  const rules = new Set(lines.map(({ text }) => shellWord(`/^\\s*${pattern(text)}\\s*$/${change}`)));
  return `sed -i --follow-symlinks ${[...rules].map((rule) => (rules.size > 1 ? `-e ${rule}` : rule)).join(" ")}`;
}

/** A text as a basic regular expression between slashes that matches it alone. */
const pattern = (text: string): string => text.replace(/[[\]\\/.*^$]/g, "\\$&").replace("=(hidden)", "=.*");

const asRoot = ({ facts, host: { reach } }: Evidence, file: string): string =>
  file.startsWith("/etc/") && facts.user.uid !== 0 && !(reach.kind === "ssh" && reach.sudo) ? "sudo " : "";

/** Takes a variable out of sessions: renames it where it is set, which keeps the line valid. */
export function unset(evidence: Evidence, name: string, sessions: readonly Session[]): string {
  const values = sessions.map(({ env }) => env[name]);
  const inheriting = evidence.sessions.find(
    ({ isCaller, env }) => !isCaller && env[name] !== undefined && values.includes(env[name]),
  );
  if (inheriting === undefined) return `unset ${name}`;
  const lines = linesSetting(evidence, name).filter(({ text }) => mayBe(valueIn(text, name), values));
  const command =
    lines.length > 0
      ? edit(evidence, lines, `s/\\b${name}=/was_&/g`)
      : addLine(`unset ${name}`, startFile(evidence, inheriting));
  return onHost(evidence, command) + localSuffix(evidence, `unset ${name}`);
}

/** The same for the operator's own shell if the host is this machine. */
export const localSuffix = ({ host }: Evidence, command: string): string =>
  host.reach.kind === "local" ? ` && ${command}` : "";

/** Appends a line to a file. */
export const addLine = (line: string, file: string): string => `echo ${shellWord(line)} >>${shellWord(file)}`;

/** Lines in start files of sessions that set a variable, to any value. */
export function linesSetting(evidence: Evidence, name: string): SettingLine[] {
  const sets = new RegExp(`(^|[^A-Za-z0-9_$])${name}=`);
  return evidence.settings.filter(
    ({ file, text }) => !file.endsWith(".toml") && !text.startsWith("alias ") && sets.test(text),
  );
}

/** The value that a line gives a variable; null if only a shell can evaluate it. */
function valueIn(text: string, name: string): string | null {
  const [, ...groups] = new RegExp(`${name}=(?:"([^"]*)"|'([^']*)'|([^\\s;&|]*))`).exec(text) ?? [];
  const value = groups.find((group) => group !== undefined) ?? "";
  return /[$`\\]|^\(hidden\)$/.test(value) ? null : value;
}

const mayBe = (value: string | null, values: readonly (string | undefined)[]): boolean =>
  value === null || values.includes(value);

/** The start file that such a session reads last; bash reads only the first of its login files. */
export function startFile(evidence: Evidence, { name }: Session): string {
  const home = evidence.facts.user.home;
  if (name.includes("zsh")) return `${home}/${name.includes("-l") ? ".zprofile" : ".zshrc"}`;
  if (name.includes("-i")) return `${home}/.bashrc`;
  const logins = name.includes("bash") ? [".bash_profile", ".bash_login"] : [];
  return `${home}/${logins.find((file) => evidence.files.includes(`${home}/${file}`)) ?? ".profile"}`;
}

/** Restarts a service through its supervisor. */
export function restart(evidence: Evidence, service: "sccache" | "bazel-remote"): string {
  const { kind, pid } = evidence.status.services[service] ?? {};
  switch (kind) {
    case "systemd-user":
      return onHost(evidence, `systemctl --user restart ${service}`);
    case "systemd-system":
      return onHost(evidence, `sudo systemctl restart ${service}`);
    case "container":
      return onHost(
        evidence,
        `docker restart $(docker ps --all --quiet --filter label=warmbox.port=${httpPort(evidence)})`,
      );
    default:
      return pid ? onHost(evidence, `kill ${pid}`) : up(evidence);
  }
}

export const httpPort = ({ host }: Evidence): string =>
  host["bazel-remote"].http_address.split(":").at(-1) ?? "";
