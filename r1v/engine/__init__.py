"""Token ids in, token ids out: continuous batching over a paged cache.

`Engine(model, config, ids)`: `add(request) -> request id`, `step() -> outputs`, `cancel(request id)`,
`has_work`, `weights_changed()`. One thread uses an engine at a time. `Sequence` and `Sampler` are what the
engine decides with; loops of other libraries that follow our settings use them as well.
"""

from r1v.engine.config import EngineConfig, EngineIds, default_num_seqs
from r1v.engine.engine import Engine, EngineStats
from r1v.engine.request import EngineOutput, EngineRequest, TokenMask
from r1v.engine.sampler import Row, Sampled, Sampler, mix
from r1v.engine.sequence import Sequence
from r1v.engine.thinking import LoopConfig, LoopDetector

__all__ = [
    "Engine",
    "EngineConfig",
    "EngineIds",
    "EngineOutput",
    "EngineRequest",
    "EngineStats",
    "LoopConfig",
    "LoopDetector",
    "Row",
    "Sampled",
    "Sampler",
    "Sequence",
    "TokenMask",
    "default_num_seqs",
    "mix",
]
