"""What each of vLLM's workers does with the weights that a trainer sends.

Enters: blocks of tensors under the names of the release's layout. Leaves: the same model with other weights.
Always holds: a block's tensors are copied before they are used, because vLLM keeps them until their layer is
complete. vLLM adds this class to its worker (``worker_extension_cls``), so its methods see the worker's own
attributes; their names begin with ``r1v``, as both share one namespace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from r1v.train.rollout.blocks import Laid, device_uuid, read

NAME = "r1v.train.rollout.vllm_worker.WeightReceiver"


class WeightReceiver:
    """Methods of a vLLM worker."""

    def r1v_devices(self) -> list[str]:
        """The GPUs that this worker can read from."""
        if not torch.cuda.is_available():
            return []
        return [device_uuid(number) for number in range(torch.cuda.device_count())]

    def r1v_begin_weights(self) -> None:
        """Other weights are coming."""
        from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

        with self._r1v_configured():
            initialize_layerwise_reload(self._r1v_model)

    def r1v_take_block(self, place: dict[str, Any], laid: Sequence[Sequence[Any]], content: bytes) -> str:
        """Take a block's tensors. Returns "", or why the block cannot be opened."""
        try:
            device = self.device if self.device.type == "cuda" else torch.device("cpu")  # type: ignore[attr-defined]
            tensors = read(place, [Laid(*one) for one in laid], content, device)
        except (OSError, RuntimeError) as error:
            return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        with self._r1v_configured():
            self._r1v_model.load_weights(tensors)
        return ""

    def r1v_end_weights(self) -> None:
        """All have come."""
        from vllm.model_executor.model_loader.reload import finalize_layerwise_reload

        with self._r1v_configured():
            finalize_layerwise_reload(self._r1v_model, self.vllm_config.model_config)  # type: ignore[attr-defined]
        if not torch.cuda.is_available():
            # on a CPU vLLM multiplies by a packed copy of the output matrix, which it does not renew for a
            # tied model
            head = getattr(self._r1v_model, "language_model", self._r1v_model).lm_head
            head.quant_method.process_weights_after_loading(head)

    @property
    def _r1v_model(self) -> Any:
        return self.model_runner.get_model()  # type: ignore[attr-defined]

    def _r1v_configured(self) -> Any:
        from vllm.config import set_current_vllm_config

        return set_current_vllm_config(self.vllm_config)  # type: ignore[attr-defined]
