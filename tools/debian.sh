#!/bin/sh
# What some tests need and PyPI does not have, from Debian's packages: a browser, a command-line client, a counter of instructions.
# As root on a Debian it is installed; elsewhere this says what is missing, and those tests are skipped, saying so.
set -eu
missing=
for pair in curl:curl chromium:chromium valgrind:valgrind; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Debian's packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >/dev/null
else
    echo "Tests that need these are skipped, for want of:$missing (apt-get install$missing)"
fi
