#!/bin/sh
# A double of signet-signer, for tests: P-256 keys in files beside this, and no person. It says and does what the file `mode`
# beside it says. The work is done by the test binary, which writes to descriptor 3 what a signer writes to stdout.
here=$(dirname "$0")
echo "$*" >> "$here/calls"
env >> "$here/environment"
case $(cat "$here/mode" 2>/dev/null) in
  cancelled) echo "error: authentication cancelled by user" >&2; exit 2 ;;
  broken) printf 'error: key not found: \033[2Jx\nsecond line\n' >&2; exit 1 ;;
  slow) exec sleep 60 ;;
  chatter) echo "Welcome!"; exit 0 ;;
  silent) exit 0 ;;
  flood) exec head -c 10000000 /dev/zero ;;
esac
ACT="$*" IN="$here" exec "$here/binary" --exact the_double_answers_when_told_to --nocapture --quiet 3>&1 >/dev/null
