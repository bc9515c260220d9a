#!/bin/sh
# What the tests drive from outside: a real Prometheus, Alertmanager and browser. On Debian as root they are installed;
# elsewhere a line says how, and the tests that need one are skipped. Exits with 1 where something is still missing.
set -u

missing=""
have() { command -v "$1" >/dev/null 2>&1; }
want() { have "$1" || missing="$missing $2"; }
want promtool prometheus
want prometheus prometheus
have amtool && { have prometheus-alertmanager || have alertmanager; } || missing="$missing prometheus-alertmanager"
have chromium || have chromium-browser || have google-chrome || missing="$missing chromium"
[ -n "$missing" ] || exit 0

missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
if have apt-get && [ "$(id -u)" = 0 ]; then
  echo "installing for the tests: $missing"
  # In runlevel 1 a package starts no daemon.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  if apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1; then
    exit 0
  fi
  echo "they could not be installed: tests that need them will be skipped"
else
  echo "tests that need these will be skipped; on Debian: sudo apt-get install $missing"
fi
exit 1
