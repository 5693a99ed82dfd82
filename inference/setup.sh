#!/bin/bash
# Installs r1v and transformers into the active environment. An environment of conda with an older Python than
# r1v needs gets Python 3.12; PIP_OPTIONS are passed on to pip.
set -eu
cd "$(dirname "$0")/.."

new_enough() { python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; }

if ! new_enough; then
    if [ -z "${CONDA_PREFIX:-}" ]; then
        echo "r1v needs Python 3.11 or later, this is $(python -V): make the environment anew with it" >&2
        exit 1
    fi
    echo "r1v needs Python 3.11 or later, this is $(python -V): conda puts 3.12 into $CONDA_PREFIX"
    conda install --yes python=3.12
    hash -r
fi
# shellcheck disable=SC2086 # several options in one variable
python -m pip install ${PIP_OPTIONS:-} -e '.[transformers]'
