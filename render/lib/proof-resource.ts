import { hasOpenStatus } from "../../plan/status-access.ts";
import { credentialsPath, pathsSeenBy } from "../../plan/store.ts";
import { bazelRemoteGiB, gib } from "../../stacks/bytes.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { bazelRemoteEnvironment } from "../bazel-remote/bazel-remote-run.ts";
import { grpcUrl, moonEnvironment } from "../moon/moon-env.ts";
import { program } from "./program.ts";
import type { ResourceInput } from "./resource.ts";
import { DELIMITER, libraryLines, scopeLines } from "./script.ts";

/** What a proof is to be held against: rendered and planned values of one host. */
export type ProofInput = Omit<ResourceInput, "owner" | "generation">;

/** A tier as the proof names it: by the client whose hits are shown. */
export type ProofTier = "sccache" | "moon" | "cargo";

/** Tiers that the stack has on a host, each of which needs a verdict. */
export function proofTiers({ host }: Pick<ProofInput, "host">): ProofTier[] {
  const { cargo, sccache, moon } = host;
  return [
    ...(cargo.enabled && sccache.enabled ? ["sccache" as const] : []),
    ...(moon.enabled && host["bazel-remote"].enabled ? ["moon" as const] : []),
    ...(cargo.enabled ? ["cargo" as const] : []),
  ];
}

/**
 * Why no hit of moon's can be shown, whether or not there are any: what moon must have for bazel-remote may be in each
 * workspace's own settings, which the proof's tiny one has not. Undefined: it can be shown.
 */
export function unshown({ "bazel-remote": { settings }, moon: { env } }: HostConfig): string | undefined {
  const has = (...names: string[]) => names.some((name) => env[name] !== undefined);
  if (settings.htpasswd_file || settings.ldap)
    return "bazel-remote wants a password, which moon takes from remote.auth.headers of a workspace alone: whether it hits is not known";
  if (settings.tls_ca_file && !has("MOON_REMOTE_MTLS_CLIENT_CERT"))
    return "bazel-remote wants a client's certificate, and moon.env has no MOON_REMOTE_MTLS_CLIENT_CERT: whether moon hits is not known";
  if (settings.tls_cert_file && !has("MOON_REMOTE_TLS_CERT", "MOON_REMOTE_MTLS_CA_CERT"))
    return "bazel-remote has TLS, and moon.env no MOON_REMOTE_TLS_CERT to know it by: whether moon hits is not known";
  return undefined;
}

/** Words of `prove` in host/scripts/prove/. A tier that the stack has not, or that cannot be shown, is left out. */
export function proofWords(input: ProofInput): string[] {
  const tiers = proofTiers(input).filter((tier) => tier !== "moon" || unshown(input.host) === undefined);
  const settings = {
    ...(tiers.includes("cargo") ? cargoWords(input) : {}),
    ...(tiers.includes("sccache") ? sccacheWords(input) : {}),
    ...(tiers.includes("moon") ? moonWords(input) : {}),
    ...(tiers.includes("sccache") || tiers.includes("moon") ? storeWords(input) : {}),
  };
  return Object.entries(settings).map(([name, value]) => `${name}=${value}`);
}

type ProofSettings = Record<string, string | number>;

function cargoWords({ plan, paths }: ProofInput): ProofSettings {
  return { cargo_home: paths.cargoHome, jobs: plan.builders.jobs };
}

function sccacheWords({ plan, paths, tools }: ProofInput): ProofSettings {
  return {
    sccache: tools.sccache,
    port: plan.sccache.port,
    max_cache_size: plan.sccache.max_size,
    wrapper: `${paths.bin}/rustc-wrapper`,
    conf: paths.sccacheConfig,
    cache: plan.sccache.dir,
  };
}

function moonWords(input: ProofInput): ProofSettings {
  const { host, plan, paths, tools } = input;
  const remote = host["bazel-remote"];
  const { GOMEMLIMIT = "", GOGC = "" } = bazelRemoteEnvironment({ plan, remote });
  return {
    ...(tools.moon === "" ? {} : { moon: tools.moon }),
    concurrency: moonEnvironment(input).MOON_CONCURRENCY ?? "",
    env: `${paths.config}/env`,
    ...(hasOpenStatus(host) ? { http: remote.http_address } : {}),
    http_get: program("http-get"),
    grpc: grpcUrl(remote),
    MaxSize: Number(bazelRemoteGiB(plan.bazelRemote.max_size, "floor")) * gib(1),
    GOMEMLIMIT,
    GOGC,
    bazel_remote: tools["bazel-remote"],
    bazel_remote_conf: paths.bazelRemoteConfig,
  };
}

/** GCS is configuration only: nothing is read back from it. */
function storeWords({ store, kind, paths }: ProofInput): ProofSettings {
  if (store.kind !== "s3") return {};
  return {
    store: store.url ?? `https://s3.${store.region}.amazonaws.com`,
    ...(store.credentials === "keys" ? { keys: credentialsPath(pathsSeenBy("sccache", kind, paths)) } : {}),
  };
}

/**
 * Defines `prove_host`, which proves one host: the text of `prove.sh` that `text` prints, and its call, as the user
 * who builds. In system scope the text is root's, whose files no build of that user could change.
 */
function proofCommand(text: string, input: ProofInput): string {
  const shell =
    input.host.scope === "system" ? `su -s /bin/sh ${shellWord(input.user)} -c 'exec sh -s'` : "sh -s";
  return `prove_text() {
${text}
cat <<'${DELIMITER}'

prove ${proofWords(input).map(shellWord).join(" ")} </dev/null
${DELIMITER}
}
prove_host() { ${skipCommand(input)}prove_text | (cd / && ${shell}); }
`;
}

/** Shell: the verdict on what the program is not asked for. */
function skipCommand(input: ProofInput): string {
  const why = proofTiers(input).includes("moon") ? unshown(input.host) : undefined;
  return why === undefined
    ? ""
    : `printf '%s\\n' '@@warmbox prove moon skipped' ${shellWord(`|cause ${why}`)}; `;
}

/**
 * The script that only proves, at any time; its stdout is the answer of `prove.sh`.
 * @param prove text of `prove.sh`
 * @throws Error where it holds the delimiter as a line
 */
export function proofScript(prove: string, input: ProofInput): string {
  if (prove.split("\n").includes(DELIMITER))
    throw new Error(`prove.sh: a line of it is ${DELIMITER}, which ends it in a script`);
  return `${proofCommand(`cat <<'${DELIMITER}'\n${prove.trimEnd()}\n${DELIMITER}`, input)}prove_host\n`;
}

/**
 * Script of the `proof` resource: every tier of the host really hits, or the apply fails, says why, and puts the tier
 * that failed back to what was proved last. On the host it leaves only the library's own memory of what was proved,
 * which `remove` drops.
 *
 * @param of what is proved, a checksum of the prover and the tiers' scripts: changes exactly when one of them does, and
 *   then the proof runs again; a repair of drift changes none of them
 */
export function proofResourceScript(of: string, input: ProofInput & { owner: string }): string {
  const { host, paths, owner } = input;
  return `# Proof of the tiers whose scripts have the checksum ${of}
case \${1:-} in apply | remove) ;; *) exit 0 ;; esac
${scopeLines({ scope: host.scope, home: paths.home })}${libraryLines(host.scope)}[ "$1" = apply ] || { unproved ${shellWord(owner)} && exit; }
${proofCommand(`cat ${shellWord(`${paths.share}/prove.sh`)}`, input)}
answer=$(prove_host)
for tier in ${proofTiers(input).join(" ")} end; do
  case $answer in *"@@warmbox prove $tier "* | *"@@warmbox $tier") ;; *)
    echo "warmbox: the proof was cut short: it says nothing of $tier. Next: run the same command again." >&2 && exit 70 ;;
  esac
done
${REPORT}
${RESTORE}
`;
}

/** Shell: findings for people; of the tiers that failed on stderr, which Pulumi shows as the reason. */
const REPORT = `report() {
  printf '%s\\n' "$answer" | awk -v failed="$1" '
    /^@@warmbox / { show = $2 == "prove" && ($4 == "failed") == failed
      if (show) print failed ? "warmbox: " $3 " does not hit:" : $3 " " $4 }
    show && /^[|]/ && !(failed && /^[|]fact /) { sub(/^[|](fact|cause) /, "  "); sub(/^[|]next /, "  Next: ")
      sub(/^[|]warn /, "  WARNING: "); print }'
}
report 0
report 1 >&2`;

/** Shell: what is proved is remembered, and what failed is put back; a tier's server before its client. */
const RESTORE = `tiers() { printf '%s\\n' "$answer" | sed -n "s/^@@warmbox prove \\\\([^ ]*\\\\) $1\\$/\\\\1/p"; }
resources() {
  for tier; do
    case $tier in sccache) echo sccache cargo ;; moon) echo bazel-remote moon ;; *) echo "$tier" ;; esac
  done
}
failed=$(tiers failed)
broken=' '
for resource in $(resources $failed); do
  case $broken in *" $resource "*) ;; *) broken="$broken$resource " ;; esac
done
good=''
for resource in $(resources $(tiers proved)); do
  case $broken in *" $resource "*) ;; *) good="$good $resource" ;; esac
done
[ -z "$good" ] || proved $good || [ -n "$failed" ] || exit
[ -n "$failed" ] || exit 0
why=$(printf '%s\\n' "$answer" | sed -n '/^@@warmbox prove [^ ]* failed$/,$ s/^|cause //p' | head -n 1)
for resource in $broken; do
  restore "$resource" "a failed proof of $(echo $failed): $why" >&2
done
exit 79`;
