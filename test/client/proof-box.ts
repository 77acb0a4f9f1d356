import { appendFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { scriptText } from "../../host/scripts.ts";
import { parseProof, type TierProof } from "../../ops/prove.ts";
import { program } from "../../render/lib/program.ts";
import type { ProofTier } from "../../render/lib/proof-resource.ts";
import { daemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { run } from "../support/process.ts";
import { toolPath } from "../tools.ts";
import { type CargoBox, cargoBox } from "./sccache.ts";

export const GIB = 1024 ** 3;
export const CACHE_SIZE = 64 * 1024 * 1024;

let compiled = "";
/** moon's own plugin, compiled once for the tests of a file. */
beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), "warmbox-moon-cache-"));
});
afterAll(async () => await rm(compiled, { recursive: true, force: true }));

/** A box with all that the proof looks at. */
export interface ProofBox extends CargoBox {
  /** The proof's description of the box; a test changes one entry, or the box. */
  readonly words: Record<string, string>;
  readonly grpcPort: number;
  /** Starts bazel-remote; `more` are further lines of its file. */
  bazelRemote(maxSizeGiB?: number, more?: string): ReturnType<typeof daemon>;
  /** `change` edits the program that proves. */
  prove(
    shell?: readonly string[],
    env?: Record<string, string>,
    change?: (text: string) => string,
  ): Promise<TierProof[]>;
}

/** Nothing runs in it yet. */
export async function proofBox(): Promise<ProofBox> {
  const box = await cargoBox();
  const [http, grpc] = [await freePort(), await freePort()];
  const [bazelRemote, moon] = [await toolPath("bazel-remote"), await toolPath("moon")];
  const url = `grpc://127.0.0.1:${grpc}`;
  const env = await box.file(
    ".config/warmbox/env",
    `export MOON_REMOTE_HOST=${url}\nexport MOON_CACHE=read-write\nexport MOON_TELEMETRY=false\nexport MOON_CONCURRENCY=3\n`,
  );
  const words: Record<string, string> = {
    sccache: box.sccache,
    port: String(box.port),
    max_cache_size: String(CACHE_SIZE),
    wrapper: box.wrapper,
    conf: box.conf,
    cargo_home: `${box.dir}/.cargo`,
    env,
    http: `127.0.0.1:${http}`,
    http_get: program("http-get"),
    grpc: url,
    MaxSize: String(5 * GIB),
    moon,
    bazel_remote: bazelRemote,
    bazel_remote_conf: `${box.dir}/bazel-remote.yaml`,
    jobs: "2",
    concurrency: "3",
    GOGC: "50",
    GOMEMLIMIT: "1GiB",
  };
  await appendFile(`${box.dir}/.cargo/config.toml`, "jobs = 2\n");
  return {
    ...box,
    words,
    grpcPort: grpc,
    bazelRemote: async (maxSizeGiB = 5, more = "") => {
      const config = `dir: ${box.dir}/bazel\nmax_size: ${maxSizeGiB}\nhttp_address: 127.0.0.1:${http}\ngrpc_address: 127.0.0.1:${grpc}\naccess_log_level: none\n${more}`;
      const file = await box.file("bazel-remote.yaml", config);
      return await daemon([bazelRemote, "--config_file", file], grpc, {
        ...box.env,
        GOGC: "50",
        GOMEMLIMIT: "1GiB",
      });
    },
    prove: async (shell = ["sh"], extra = {}, change = (text) => text) => {
      const text = change(scriptText("prove.sh"));
      const call = Object.entries(words).map(([name, value]) => quoted(`${name}=${value}`));
      const result = await run([...shell, "-s", "--"], {
        env: {
          ...box.env,
          PATH: `${dirname(moon)}:${box.env.PATH}`,
          TMPDIR: await temporary(box),
          XDG_CACHE_HOME: compiled,
          ...extra,
        },
        stdin: `${text}\nprove ${call.join(" ")} </dev/null\n`,
      });
      const proofs = parseProof(result.stdout, wanted(words));
      const ended = [...result.stdout.matchAll(/^@@warmbox ended (.*)$/gm)].map(([, name]) => name);
      expect(wanted(words), "progress names tiers").toEqual(expect.arrayContaining(ended));
      expect(await readdir(`${box.dir}/tmp`)).toEqual([]);
      return proofs;
    },
  };
}

const TIERS: Record<string, ProofTier> = { sccache: "sccache", grpc: "moon", cargo_home: "cargo" };
/** Tiers that the words ask for. */
const wanted = (words: Record<string, string>): ProofTier[] =>
  Object.entries(TIERS).flatMap(([word, name]) => (word in words ? [name] : []));

async function temporary(box: CargoBox): Promise<string> {
  await mkdir(`${box.dir}/tmp`, { recursive: true });
  return `${box.dir}/tmp`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** What was found of one tier. */
export const tier = (proofs: TierProof[], name: string): TierProof | undefined =>
  proofs.find((p) => p.tier === name);
/** The verdicts alone. */
export const states = (proofs: TierProof[]) => Object.fromEntries(proofs.map((p) => [p.tier, p.state]));
/** Why a tier failed, with the next steps. */
export const causeOf = (proofs: TierProof[], name: string): string =>
  (tier(proofs, name)?.causes ?? []).map(({ cause, next }) => `${cause} -> ${next}`).join("\n");
