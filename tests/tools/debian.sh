#!/bin/sh
# Install the real servers and the browser for `make test-real`, without letting any server start by itself.
set -eu
packages="ceph-mon ceph-osd radosgw postgresql pgbouncer restic zstd jq chromium chromium-driver"

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "make test-real installs and starts real servers and a browser ($packages): run it as root on Debian." >&2
    exit 2
fi
missing=
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing$missing (one or two minutes) ..."
no_cluster=/etc/postgresql-common/createcluster.d/arcodange-erp.conf
no_start=/usr/sbin/policy-rc.d
log=.cache/logs/debian.log
mkdir -p .cache/logs /etc/postgresql-common/createcluster.d
echo "create_main_cluster = false" >"$no_cluster"
if [ -e "$no_start" ]; then no_start=; else printf '#!/bin/sh\nexit 101\n' >"$no_start" && chmod +x "$no_start"; fi
trap 'rm -f "$no_cluster" $no_start' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } </dev/null >"$log" 2>&1; then
    tail -20 "$log"
    echo "apt-get could not install$missing; everything it said is in $log." >&2
    exit 2
fi
