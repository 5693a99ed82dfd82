"""Token ids in, token ids out: continuous batching over a paged cache.

`Engine(model, config, ids)`: `add(request) -> request id`, `step() -> outputs`, `cancel(request id)`,
`has_work`, `weights_changed()`. One thread uses an engine at a time.
"""

from r1v.engine.config import EngineConfig, EngineIds, default_num_seqs
from r1v.engine.engine import Engine, EngineStats
from r1v.engine.request import EngineOutput, EngineRequest, TokenMask

__all__ = [
    "Engine",
    "EngineConfig",
    "EngineIds",
    "EngineOutput",
    "EngineRequest",
    "EngineStats",
    "TokenMask",
    "default_num_seqs",
]
