#!/bin/sh
# Print the path of a working Python.
#   python.sh            the one to set up with: $PYTHON, else the one .venv was made with, else the first of 3.11 or newer
#   python.sh 3.12 3.13  the first of exactly these versions; nothing and status 1 where there is none
# Every candidate is executed: a pyenv shim can exist and fail.
set -u
cd "$(dirname "$0")/../.." || exit 2

base_of() { # <command> <version, or nothing for any>: prints the interpreter outside of virtual environments
    "$1" - "$2" 2>/dev/null <<'EOF'
import os, sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11) or (sys.argv[1] and sys.argv[1] != version):
    sys.exit(1)
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
EOF
}

if [ $# -gt 0 ]; then
    for version in "$@"; do
        for candidate in "python$version" "/usr/bin/python$version" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python"$version"; do
            base_of "$candidate" "$version" && exit 0
        done
    done
    exit 1
fi

if [ -n "${PYTHON:-}" ]; then
    base_of "$PYTHON" "" && exit 0
    echo "PYTHON=$PYTHON is not a working Python 3.11 or newer." >&2
    exit 2
fi
for candidate in .venv/bin/python python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9].*/bin/python3; do
    base_of "$candidate" "" && exit 0
done
echo "No working Python 3.11 or newer was found: install one, or name it with PYTHON=/path/to/python3." >&2
exit 2
