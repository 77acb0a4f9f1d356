/** Unit files of warmbox; a daemon in one of them is not a foreign process. */
const UNITS = /^(sccache|bazel-remote|warmbox-.*)\.service$/;

/** Ports of listening sockets that do not belong to a daemon of warmbox, sorted. */
export function foreignPorts(sockets: string[], processes: string[]): number[] {
  const inodes = ownInodes(processes);
  const ports = sockets.flatMap((line) => {
    const match = /^[0-9A-F]+:([0-9A-F]{4}) \d+ (\d+)$/.exec(line);
    return match && !inodes.has(match[2] ?? "") ? [Number.parseInt(match[1] ?? "", 16)] : [];
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Sockets of processes named by a pid file of warmbox, their children, and the processes of warmbox's units. */
function ownInodes(lines: string[]): Set<string> {
  const rows = lines.map((line) => line.split(" "));
  const pids = new Set(
    rows.filter(([type, , unit = ""]) => type === "process" && UNITS.test(unit)).map(([, pid]) => pid),
  );
  for (const [type, pid] of rows) if (type === "daemon") pids.add(pid);
  return new Set(
    rows.flatMap(([type, pid, inode]) => (type === "socket" && pids.has(pid) && inode ? [inode] : [])),
  );
}
