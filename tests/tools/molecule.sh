#!/bin/sh
# Every molecule scenario, in a copy of the clone so that a sandbox running in the clone is left alone.
set -eu
tree=$PWD/.cache/molecule/ansible_collections/arcodange/erp
python tests/tools/tree.py "$tree"
cd "$tree"
export ANSIBLE_CONFIG="$tree/ansible.cfg" ANSIBLE_COLLECTIONS_PATH="$PWD/../../.."
molecule reset >/dev/null 2>&1 || true # what an earlier run that was stopped left behind
molecule test --all --report
