import type { Hits } from "../status/parse.ts";
import { counted, readableBytes, readablePercent } from "../words.ts";
import type { Symptom } from "./cause.ts";
import type { Evidence } from "./evidence.ts";

/** What is measured now of each symptom that has a measure, in words. */
export function measured({ status }: Evidence): Partial<Record<Symptom, string>> {
  const { sccache, "bazel-remote": remote } = status;
  const rate = (hits: Hits | null) => (hits === null ? undefined : rateWords(hits));
  const answers = (answer: unknown) =>
    answer === null ? "does not listen" : answer === "no answer" ? "does not answer" : undefined;
  const of = (name: string, state: string | undefined) => state && `${name} ${state}`;
  const full = [
    ...Object.entries({ sccache, "bazel-remote": remote }).flatMap(([name, cache]) => sizeWords(name, cache)),
    ...Object.values(status.disks)
      .slice(0, 1)
      .map(({ freeBytes, mount }) => `${readableBytes(freeBytes)} free on ${mount}`),
  ];
  return defined({
    sccache: answers(sccache) ?? (typeof sccache === "object" ? rate(sccache) : undefined),
    moon:
      of("bazel-remote", answers(remote)) ??
      (typeof remote === "object" ? rate(remote?.actions ?? null) : undefined),
    "bazel-remote": answers(remote) ?? "answers",
    grows: full.join(", "),
    cargo: counted(status.cargo.crates, "crate"),
  });
}

function rateWords({ hits, misses }: Hits): string {
  const calls = hits + misses;
  return calls === 0
    ? "none asked since the start"
    : `${readablePercent(hits, calls)} of ${calls} hit since the start`;
}

type Sized =
  | { sizeBytes: number | null; maxSizeBytes: number | null }
  | "no answer"
  | "authentication required"
  | null;

const sizeWords = (name: string, cache: Sized): string[] =>
  typeof cache !== "object" || cache === null || cache.sizeBytes === null || cache.maxSizeBytes === null
    ? []
    : [`${name} ${readableBytes(cache.sizeBytes)} of ${readableBytes(cache.maxSizeBytes)}`];

const defined = <K extends string>(record: Record<K, string | undefined>): Partial<Record<K, string>> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Partial<
    Record<K, string>
  >;
