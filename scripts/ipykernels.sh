#!/usr/bin/env bash
# Live views under other versions of ipykernel, each in an environment of its own; run by hand.
#   scripts/ipykernels.sh [VERSION ...]
# Under 7.0.0 each test passes in a kernel of its own (pytest -k); under it and 7.0.1 a kernel that runs them all
# one after the other often stops answering; why is not known.
set -euo pipefail
cd "$(dirname "$0")/.."
home=${HOMES:-$(mktemp -d)}
for version in "${@:-6.29.5 7.1.0 7.4.0}"; do
  for each in $version; do
    [ -x "$home/$each/bin/pytest" ] || {
      python3 -m venv "$home/$each"
      "$home/$each/bin/pip" install -q "ipykernel==$each" nbclient -e '.[cli,demo]' hypothesis pytest pytest-asyncio pytest-timeout
    }
    echo "ipykernel $each"
    "$home/$each/bin/pytest" -q -p no:cacheprovider tests/notebook/test_kernel.py
  done
done
