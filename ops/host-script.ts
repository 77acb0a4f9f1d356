import { hostWords } from "../host/probe.ts";
import { scriptText } from "../host/scripts.ts";
import { shellWord } from "../stacks/shell.ts";
import type { HostConfig } from "../stacks/types.ts";

/**
 * One script from the texts of host/ and a last line that calls it: everything in one stdin, so one round trip.
 *
 * @param names of the texts as {@link scriptText} takes them, in the order they are read
 * @param call the function that the last line calls; it gets the words of {@link hostWords} and then `words`
 */
export function hostScript(
  host: HostConfig,
  names: readonly string[],
  call: string,
  words: readonly string[] = [],
): string {
  const builder = host.facts?.user?.name;
  const named = builder === undefined ? "" : `WARMBOX_BUILDER=${shellWord(builder)}\n`;
  const scope = host.scope === "system" ? `${named}WARMBOX_SCOPE=system; export WARMBOX_SCOPE\n` : "";
  const all = [...hostWords(host), ...words].map(shellWord).join(" ");
  return `${scope}${scriptText(...names)}\n${call} ${all} </dev/null\n`; // nothing that it starts may read the rest of stdin
}
