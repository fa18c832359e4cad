#!/bin/sh
# play.sh BIN: what a newcomer types, in a copy of the clone so that a sandbox running in the clone is left alone.
set -eu
bin=$1
copy=.cache/play$(basename "$(dirname "$bin")")
python tests/tools/tree.py "$copy"
cd "$copy"
export ANSIBLE_CONFIG="$PWD/ansible.cfg"
make="make --no-print-directory VENV=$(dirname "$bin") PYTHON=$bin/python"
fail() { echo "$*" >&2; exit 1; }
trap '$make sandbox-stop' EXIT

rm -rf .sandbox
$make sandbox

echo "=== again"
said=$($make sandbox) || fail "$said"
echo "$said"
case $said in *changed=[1-9]*) fail "The second run changed something." ;; esac

echo "=== damage and restore"
$make demo

echo "=== an environment that does not exist"
said=$("$bin/ansible-playbook" playbooks/backup.yml -e env=absent 2>&1) && fail "$said" "It was backed up."
echo "$said"
case $said in *Traceback*) fail "It ended in a traceback." ;; esac

echo "=== stop"
$make sandbox-stop
trap - EXIT
# shellcheck disable=SC2009 # pgrep is not everywhere
if ps -eo pid,args | grep -F "$PWD/.sandbox" | grep -v grep; then fail "These are left running."; fi
