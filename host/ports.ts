/** Unit files of ours; a daemon in one of them is not a stranger. */
const UNITS = /^(sccache|bazel-remote|warmbox-.*)\.service$/;

/** Ports of listening sockets that do not belong to a daemon of ours, sorted. */
export function foreignPorts(sockets: string[], processes: string[]): number[] {
  const ours = ownInodes(processes);
  const ports = sockets.flatMap((line) => {
    const match = /^[0-9A-F]+:([0-9A-F]{4}) \d+ (\d+)$/.exec(line);
    return match && !ours.has(match[2] ?? "") ? [Number.parseInt(match[1] ?? "", 16)] : [];
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Sockets of processes named by a pid file of ours, their children, and the processes of our units. */
function ownInodes(lines: string[]): Set<string> {
  const words = lines.map((line) => line.split(" "));
  const pids = new Set(
    words.filter(([what, , unit = ""]) => what === "process" && UNITS.test(unit)).map(([, pid]) => pid),
  );
  for (const [what, pid] of words) if (what === "ours") pids.add(pid);
  return new Set(
    words.flatMap(([what, pid, inode]) => (what === "socket" && pids.has(pid) && inode ? [inode] : [])),
  );
}
