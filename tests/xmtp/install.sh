#!/usr/bin/env bash
# Installs the official XMTP SDKs and the Node they run on, and prints where: `tests/xmtp/install.sh`.
#
# They go to npm-xmtp-<hash of the lock file> in $CHANCERY_CACHE_DIR (else ~/.cache/chancery), outside the clone, whole or
# not at all. No script of a package runs: `node-linux-*` are the packages that the package `node` fetches by a script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${CHANCERY_CACHE_DIR:-${CHANCERY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/chancery}}
place=$cache/npm-xmtp-$(sha256sum package-lock.json | cut -c1-16)
if [ "${1:-}" = --where ] || [ -e "$place/node_modules" ]; then
  echo "$place"
  exit
fi

mkdir -p "$cache"
# What a run left that was killed; none takes as long.
find "$cache" -maxdepth 1 -name 'npm-xmtp-part-*' -mmin +10 -exec rm -rf {} +
part=$(mktemp -d "$cache/npm-xmtp-part-XXXXXX")
npm=
# npm ends with this script: it would go on filling what is removed here
clean() {
  if [ -n "$npm" ]; then kill "$npm" 2>/dev/null && wait "$npm" || true; fi
  rm -rf "$part"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
cp package.json package-lock.json .npmrc "$part"
# npm retries by itself, for about a minute where nobody answers
(cd "$part" && exec timeout --kill-after=5 240 npm ci --ignore-scripts --no-audit --no-fund >&2) &
npm=$!
wait "$npm"
npm=
# Each SDK carries its library for nine platforms, 400 MB: one is enough.
case $(uname -s)-$(uname -m) in
  Linux-x86_64) ours=linux-x64 ;;
  Linux-aarch64) ours=linux-arm64 ;;
  *) ours= ;;
esac
find "$part" -name 'bindings_node.*.node' ! -name "bindings_node.$ours*" -delete
# Somebody else may have been quicker.
mv -T "$part" "$place" 2>/dev/null || [ -e "$place/node_modules" ]
echo "$place"
