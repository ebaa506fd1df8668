# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A plain segmentor as one file for another runtime."""
import importlib.util
import warnings
from typing import NamedTuple, Tuple

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from ..models.segmentors.image_channels import image_channels

# What each format needs beyond PyTorch.
PACKAGES = dict(
    torchscript=(), onnx=('onnx', 'onnxruntime', 'onnxscript'))
SUFFIXES = dict(torchscript='.pt', onnx='.onnx')


class Agreement(NamedTuple):
    """How near another runtime comes to PyTorch.

    Args:
        difference (float): The largest difference of a logit.
        largest (float): The largest logit, regardless of its sign.
    """

    difference: float
    largest: float


class LogitsModel(nn.Module):
    """From a normalised image to logits of the same size.

    Normalisation, the softmax and sliding windows stay with whoever runs it.

    Args:
        segmentor (EncoderDecoder): A plain segmentor.
        shape (tuple[int, int]): Height and width of the image.
    """

    def __init__(self, segmentor: EncoderDecoder,
                 shape: Tuple[int, int]) -> None:
        super().__init__()
        self.segmentor = segmentor
        self.meta = dict(ori_shape=shape, img_shape=shape, pad_shape=shape)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (1, C, H, W) of an image (1, channels, H, W)."""
        return self.segmentor.encode_decode(image, [self.meta])


def missing_packages(kind: str) -> Tuple[str, ...]:
    """Packages that a format needs and that are not installed."""
    return tuple(name for name in PACKAGES[kind]
                 if importlib.util.find_spec(name) is None)


@torch.no_grad()
def export(segmentor: EncoderDecoder, kind: str, path: str,
           shape: Tuple[int, int]) -> Agreement:
    """Write a segmentor and compare what the file computes.

    Args:
        segmentor (EncoderDecoder): A plain segmentor.
        kind (str): 'torchscript' or 'onnx'.
        path (str): File to write.
        shape (tuple[int, int]): Height and width that it is made for.

    Returns:
        Agreement: Measured on a random image that was not seen while
        exporting.

    Raises:
        ModuleNotFoundError: If a package is missing.
    """
    missing = missing_packages(kind)
    if missing:
        raise ModuleNotFoundError(
            f'--format {kind} needs {", ".join(missing)}; pip install -r '
            'requirements/optional.txt')
    model = LogitsModel(segmentor, shape).eval()
    generator = torch.Generator().manual_seed(0)
    example, other = torch.randn(
        2, 1, image_channels(segmentor) or 3, *shape, generator=generator)
    write = _write_torchscript if kind == 'torchscript' else _write_onnx
    with warnings.catch_warnings():
        # That the image size is fixed is known.
        warnings.simplefilter('ignore')
        output = write(model, path, example, other)
    expected = model(other)
    return Agreement(
        float((output - expected).abs().max()), float(expected.abs().max()))


def _write_torchscript(model: nn.Module, path: str, example: Tensor,
                       other: Tensor) -> Tensor:
    torch.jit.trace(model, example, check_trace=False).save(path)
    return torch.jit.load(path)(other)


def _write_onnx(model: nn.Module, path: str, example: Tensor,
                other: Tensor) -> Tensor:
    import onnx
    import onnxruntime
    torch.onnx.export(
        model, (example, ),
        path,
        input_names=['image'],
        output_names=['seg_logits'],
        dynamo=True,
        external_data=False,
        verbose=False)
    onnx.checker.check_model(path)
    session = onnxruntime.InferenceSession(
        path, providers=['CPUExecutionProvider'])
    return torch.from_numpy(session.run(None, {'image': other.numpy()})[0])
