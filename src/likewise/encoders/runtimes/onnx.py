"""A network run by ONNX Runtime: on every machine, in float32, or int8 as the file says."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from likewise.encoders.runtimes import Normalised, Running
from likewise.errors import WeightsError
from likewise.types import Embeddings


class OnnxRuntime:
    """See `Network`."""

    def __init__(self, path: Path, taken: Running) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = taken.threads
        options.log_severity_level = 3
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # waiting threads would take time from decoding
        try:
            self._session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own kinds, none of them documented
            told = str(error).strip().splitlines()[0][:200]
            raise WeightsError(f"{path} is no network that ONNX Runtime can load ({told}): export it anew") from error
        self._input = self._session.get_inputs()[0].name
        self.running = taken

    def __call__(self, batch: Normalised) -> Embeddings:
        """See `Network`."""
        return cast("Embeddings", self._session.run(None, {self._input: batch})[0])
