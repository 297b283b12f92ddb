#!/bin/sh
# Installs this checkout as a server on Debian or Ubuntu: files, packages, a user of its own, a systemd unit.
#
#     sudo deploy/install.sh                       into /opt/docent, data in /var/lib/docent
#     sudo deploy/install.sh --prefix /srv/docent  into another folder
#     deploy/install.sh --root DIR                 into a plain folder that stands for /: no user, no systemd, no apt
#
# Run again, it brings the files and packages up to date; data, settings and users stay as they are.
set -eu

prefix=/opt/docent
root=
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -ge 2 ] || fail '--prefix needs a folder.'; prefix=$2; shift 2 ;;
        --root) [ $# -ge 2 ] || fail '--root needs a folder.'; root=$2; shift 2 ;;
        *) fail "unknown option $1; the head of this file says how it is used." ;;
    esac
done
case $prefix in
    /*) ;;
    *) fail "--prefix must be a path from /, and $prefix is not." ;;
esac
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail 'run it as root, or with --root DIR to try it in a plain folder.'
home=$root$prefix

packages() {
    if python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        return
    fi
    [ -z "$root" ] || fail 'Python 3.11 or newer with venv is needed.'
    apt-get update -q
    apt-get install -q -y --no-install-recommends python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail 'this system has no Python 3.11 or newer.'
}

files() {
    [ "$source" != "$home" ] || return 0
    if [ -d "$home" ] && [ -n "$(ls -A "$home")" ] && [ ! -f "$home/deploy/install.sh" ]; then
        fail "$home holds something else than Docent; name another folder."
    fi
    mkdir -p "$home"
    # What an earlier version had and this one has not must go; the environment stays, start.py completes it.
    find "$home" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
    (cd "$source" && tar -cf - --exclude=./.git --exclude=./.venv --exclude=__pycache__ --exclude=./.carry .) |
        (cd "$home" && tar -xf - --no-same-owner)
}

environment() {
    (cd "$home" && python3 start.py setup)
    (cd "$home" && .venv/bin/python -m pip install -q --require-hashes -r requirements/server.lock)
}

account() {
    [ -z "$root" ] || return 0
    id docent >/dev/null 2>&1 ||
        useradd --system --home-dir /var/lib/docent --no-create-home --shell /usr/sbin/nologin docent
}

unit() {
    mkdir -p "$root/etc/systemd/system"
    sed "s|/opt/docent|$prefix|g" "$home/deploy/docent.service" >"$root/etc/systemd/system/docent.service"
    [ -n "$root" ] || systemctl daemon-reload
}

packages
files
environment
account
unit

docent="sudo -u docent env DOCENT_DATA_DIR=/var/lib/docent XDG_CONFIG_HOME=/var/lib/docent-config $prefix/.venv/bin/docent"
say "Docent is installed in $home. Next:"
say "  install -d -m 700 -o docent /var/lib/docent /var/lib/docent-config"
say "  $docent user add NAME --admin"
say "  server.host, allowed_hosts and TLS in /var/lib/docent/config.yaml (docs/serving.md), or a proxy"
say "  systemctl enable --now docent"
