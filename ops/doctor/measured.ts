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
  const of = (name: string, words: string | undefined) => words && `${name} ${words}`;
  const full = [
    ...Object.entries({ sccache, "bazel-remote": remote }).flatMap(([name, one]) => sizeWords(name, one)),
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
  const all = hits + misses;
  return all === 0
    ? "none asked since the start"
    : `${readablePercent(hits, all)} of ${all} hit since the start`;
}

type Sized =
  | { sizeBytes: number | null; maxSizeBytes: number | null }
  | "no answer"
  | "authentication required"
  | null;

const sizeWords = (name: string, one: Sized): string[] =>
  typeof one !== "object" || one === null || one.sizeBytes === null || one.maxSizeBytes === null
    ? []
    : [`${name} ${readableBytes(one.sizeBytes)} of ${readableBytes(one.maxSizeBytes)}`];

const defined = <K extends string>(all: Record<K, string | undefined>): Partial<Record<K, string>> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<
    Record<K, string>
  >;
