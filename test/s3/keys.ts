import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The two halves that a credentials file holds. */
export function keysIn(file: string): { accessKeyId: string; secretAccessKey: string } {
  const text = readFileSync(file, "utf8");
  const value = (name: string): string => {
    const found = new RegExp(`^${name} = (\\S+)$`, "m").exec(text)?.[1];
    if (found === undefined) throw new Error(`${file} has no ${name}`);
    return found;
  };
  return { accessKeyId: value("aws_access_key_id"), secretAccessKey: value("aws_secret_access_key") };
}

/** Every file below a folder that holds the word, with its mode. Folders that others use as well may change meanwhile. */
export function filesHolding(root: string, word: string): string[] {
  // grep holds no file in memory, and its pattern comes by stdin: no command line has it
  const found = spawnSync("grep", ["-rlFs", "--devices=skip", "-f", "-", root], {
    input: `${word}\n`,
    encoding: "utf8",
  });
  const paths = found.stdout.split("\n").filter((path) => path !== "");
  return paths
    .flatMap((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? [] : [`${path} ${(stat.mode & 0o777).toString(8)}`];
    })
    .sort();
}

/** Command lines of the machine's processes that hold the word, or a match, now. */
export function commandLinesHolding(word: string | RegExp): string[] {
  const held = (line: string): boolean => (typeof word === "string" ? line.includes(word) : word.test(line));
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      return held(words) ? [words.replaceAll("\0", " ")] : [];
    } catch {
      return []; // it has ended
    }
  });
}

/** Milliseconds between two looks: a process that lives shorter may go unseen, thirty of them do not. */
const LOOK_MS = 25;

/** Watches every process's command line while something runs. */
export async function watched<T>(
  word: string | RegExp,
  work: () => Promise<T>,
): Promise<{ result: T; seen: string[] }> {
  let running = true;
  const seen = new Set<string>();
  const watching = (async () => {
    while (running) {
      for (const line of commandLinesHolding(word)) seen.add(line);
      await sleep(LOOK_MS);
    }
  })();
  try {
    return { result: await work(), seen: [...seen] };
  } finally {
    running = false;
    await watching;
  }
}
