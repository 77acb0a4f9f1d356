# --- frame: how a script answers, and what each of them needs

# A script's answer has sections, `@@warmbox NAME [ARGS]`, each with its lines behind a `|`.
print_section() { printf '@@warmbox %s\n' "$*"; }
print_fact() { printf '|%s\n' "$*"; }

has_program() { command -v "$1" >/dev/null 2>&1; }

# run_bounded SECONDS COMMAND…
run_bounded() { if has_program timeout; then timeout -s KILL "$@"; else shift && "$@"; fi; }

# Prints $1 as an absolute path: a relative one is below HOME.
absolute_path() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "${HOME%/}/$1" ;; esac }
