/** Transcripts in the pages of docs/: output of real commands, between two comment lines. */
import type { DocsBox } from "./box.ts";

/** A transcript: `isStable` if every run prints the same text, so that a test can compare it. */
export type Transcript = {
  readonly name: string;
  readonly page: string;
  readonly command: string;
  readonly isStable: boolean;
  /** Whether the command starts Pulumi, which takes seconds. */
  readonly needsEngine?: boolean;
  /** Removes what is not worth showing. */
  readonly edit?: (output: string) => string;
};

const END = "<!-- recorded end -->";
const begin = (name: string): string => `<!-- recorded: ${name} -->`;

/** Said below each transcript that no test compares. */
export const NOT_COMPARED =
  "<sub>Recorded by `./warmbox docs --record`. No test compares it: times and sizes differ.</sub>";

/** Longest line of a preview that a page shows: scripts have longer ones. */
const COLUMNS = 130;

const help = (command: string, page: string): Transcript => ({
  name: `help ${command}`,
  page,
  command: `${command} --help`,
  isStable: true,
});

/** Every transcript. Those that need a provisioned host are recorded in this order, see record.ts. */
export const TRANSCRIPTS: readonly Transcript[] = [
  help("plan", "docs/sizing.md"),
  {
    name: "preview of a declared host",
    page: "docs/preview.md",
    command: "preview --stack forge",
    isStable: true,
    needsEngine: true,
    edit: withoutOrder,
  },
  {
    name: "plan",
    page: "docs/sizing.md",
    command: "plan --ram 126GiB --cpus 32 --disk 1TiB --agents 40 --active 10",
    isStable: true,
  },
  { name: "help", page: "docs/operations.md", command: "--help", isStable: true },
  help("warm", "docs/operations.md"),
  help("status", "docs/operations.md"),
  help("doctor", "docs/operations.md"),
  help("prove", "docs/operations.md"),
  {
    name: "up",
    page: "docs/getting-started.md",
    command: "up --yes",
    isStable: false,
    edit: withoutProgress,
  },
  { name: "status", page: "docs/operations.md", command: "status", isStable: false },
  { name: "prove", page: "docs/operations.md", command: "prove", isStable: false },
  { name: "preview of a drift", page: "docs/preview.md", command: "preview --diff", isStable: false },
  { name: "preview of a size", page: "docs/preview.md", command: "preview --diff", isStable: false },
  { name: "doctor", page: "docs/operations.md", command: "doctor", isStable: false },
];

/** Runs the command of a transcript and resolves with the text that its page shows. */
export async function recordTranscript(box: DocsBox, { command, edit }: Transcript): Promise<string> {
  const output = await box.run(command.split(" "), /^(up|preview)\b/.test(command));
  const lines = (edit?.(output) ?? output).trim().split("\n");
  const shortened = command.startsWith("preview")
    ? lines.map(shortLine)
    : lines.map((line) => line.trimEnd());
  return [`$ ./warmbox ${command}`, ...shortened].join("\n");
}

function shortLine(line: string): string {
  const text = line.trimEnd();
  return text.length <= COLUMNS ? text : `${text.slice(0, COLUMNS - 1)}…`;
}

/** The text of a page's transcript, without its fences; empty if none was recorded. */
export function transcriptOf(page: string, name: string): string {
  const { start, end } = rangeOf(page, name);
  return /```text\n([\s\S]*?)\n```/.exec(page.slice(start, end))?.[1] ?? "";
}

/**
 * A page with another text for one transcript.
 * @throws Error if the page has no place for it
 */
export function withTranscript(page: string, { name, isStable }: Transcript, text: string): string {
  const { start, end } = rangeOf(page, name);
  const note = isStable ? "" : `\n${NOT_COMPARED}\n`;
  return `${page.slice(0, start)}\n\`\`\`text\n${text}\n\`\`\`\n${note}${page.slice(end)}`;
}

function rangeOf(page: string, name: string): { start: number; end: number } {
  const mark = begin(name);
  const start = page.indexOf(`${mark}\n`);
  const end = page.indexOf(END, start);
  if (start < 0 || end < 0)
    throw new Error(`no place for the transcript ${name}; next: add the lines ${mark} and ${END}`);
  return { start: start + mark.length + 1, end };
}

/** What Pulumi prints of an update, without its dots, its started steps and the outputs. */
function withoutProgress(output: string): string {
  const update = output.slice(output.indexOf("Updating ("));
  return update
    .replace(/^Outputs:\n(?: .*\n)+/m, "")
    .split("\n")
    .filter((line) => !/^@|\bcreating \(0s\)/.test(line))
    .map((line) => line.replace(/^ \+ {2}command:local:Command this-proof creating \(\d+s\) ?/, "      "))
    .filter((line) => !/this-proof created|^\s*$/.test(line))
    .join("\n");
}

/** A preview without its dots, with the resources by name: Pulumi prints them in the order in which they arrive. */
function withoutOrder(output: string): string {
  const start = output.indexOf("Previewing update");
  const [title = "", ...lines] = output.slice(start).split("\n");
  const resources = lines.filter((line) => /^ [+~-] {2}\S+ \S+ create $/.test(line)).toSorted();
  return [title, "", ...new Set(resources), output.slice(output.indexOf("Diagnostics:"))].join("\n");
}
