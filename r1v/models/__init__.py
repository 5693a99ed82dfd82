"""The model itself, and its checkpoints: one definition for inference and training.

Enters: folders or hub names, tensors. Leaves: R1V modules and their logits.
"""

from r1v.models.checkpoint import load, load_language, load_vision, save
from r1v.models.config import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.config_json.read import read_config
from r1v.models.config_json.write import write_native, write_release, write_text
from r1v.models.convert import convert
from r1v.models.hub import resolve_model
from r1v.models.language import LanguageModel
from r1v.models.r1v import R1V, check_image_tokens
from r1v.models.vision import VisionTower

__all__ = [
    "R1V",
    "LanguageConfig",
    "LanguageModel",
    "R1VConfig",
    "VisionConfig",
    "VisionTower",
    "check_image_tokens",
    "convert",
    "load",
    "load_language",
    "load_vision",
    "read_config",
    "resolve_model",
    "save",
    "write_native",
    "write_release",
    "write_text",
]

# modules whose public names other packages may import as well
MODULES = (
    "adapter",
    "assemble",
    "checkpoint",
    "config",
    "config_json.read",
    "convert",
    "gguf.convert",
    "gguf.file",
    "gguf.names",
    "hub",
    "language",
    "names",
    "quantised",
    "reward",
    "summary",
    "tensor_files",
    "thinking",
    "vision",
)
