"""The first convolution of a bf16 network, computed as if in float32.

Neighbouring pixels are nearly equal, and first layers look at their differences: an edge filter adds large numbers that cancel, so
that the rounding of its weights to the 8 bits of bf16 can be most of the error of a whole network (docs/adr/0027). So both factors
are split into what bf16 holds and what it leaves, `x·w ≈ x₁·w₁ + x₂·w₁ + x₁·w₂`, as three groups of channels of one convolution,
whose sums are float32. What is left out, `x₂·w₂`, is 2⁻¹⁶ of the whole. Units that multiply bf16 take 16 or 32 channels at a time,
so that nine cost them about as much as three.

Source: the splitting is Dekker's, Numerische Mathematik 18, 1971; for bf16 and neural networks Henry, Tang and Heinecke, arXiv:1904.06376.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from likewise.encoders.runtimes import Normalised

if TYPE_CHECKING:
    import openvino

_HIGH = np.uint32(0xFFFF0000)  # sign, exponent and the first 7 bits of the fraction: what bf16 has of a float32


def split(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What bf16 holds of each value, and what it leaves; their sum is the value.

    >>> high, low = split(np.array([1.01], np.float32))
    >>> float(high[0]), float(high[0] + low[0]) == float(np.float32(1.01))
    (1.0078125, True)
    """
    high = (np.ascontiguousarray(values).view(np.uint32) & _HIGH).view(np.float32)
    return high, values - high


def widened(batch: Normalised) -> Normalised:
    """(n, 9, side, side): the input of a network that `widen` has changed."""
    high, low = split(batch)
    return np.concatenate([high, low, high], axis=1)


def widen(model: openvino.Model) -> bool:
    """Let a network of bf16 take `widened` pixels and convolve them exactly.

    Args:
        model: Changed in place, unless its input goes anywhere else than into convolutions with constant weights.

    Returns:
        Whether it was changed.
    """
    from openvino import PartialShape, opset13

    (pixels,) = model.get_parameters()
    uses = list(pixels.output(0).get_target_inputs())
    convolutions, shapes = [use for use in uses if _is_first(use)], [use for use in uses if _is_shape(use)]
    if not convolutions or len(convolutions) + len(shapes) < len(uses):
        return False
    shape = pixels.get_partial_shape()
    channels = shape[1].get_length()
    for use in convolutions:
        weights = use.get_node().input(1)
        high, low = split(weights.get_source_output().get_node().get_data().astype(np.float32))
        weights.replace_source_output(opset13.constant(np.concatenate([high, high, low], axis=1)).output(0))
    pixels.set_partial_shape(PartialShape([shape[0], 3 * channels, shape[2], shape[3]]))
    if shapes:  # of the picture, which is still one of so many channels
        start, stop, step, axes = (opset13.constant(np.array([value])) for value in (0, channels, 1, 1))
        plain = opset13.slice(pixels, start, stop, step, axes)
        for use in shapes:
            use.replace_source_output(plain.output(0))
    model.validate_nodes_and_infer_types()
    return True


def _is_first(use: openvino.Input) -> bool:
    """Whether this is where the pixels enter a convolution whose weights are known."""
    node = use.get_node()
    return bool(
        node.get_type_name() == "Convolution"
        and use.get_index() == 0
        and node.input_value(1).get_node().get_type_name() == "Constant"
    )


def _is_shape(use: openvino.Input) -> bool:
    """Whether only the size of the picture is asked for."""
    return str(use.get_node().get_type_name()) == "ShapeOf"
