#!/bin/sh
# Installs AI Server for this user, upgrades it, or removes it: ./install.sh --help tells how.
#
# This part finds a Python and the installer's files; the rest is ops/install. Lying in a checkout it installs that one.
# Alone, it needs --from: a checkout, a wheel, or a package's name. POSIX sh: no bash is needed.
set -eu

OLDEST="3.11"

main() {
  folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  source=$(wanted_source "$@")
  python=$(find_python) || no_python
  scratch=""
  trap '[ -z "$scratch" ] || rm -rf -- "$scratch"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [ -f "$folder/ops/install/__main__.py" ]; then
    home=$folder
  elif [ -n "$source" ] && [ -f "$source/ops/install/__main__.py" ]; then
    home=$source
  else
    fetch "$source"
    home=$scratch
  fi
  # -P and -B: nothing is imported from the current directory, nothing is written into the checkout.
  code=0
  PYTHONPATH=$home "$python" -P -B -m ops.install "$@" || code=$?
  exit "$code"
}

# The value of --from; empty if it is not given.
wanted_source() {
  found=""
  previous=""
  for word in "$@"; do
    case $word in --from=*) found=${word#--from=} ;; esac
    [ "$previous" != --from ] || found=$word
    previous=$word
  done
  printf '%s' "$found"
}

find_python() {
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python \
    /opt/homebrew/bin/python3 /usr/local/bin/python3; do
    if fits "$name"; then
      printf '%s' "$name"
      return 0
    fi
  done
  name=$(from_uv)
  fits "$name" && printf '%s' "$name"
}

fits() {
  [ -n "$1" ] && command -v "$1" >/dev/null 2>&1 &&
    "$1" -c 'import sys, ssl; sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))' "$OLDEST" 2>/dev/null
}

# A Python that uv has already; nothing is downloaded.
from_uv() {
  command -v uv >/dev/null 2>&1 || return 0
  uv python find --no-python-downloads ">=$OLDEST" 2>/dev/null || true
}

no_python() {
  {
    echo "install: AI Server needs Python $OLDEST or newer, and there is none here. One of these brings it:"
    case $(uname -s) in
      Darwin) echo "  brew install python@3.13" ;;
      *)
        echo "  apt-get install python3 python3-pip     (Debian 12, Ubuntu 24.04 or newer)"
        echo "  dnf install python3.12 python3.12-pip   (Fedora, RHEL)"
        ;;
    esac
    echo "  uv python install 3.13                  (anywhere uv is)"
    echo "Then run this again, or name one: PYTHON=/path/to/python3 ./install.sh"
  } >&2
  exit 1
}

# The installer's files out of a wheel or a package, into a directory that is removed at the end.
fetch() {
  if [ -z "$1" ]; then
    echo "install: this script does not lie in a checkout of AI Server: say what to install with --from" >&2
    exit 1
  fi
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/ai-server-install.XXXXXX")
  if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --no-deps --python "$python" --target "$scratch" "$1" || fetch_failed
  else
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$scratch" "$1" || fetch_failed
  fi
  [ -f "$scratch/ops/install/__main__.py" ] || fetch_failed
}

fetch_failed() {
  echo "install: AI Server could not be read from what --from names; the reason stands above" >&2
  exit 1
}

main "$@"
