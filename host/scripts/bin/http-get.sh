#!/bin/sh
# Written by warmbox: http-get HOST PORT /PATH [SECONDS] prints what a service of this host answers.
# Needs: lib/http.sh

http_get "$1" "$2" "$3" "${4:-5}"
