#!/bin/sh
# Some tests need programs that PyPI does not have: browsers with what drives them, curl, dnsmasq, chrony as a time server, mosquitto as
# an MQTT broker, iproute2 for networks of the tests' own, certutil, with which Chromium trusts the tests' certificates, and valgrind to
# count instructions. Run by root on Debian, this installs them. Elsewhere it prints the missing ones, and the tests that need them are
# skipped with a reason.
set -eu
missing=
PATH=$PATH:/usr/sbin
for pair in curl:curl chromium:chromium chromedriver:chromium-driver firefox-esr:firefox-esr WebKitWebDriver:webkit2gtk-driver \
    Xvfb:xvfb valgrind:valgrind chronyd:chrony dnsmasq:dnsmasq-base ip:iproute2 \
    certutil:libnss3-tools mosquitto:mosquitto mosquitto_pub:mosquitto-clients; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -qq -y --no-install-recommends $missing >/dev/null
else
    echo "These are missing, and the tests that need them are skipped:$missing (apt-get install$missing)"
fi
