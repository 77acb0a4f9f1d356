/** What host/scripts/warm.sh says, one line at a time. */
export type WarmEvent =
  | { kind: "plan"; step: number; command: string }
  | { kind: "step"; step: number }
  | { kind: "out"; text: string }
  | { kind: "alone"; step: number }
  | { kind: "beat"; step: number; seconds: number }
  | { kind: "ended"; step: number; seconds: number; code: number }
  | { kind: "result"; result: "warm" | "filled" | "busy" | "failed"; why: string };

const RESULTS = ["warm", "filled", "busy", "failed"] as const;

/** One line of the script, or null if another program printed it (a login banner). */
export function warmEvent(line: string): WarmEvent | null {
  const [kind = "", first = "", ...rest] = line.startsWith("|") ? line.slice(1).split(" ") : [];
  switch (kind) {
    case "plan":
      return { kind, step: Number(first), command: rest.join(" ") };
    case "step":
    case "alone":
      return { kind, step: Number(first) };
    case "out":
      return { kind, text: [first, ...rest].join(" ") };
    case "beat":
      return { kind, step: Number(first), seconds: Number(rest[0]) };
    case "ended":
      return { kind, step: Number(first), seconds: Number(rest[0]), code: Number(rest[1]) };
    case "result": {
      const result = RESULTS.find((word) => word === first);
      return result === undefined ? null : { kind, result, why: rest.join(" ") };
    }
    default:
      return null;
  }
}

/** What one workspace came to. */
export type Warmed = {
  workspace: string;
  /** `warm`: it was, so nothing was done; `filled`; `busy`: another run is at it; `failed`. */
  result: "warm" | "filled" | "busy" | "failed";
  /** The commit, or what went wrong. */
  why: string;
  /** A moon of a step went without its remote cache, as it said itself: tier 2 got nothing from it. */
  withoutRemote: boolean;
  /** Steps that ran now. */
  steps: { command: string; seconds: number; code: number }[];
};

/** Gathers events into what the workspace came to. */
export class Gathered {
  private readonly commands = new Map<number, string>();
  readonly warmed: Warmed;

  constructor(workspace: string) {
    this.warmed = {
      workspace,
      result: "failed",
      why: "its response was truncated",
      withoutRemote: false,
      steps: [],
    };
  }

  /** How many steps there are in all, and the command of one. */
  get total(): number {
    return this.commands.size;
  }

  command(step: number): string {
    return this.commands.get(step) ?? "";
  }

  take(event: WarmEvent): void {
    if (event.kind === "plan") this.commands.set(event.step, event.command);
    if (event.kind === "ended") {
      const { seconds, code } = event;
      this.warmed.steps.push({ command: this.command(event.step), seconds, code });
    }
    if (event.kind === "alone") this.warmed.withoutRemote = true;
    if (event.kind === "result") Object.assign(this.warmed, { result: event.result, why: event.why });
  }
}
