import { readFile } from "node:fs/promises";
import { hostWords } from "../host/probe.ts";
import { shellWord } from "../host/reach.ts";
import type { HostConfig } from "../stacks/types.ts";

/**
 * One script from the files of host/ and a last line that calls it: everything in one stdin, so one round trip.
 *
 * @param files names below host/, in the order they are read
 * @param call the function that the last line calls; it gets the words of {@link hostWords} and then `words`
 */
export async function hostScript(
  host: HostConfig,
  files: readonly string[],
  call: string,
  words: readonly string[] = [],
): Promise<string> {
  const texts = await Promise.all(
    files.map((name) => readFile(new URL(`../host/${name}`, import.meta.url), "utf8")),
  );
  const builder = host.facts?.user?.name;
  const named = builder === undefined ? "" : `WARMBOX_BUILDER=${shellWord(builder)}\n`;
  const scope = host.scope === "system" ? `${named}WARMBOX_SCOPE=system; export WARMBOX_SCOPE\n` : "";
  const all = [...hostWords(host), ...words].map(shellWord).join(" ");
  return `${scope}${texts.join("\n")}\n${call} ${all} </dev/null\n`; // nothing that it starts may read the rest of stdin
}
