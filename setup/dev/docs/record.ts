/** Records the transcripts of docs/ by running the real commands, and restores what it started. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DocsBox, makeDocsBox } from "./box.ts";
import { recordTranscript, TRANSCRIPTS, type Transcript, withTranscript } from "./transcripts.ts";

/** Sizes that the stack of the recorded host declares, whatever the machine has. */
const SCCACHE_SIZE = "10GiB";
const SIZES = { first: "20GiB", next: "15GiB" } as const;

/** A host that does not answer, with all of its facts declared: any machine previews it alike. */
const FORGE = {
  reach: { kind: "ssh", host: "127.0.0.1", port: 1 },
  agents: { total: 40, active: 10 },
  facts: {
    ...{ arch: "x86_64", libc: "glibc", memTotal: "126GiB", cpus: 32 },
    user: { name: "ci", uid: 1000, gid: 1000, home: "/home/ci" },
    disks: {
      sccache: { mount: "/", device: "/dev/sda1", total: "2TiB", free: "1TiB" },
      "bazel-remote": { mount: "/", device: "/dev/sda1", total: "2TiB", free: "1TiB" },
    },
    systemd: { pid1: true, linger: true },
  },
};

/** The transcripts that every run prints alike, by name. */
export async function stableTranscripts(
  root: string,
  chosen: (entry: Transcript) => boolean = () => true,
): Promise<Map<string, string>> {
  const box = await makeDocsBox(root);
  const texts = new Map<string, string>();
  try {
    box.writeStack("forge", "forge-1", FORGE);
    for (const entry of TRANSCRIPTS.filter((transcript) => transcript.isStable && chosen(transcript)))
      texts.set(entry.name, await recordTranscript(box, entry));
    return texts;
  } finally {
    box.remove();
  }
}

/** The transcripts of a host that is set up, drifts, breaks and is removed, by name. Takes about two minutes. */
export async function liveTranscripts(root: string): Promise<Map<string, string>> {
  const box = await makeDocsBox(root);
  const texts = new Map<string, string>();
  const record = async (name: string): Promise<void> => {
    const entry = TRANSCRIPTS.find((transcript) => transcript.name === name);
    if (entry !== undefined) texts.set(name, await recordTranscript(box, entry));
  };
  try {
    declareSizes(box, SIZES.first);
    await record("up");
    await record("prove");
    await record("status");
    await drift(box, record);
    declareSizes(box, SIZES.next);
    await record("preview of a size");
    declareSizes(box, SIZES.first);
    await breakHost(box, record);
  } finally {
    await box.run(["destroy", "--yes"]);
    box.remove();
  }
  return texts;
}

function declareSizes(box: DocsBox, size: string): void {
  box.writeStack("local", "this", {
    agents: { total: 4, active: 2 },
    sccache: { max_size: SCCACHE_SIZE },
    "bazel-remote": { max_size: size },
  });
}

async function drift(box: DocsBox, record: (name: string) => Promise<void>): Promise<void> {
  const config = join(box.home, ".config/bazel-remote/config.yaml");
  writeFileSync(config, readFileSync(config, "utf8").replace("max_size: 20", "max_size: 200"));
  await record("preview of a drift");
  await box.run(["up", "--yes"]);
}

/** Two of doctor's causes: a word that moon does not know, and a suspended bazel-remote. */
async function breakHost(box: DocsBox, record: (name: string) => Promise<void>): Promise<void> {
  appendFileSync(join(box.home, ".profile"), "export MOON_CACHE=read-only\n");
  const file = readFileSync(join(box.home, ".local/state/warmbox/run/bazel-remote.pid"), "utf8");
  const pid = Number(/^daemon (\d+)/m.exec(file)?.[1]);
  process.kill(pid, "SIGSTOP");
  try {
    await record("doctor");
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

/** Pages of docs/ with the given transcripts in place of theirs, by path from the project's directory. */
export function pagesWith(root: string, texts: ReadonlyMap<string, string>): Map<string, string> {
  const pages = new Map<string, string>();
  for (const entry of TRANSCRIPTS.filter(({ name }) => texts.has(name))) {
    const page = pages.get(entry.page) ?? readFileSync(join(root, entry.page), "utf8");
    pages.set(entry.page, withTranscript(page, entry as Transcript, texts.get(entry.name) ?? ""));
  }
  return pages;
}
