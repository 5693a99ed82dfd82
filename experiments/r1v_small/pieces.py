"""A GGUF file in pieces, for a machine that files reach only one small one at a time.

    python experiments/r1v_small/pieces.py MODEL.gguf --out pieces --mib 24
    cat pieces/piece-* > model.gguf    # over there

Where the file holds one matrix twice, as the embedding and, rounded more finely, as the output matrix, the
finer one alone is taken along, which is the one that `r1v convert` takes too; no value is changed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import gguf

EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"


def without_the_coarser(source: Path, target: Path) -> bool:
    """Write the file with its output matrix as the embedding; False, and nothing, where it has none."""
    reader = gguf.GGUFReader(source)
    if not any(tensor.name == OUTPUT for tensor in reader.tensors):
        return False
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            own, *inner = field.types
            writer.add_key_value(field.name, field.contents(), own, inner[-1] if inner else None)
    for tensor in reader.tensors:
        if tensor.name != EMBEDDING:
            name = EMBEDDING if tensor.name == OUTPUT else tensor.name
            writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return True


def cut(source: Path, folder: Path, size: int) -> int:
    """Write the file as pieces of at most so many bytes; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    with source.open("rb") as file:
        while block := file.read(size):
            (folder / f"piece-{number:03}").write_bytes(block)
            number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pieces; must not be there")
    parser.add_argument("--mib", type=int, default=24, help="of a piece")
    args = parser.parse_args()
    if args.out.exists():
        raise SystemExit(f"{args.out} is there already; remove it or name another folder")
    with tempfile.TemporaryDirectory() as scratch:
        smaller = Path(scratch) / "model.gguf"
        source = smaller if without_the_coarser(args.file, smaller) else args.file
        size, number = source.stat().st_size, cut(source, args.out, args.mib << 20)
    print(f"wrote {number} pieces, {size / 1e6:.1f} MB instead of {args.file.stat().st_size / 1e6:.1f}")


if __name__ == "__main__":
    main()
