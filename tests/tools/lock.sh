#!/bin/sh
# Write the locks anew from requirements/*.in with the newest versions the index offers. Needs both ends: 3.11 and 3.12.
set -eu
cd "$(dirname "$0")/../.."
install() { .cache/lock/bin/pip install -qq --only-binary :all: "$@"; }
freeze() { .cache/lock/bin/pip freeze --exclude pip | grep '==' | LC_ALL=C sort -f; }

for version in 3.11 3.12; do
    end=py$(echo "$version" | tr -d .)
    python=$(sh tests/tools/python.sh "$version") || { echo "make locks needs Python $version." >&2; exit 2; }
    echo "Resolving for Python $version ..."
    rm -rf .cache/lock
    "$python" -m venv .cache/lock
    install -r requirements/pip.txt
    install -r requirements/run.in
    freeze >.cache/run.txt
    install -r requirements/test.in -c .cache/run.txt
    freeze | grep -vxF -f .cache/run.txt >.cache/test.txt
    for name in run test; do
        { echo "# Written by \`make locks\` from $name.in; do not edit."; cat ".cache/$name.txt"; } >"requirements/$name-$end.txt"
    done
done
echo "Resolving the peers of the benchmark ..."
rm -rf .cache/lock
"$python" -m venv .cache/lock
install -r requirements/pip.txt
install -r requirements/bench.in
{ echo "# Written by \`make locks\` from bench.in; do not edit."; freeze; } >requirements/bench.txt
rm -rf .cache/lock .cache/run.txt .cache/test.txt
git --no-pager diff --stat -- requirements
