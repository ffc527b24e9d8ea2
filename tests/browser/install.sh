#!/usr/bin/env bash
# Installs the distribution's Chromium for the tests in a browser, where that takes no password. Never fails.
command -v chromium >/dev/null && exit 0
as_root=$([ "$(id -u)" = 0 ] || echo "sudo -n")
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
  timeout 300 $as_root apt-get update -qq && timeout 300 $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
command -v chromium >/dev/null || echo "install.sh: no Chromium could be installed; the tests in a browser are skipped" >&2
exit 0
