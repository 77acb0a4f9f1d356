# --- ports: the TCP sockets that listen on this host, from /proc/net/tcp

# Prints each TCP port that a process listens on, hexadecimal, with the inode of its socket, a line each.
port_listeners() {
  awk '$4 == "0A" { print substr($2, length($2) - 3), $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Does a process listen on port $1, on any address?
port_is_open() { port_listeners | grep -q "^$(printf '%04X' "$1" 2>/dev/null) "; }
