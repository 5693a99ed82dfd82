"""Makes quantised checkpoints and measures their quality. `models` reads them."""

from r1v.quant.quantise import QuantConfig, quantise_checkpoint

__all__ = ["QuantConfig", "quantise_checkpoint"]
