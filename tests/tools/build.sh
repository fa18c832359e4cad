#!/bin/sh
# build.sh TREE: build the collection, install the archive as a user without network would, and ask for what it must hold.
set -eu
tree=$PWD/$1
rm -rf .cache/build
mkdir -p .cache/build/empty
cd .cache/build
: >empty/ansible.cfg
export ANSIBLE_CONFIG="$PWD/empty/ansible.cfg" ANSIBLE_HOME="$PWD/home" ANSIBLE_COLLECTIONS_PATH="$PWD/installed" ANSIBLE_LOCALHOST_WARNING=false
ansible-galaxy collection build --output-path . "$tree"
ansible-galaxy collection install --offline -p installed ./arcodange-erp-*.tar.gz
cd empty # so that nothing is found but what was installed

installed=$ANSIBLE_COLLECTIONS_PATH/ansible_collections/arcodange/erp
for plugin in "$tree"/plugins/modules/*.py; do
    ansible-doc -t module "arcodange.erp.$(basename "$plugin" .py)" >/dev/null
done
for playbook in "$tree"/playbooks/*.yml; do
    ansible-playbook --syntax-check -e env=sandbox "arcodange.erp.$(basename "$playbook" .yml)"
done
for path in tests benchmarks Makefile .venv .cache .sandbox; do
    [ ! -e "$installed/$path" ] || { echo "The archive holds $path: add it to build_ignore in galaxy.yml." >&2; exit 1; }
done
kilobytes=$(du -sk "$installed" | cut -f1)
echo "Installed: $kilobytes kB"
[ "$kilobytes" -lt 4096 ] || { echo "What is installed is larger than 4 MB: something does not belong there." >&2; exit 1; }
