"""A network in int8: products of bytes, with ranges fitted on real pictures; what lies between them stays float32."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from likewise import images
from likewise.errors import BadArgument, MissingExtra, WeightsError
from likewise.types import Pixels, Recipe

if TYPE_CHECKING:
    from likewise.encoders.runtimes import Normalised

_BATCH = 8
_PRODUCTS = ("Conv", "MatMul", "Gemm")
LEAST = 16
"""Pictures that ranges are fitted on, at least."""


def quantise(
    source: Path, target: Path, pixels: Pixels, recipe: Recipe, notes: Mapping[str, str], *, bits: int = 8
) -> None:
    """Write an int8 network: static ranges, filters by channel, activations by tensor.

    Only products are made in bytes, and of those neither the first, which sees the pixels, nor the last, which makes the embedding: on
    the built-in network this halves the distance to float32 at the same speed (docs/adr/0008).

    Args:
        source: An ONNX file in float32.
        target: Written whole; whoever calls gives it its final name.
        pixels: (n, side, side, 3), at least 16, that the ranges are fitted on.
        recipe: Of the pixels.
        notes: What the file is to say of itself.
        bits: Of the weights: 7 for processors whose products of bytes overflow, see `Machine.saturates`.

    Raises:
        MissingExtra: If onnx is not installed.
        BadArgument: If there are too few pictures.
        WeightsError: If nothing in the network can be quantised, or it cannot be read.

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018,
        arXiv:1712.05877; ranges at the 99.999th percentile, which one outlier cannot stretch.
    """
    if len(pixels) < LEAST:
        raise BadArgument(
            f"int8 takes {LEAST} pictures at least to fit its ranges on, and here are {len(pixels)}: name more"
        )
    try:
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise MissingExtra(f"int8 needs onnx ({error}): pip install 'likewise[int8]'") from error
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="quantising-") as folder, _quiet():
        simple = Path(folder) / "simple.onnx"
        _simplified(source, simple)
        products = [
            node.name
            for node in onnx.load(str(simple), load_external_data=False).graph.node
            if node.op_type in _PRODUCTS
        ]
        if len(products) < 3:
            raise WeightsError(
                f"{source} has {len(products)} products, and int8 leaves the first and the last: keep it in floats"
            )
        reader = _Batches(pixels[: len(pixels) // _BATCH * _BATCH], recipe, _input(simple))
        quantize_static(
            simple,
            target,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_PRODUCTS),
            nodes_to_exclude=[products[0], products[-1]],
            per_channel=True,
            reduce_range=bits == 7,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibStridedMinMax": 1},  # one batch at a time: the maps of all would fill the memory
        )
    model = onnx.load(str(target))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(notes))
    model.producer_name, model.doc_string = "likewise", ""
    target.write_bytes(model.SerializeToString())


class _Batches:
    """Pictures, in batches, as the tool for quantising wants to read them."""

    def __init__(self, pixels: Pixels, recipe: Recipe, name: str) -> None:
        self._pixels, self._recipe, self._name = pixels, recipe, name
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self._pixels) // _BATCH

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with these batches."""
        self._ahead = iter(range(start_index, min(end_index, len(self))))

    def get_next(self) -> dict[str, Normalised] | None:
        """The next batch by the name of the input; None at the end."""
        batch = next(self._ahead, None)
        if batch is None:
            return None
        return {self._name: images.normalise(self._pixels[batch * _BATCH : (batch + 1) * _BATCH], self._recipe)}


def _simplified(source: Path, target: Path) -> None:
    """Constants worked out and normalisations folded into the filters before them, by ONNX Runtime itself."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    try:
        InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds, none of them documented
        raise WeightsError(f"{source} cannot be made ready for int8 ({error}): keep it in floats") from error


def _input(path: Path) -> str:
    from onnxruntime import InferenceSession

    return str(InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0].name)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the tool prints and logs for its makers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(None):
            yield
    finally:
        logging.disable(before)
