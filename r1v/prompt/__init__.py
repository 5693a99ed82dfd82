"""Messages and images in, token ids and tiles out; generated ids in, thinking and answer out.

Needs numpy, PIL, tokenizers and Jinja; torch is loaded only when a tensor is made.
"""

from r1v.prompt.conversation import split_reasoning
from r1v.prompt.images import ImageLimits, image_size, open_image
from r1v.prompt.processor import Processor, Prompt, PromptLimits, SpecialIds
from r1v.prompt.refusal import is_refusal
from r1v.prompt.template import ChatTemplate
from r1v.prompt.thinking import (
    CLOSE_TEXT,
    NO_MARKERS,
    OPEN_TEXT,
    UNKNOWN_ID,
    IdSegmenter,
    SegmentPiece,
    TextSegmenter,
    TextUnit,
    ThinkingMarkers,
    split_text,
)
from r1v.prompt.tiling import (
    TilingConfig,
    choose_grid,
    count_tiles,
    normalise,
    share_tiles,
    tile_image,
)
from r1v.prompt.tokenizer import TextTokenizer

__all__ = [
    "CLOSE_TEXT",
    "NO_MARKERS",
    "OPEN_TEXT",
    "UNKNOWN_ID",
    "ChatTemplate",
    "IdSegmenter",
    "ImageLimits",
    "Processor",
    "Prompt",
    "PromptLimits",
    "SegmentPiece",
    "SpecialIds",
    "TextSegmenter",
    "TextTokenizer",
    "TextUnit",
    "ThinkingMarkers",
    "TilingConfig",
    "choose_grid",
    "count_tiles",
    "image_size",
    "is_refusal",
    "normalise",
    "open_image",
    "share_tiles",
    "split_reasoning",
    "split_text",
    "tile_image",
]

# modules whose public names other packages may import as well
MODULES = (
    "geometry",
    "tiling",
)
