#!/bin/sh
# Environments of their own, on a CPU, for what docs/guides/quantise.md is measured with:
#   benchmarks/peers/quantisers.sh FOLDER
# FOLDER/llmcompressor makes AWQ checkpoints: R1V_LLMCOMPRESSOR_PYTHON=FOLDER/llmcompressor/bin/python
# FOLDER/gptqmodel has transformers with the kernels that its AWQ needs: R1V_GPTQMODEL_PYTHON=FOLDER/gptqmodel/bin/python
# PYTHON names the interpreter, PIP_OPTIONS what pip is told (default: torch's index of CPU builds). About 3 GB.
set -eu
folder=${1:?give the folder to make them in}
options=${PIP_OPTIONS---extra-index-url https://download.pytorch.org/whl/cpu}
python=${PYTHON:-python3}

# shellcheck disable=SC2086
install() { environment=$1; shift; "$folder/$environment/bin/python" -m pip install --quiet --disable-pip-version-check $options "$@"; }

"$python" -m venv "$folder/llmcompressor"
install llmcompressor 'torch==2.13.0+cpu' 'llmcompressor==0.14.0.1'

# gptqmodel asks for a torch that has no build for CPUs alone beside transformers' here, and runs with this one
"$python" -m venv "$folder/gptqmodel"
install gptqmodel 'torch==2.13.0+cpu' 'transformers==5.24.0' accelerate pillow datasets protobuf ninja torchao threadpoolctl \
    'setuptools>=77' wheel
install gptqmodel --no-deps --no-build-isolation 'gptqmodel==7.7.0' device-smi pypcre tokenicer logbar defuser
