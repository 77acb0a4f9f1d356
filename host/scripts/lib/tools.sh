# --- tools: the binaries that warmbox uploaded
# Needs: lib/paths.sh

# Prints the path of each version of tool $1, of both scopes. In a subshell: host_paths sets path_NAME.
uploaded_tools() (
  for WARMBOX_SCOPE in user system; do
    host_paths
    for path in "$path_tools/$1"/*/"$1"; do
      if [ -x "$path" ]; then printf '%s\n' "$path"; fi
    done
  done
)
