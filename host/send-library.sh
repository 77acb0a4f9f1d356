#!/bin/sh
# The sender's place before 0.2: the state of a stack that was applied then names it, and `destroy` runs what the state names.
exec /bin/sh "${0%/*}/scripts/send-library.sh" "$@"
