import { OVERRIDING_ENVIRONMENT } from "../../render/cargo/rustc-wrapper.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Daemon, Evidence } from "./evidence.ts";
import { type Cause, lastLines, place, whereSet } from "./finding.ts";
import { changeStack, onHost, restart, unset, up } from "./mend.ts";

const symptom = "sccache";
const explains = ["sccache"];

const service = (e: Evidence) => (e.host.sccache.enabled ? e.status.services.sccache : undefined);

/** Server processes on our port that are not the service's. */
const strangers = (e: Evidence): Daemon[] =>
  e.daemons.filter(
    (d) => d.name === "sccache" && d.ports.includes(e.host.sccache.port) && d.pid !== service(e)?.pid,
  );

const unreadable: Cause = (e) =>
  e.host.sccache.enabled && e.sccacheConfig.code === 2
    ? [
        {
          ...{ id: "sccache-config", symptom, explains },
          cause: "sccache cannot read its configuration file: every compile goes without the cache",
          evidence: [`${e.paths.sccacheConfig}: ${e.sccacheConfig.said.join(" ")}`],
          mend: up(e),
        },
      ]
    : [];

const suspended: Cause = (e) =>
  service(e)?.state === "suspended"
    ? [
        {
          ...{ id: "sccache-suspended", symptom, explains },
          cause: "the sccache server was stopped by a signal and answers nobody",
          evidence: [`process ${service(e)?.pid} is in state T`],
          mend: onHost(e, `kill -CONT ${service(e)?.pid}`),
        },
      ]
    : [];

const hung: Cause = (e) =>
  service(e)?.state === "running" && e.status.sccache === "silent"
    ? [
        {
          ...{ id: "sccache-hung", symptom, explains },
          cause:
            "the sccache server runs and does not answer: a full or removed cache directory leaves it so",
          evidence: [
            `port ${e.host.sccache.port} is open, --show-stats got no answer`,
            ...lastLines(e, "sccache"),
          ],
          mend: restart(e, "sccache"),
        },
      ]
    : [];

const clientsServer: Cause = (e) =>
  strangers(e).map((d) => ({
    ...{ id: "sccache-foreign-server", symptom, explains },
    cause: `another sccache server than the service has port ${e.host.sccache.port}: a client started it, with its own settings`,
    evidence: [
      `process ${d.pid} (${d.exe}), uid ${d.uid}${environmentWords(d)}`,
      ...(typeof e.status.sccache === "object" && e.status.sccache
        ? [`its max_cache_size is ${e.status.sccache.maxSizeBytes}`]
        : []),
    ],
    mend: `${onHost(e, `kill ${d.pid}`)} && ${up(e)}`,
  }));

const environmentWords = ({ env }: Daemon): string =>
  Object.entries(env)
    .filter(([name]) => name.startsWith("SCCACHE_"))
    .map(([name, value]) => `, ${name}=${value}`)
    .join("");

const portTaken: Cause = (e) =>
  e.ports
    .filter(({ name, holder }) => name === "sccache" && holder !== null && e.host.sccache.enabled)
    .filter(() => strangers(e).length === 0 && !ownsPort(e, "sccache", e.host.sccache.port))
    .map(({ port, holder, free }) => ({
      ...{ id: "sccache-port", symptom, explains },
      cause: `port ${port} is taken by a program that is not sccache`,
      evidence: [`port ${port}: ${holder}`, ...lastLines(e, "sccache")],
      mend: free === null ? up(e) : changeStack(e, ["sccache", "port"], String(free)),
    }));

/** True where the service's own process listens on the port. */
export function ownsPort(e: Evidence, name: string, port: number): boolean {
  const pid = e.status.services[name]?.pid ?? null;
  return e.daemons.some((d) => d.pid === pid && d.ports.includes(port));
}

const down: Cause = (e) => {
  const state = service(e)?.state ?? "running";
  if (["running", "suspended"].includes(state) || strangers(e).length > 0 || portTaken(e).length > 0)
    return [];
  return [
    {
      ...{ id: "sccache-down", symptom, explains },
      cause:
        "the sccache service does not run: the first client starts a server of its own, with that client's settings",
      evidence: [`service sccache: ${state}`, ...lastLines(e, "sccache")],
      mend: up(e),
    },
  ];
};

const noDirectory: Cause = (e) =>
  e.host.sccache.enabled && service(e)?.state === "running" && !e.dirs.sccache.exists
    ? [
        {
          ...{ id: "sccache-directory", symptom, explains },
          cause:
            "the cache directory was removed under the running server, which stores nothing until it is restarted",
          evidence: [`${e.dirs.sccache.path} does not exist`],
          mend: `${onHost(e, madeAgain(e))} && ${restart(e, "sccache")}`,
        },
      ]
    : [];

const madeAgain = ({ dirs, host, facts }: Evidence): string =>
  host.scope === "system"
    ? `sudo install -d -m 700 -o ${shellWord(facts.user.name)} ${shellWord(dirs.sccache.path)}`
    : `mkdir -p -m 700 ${shellWord(dirs.sccache.path)}`;

const readOnly: Cause = (e) =>
  e.settings
    .filter(({ file, text }) => file === e.paths.sccacheConfig && /^rw_mode *= *"READ_ONLY"/.test(text))
    .map((line) => ({
      ...{ id: "sccache-read-only", symptom, explains },
      cause: "sccache is set to read only: it stores nothing",
      evidence: [place(line)],
      mend: up(e),
    }));

const secondServer: Cause = (e) =>
  e.daemons
    .filter((d) => d.name === "sccache" && !d.ports.includes(e.host.sccache.port) && usesOurs(d, e))
    .map((d) => ({
      ...{ id: "sccache-second-server", symptom },
      cause: "a second sccache server uses the same cache directory: neither sees what the other stores",
      evidence: [`process ${d.pid} on port ${d.ports.join(", ")}${environmentWords(d)}`],
      mend: onHost(e, `kill ${d.pid}`),
    }));

/** By its directory, its file, or neither: then it takes the default below its HOME. */
function usesOurs({ env }: Daemon, e: Evidence): boolean {
  if (env.SCCACHE_DIR !== undefined) return env.SCCACHE_DIR === e.dirs.sccache.path;
  if (env.SCCACHE_CONF !== undefined) return env.SCCACHE_CONF === e.paths.sccacheConfig;
  return env.HOME === e.facts.user.home && e.host.scope === "user";
}

/** A suffix of one letter or none: anything else is silently the default. */
const READABLE_SIZE = /^\d+[KMGTkmgt]?$/;

const environment: Cause = (e) =>
  e.sessions.flatMap((session) =>
    Object.entries(session.env)
      .filter(([name]) => ["SCCACHE_CONF", "SCCACHE_SERVER_PORT", ...OVERRIDING_ENVIRONMENT].includes(name))
      .map(([name, value]) => ({
        ...({ id: "sccache-environment", symptom } as const),
        cause: environmentCause(name, value),
        evidence: whereSet(e, name, session, value),
        mend: unset(e, name, [session]),
      })),
  );

function environmentCause(name: string, value: string): string {
  if (name === "SCCACHE_CACHE_SIZE" && !READABLE_SIZE.test(value))
    return `sccache cannot read ${name}=${value} and silently takes 10 GiB, and its default directory, wherever it is run without our rustc-wrapper`;
  return `${name} wins over the whole table of sccache's file wherever it is run without our rustc-wrapper`;
}

/** Causes around the sccache server. */
export const sccacheCauses: readonly Cause[] = [
  ...[unreadable, suspended, hung, clientsServer, portTaken, down],
  ...[noDirectory, readOnly, secondServer, environment],
];
