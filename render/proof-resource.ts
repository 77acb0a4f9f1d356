import { bazelRemoteGiB, gib } from "../plan/bytes.ts";
import { httpGet } from "./http-get.ts";
import { grpcUrl } from "./moon-env.ts";
import type { ResourceInput } from "./resource.ts";
import { shellWord } from "./rustc-wrapper.ts";

/** What a proof is to be held against: rendered and planned values of one host. */
export type ProofInput = Pick<ResourceInput, "host" | "plan" | "paths" | "tools">;

/** Words of `prove` in host/prove.sh. A tier that the stack has not is left out. */
export function proofWords({ host, plan, paths, tools }: ProofInput): string[] {
  const remote = host["bazel-remote"];
  const words = {
    ...(host.cargo.enabled ? { cargo_home: paths.cargoHome } : {}),
    ...(host.cargo.enabled && host.sccache.enabled
      ? {
          sccache: tools.sccache,
          port: plan.sccache.port,
          max_cache_size: plan.sccache.max_size,
          wrapper: `${paths.bin}/rustc-wrapper`,
          conf: paths.sccacheConfig,
          cache: plan.sccache.dir,
        }
      : {}),
    ...(host.moon.enabled && remote.enabled
      ? {
          ...(tools.moon === "" ? {} : { moon: tools.moon }),
          env: `${paths.config}/env`,
          http: remote.http_address,
          http_get: httpGet(),
          grpc: grpcUrl(remote),
          MaxSize: Number(bazelRemoteGiB(plan.bazelRemote.max_size, "floor")) * gib(1),
        }
      : {}),
  };
  return Object.entries(words).map(([name, value]) => `${name}=${value}`);
}

/** The call of `prove` for one host; its program's text comes before. */
export function proofCall(input: ProofInput): string {
  return `prove ${proofWords(input).map(shellWord).join(" ")} </dev/null`;
}

/**
 * Script of the `proof` resource: every tier of the host really hits, or the apply fails and says why. It keeps nothing
 * on the host, so `remove` has nothing to do.
 *
 * @param prove text of `host/prove.sh`
 * @param of what is proved, a checksum of the tiers' scripts: changes exactly when one of them does, and then the
 *   proof runs again; a repair of drift changes none of them
 */
export function proofResourceScript(prove: string, of: string, input: ProofInput): string {
  return `# Proof of the tiers whose scripts have the checksum ${of}
${prove.trimEnd()}

[ "\${1:-}" = apply ] || exit 0
answer=$(${proofCall(input)})
case $answer in
*' failed'* | *'@@warmbox end') ;;
*) echo "warmbox: the proof was cut short. Next: run the same command again." >&2 && exit 70 ;;
esac
printf '%s\\n' "$answer" | sed -n 's/^@@warmbox prove /tier /p; s/^|//p'
case $answer in *' failed'*)
  printf '%s\\n' "$answer" | sed -n '/^@@warmbox prove [^ ]* failed/,/^@@/{s/^@@warmbox prove \\([^ ]*\\) failed/warmbox: \\1 does not hit:/p;s/^|cause /  /p;s/^|next /  Next: /p;}' >&2
  exit 79
esac
`;
}
