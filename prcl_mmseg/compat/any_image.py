# Copyright (c) prcl_mmseg authors. All rights reserved.
from collections import defaultdict
from typing import Any, List, Optional, Tuple

import numpy as np


def infer_on_any_image() -> None:
    """Let mmseg predict and draw whatever images a training has.

    Its inference looks for two transforms by their names,
    ``LoadImageFromFile`` and ``LoadAnnotations``, and its drawing reads files
    as three channels of 8 bits. Here the pipeline's own loader loads, arrays
    are taken as it would give them, and whatever loads masks is left out.
    """
    import cv2
    from mmseg.apis import MMSegInferencer, inference, mmseg_inferencer
    from mmseg.engine.hooks import visualization_hook
    from mmseg.visualization import SegLocalVisualizer
    from ..visualization import displayable

    inference._preprare_data = _prepare_data
    MMSegInferencer._init_pipeline = lambda self, cfg: inference_pipeline(
        cfg.test_dataloader.dataset.pipeline)
    for module in (inference, mmseg_inferencer, visualization_hook):
        module.mmcv = _ShowingMMCV()
    add_datasample = SegLocalVisualizer.add_datasample

    def add_any_datasample(self, name: str, image: np.ndarray, *args,
                           out_file: Optional[str] = None, **kwargs) -> None:
        if image.dtype != np.uint8 or image.shape[2:] != (3, ):
            # Here it comes as RGB, and there as BGR.
            image = displayable(
                image[..., ::-1] if image.shape[2:] == (3, ) else image)
        # The inferencer names it as the image is named.
        if out_file is not None and not cv2.haveImageWriter(out_file):
            out_file += '.png'
        add_datasample(
            self, name, image, *args, out_file=out_file, **kwargs)

    SegLocalVisualizer.add_datasample = add_any_datasample


def inference_pipeline(pipeline: List[dict]) -> Any:
    """A test pipeline for images that come as path or array, without mask.

    Args:
        pipeline (list[dict]): Configs of the transforms.

    Returns:
        Compose: Takes a path, an array (H, W) or (H, W, C), or a dict with
        ``img_path`` or ``img``.
    """
    from mmengine.dataset import Compose
    from mmseg.registry import TRANSFORMS
    from ..datasets.pipeline_check import is_stock
    transforms = [TRANSFORMS.build(transform) for transform in pipeline]
    transforms = [item for item in transforms if not _is_named(item, 'Annot')]
    loaders = [index for index, item in enumerate(transforms)
               if _is_named(item, 'Image') or _is_named(item, 'Data')]
    if not loaders and transforms and not is_stock(transforms[0]):
        # The first one loads: it is the user's own, whatever its name.
        loaders = [0]
    if loaders:
        transforms[loaders[0]] = _LoadOrTake(transforms[loaders[0]])
    return Compose(transforms)


class _LoadOrTake:
    """Load a path by a transform; take an array as it would give it."""

    def __init__(self, loader: Any) -> None:
        from mmseg.datasets.transforms import LoadImageFromNDArray
        from ..datasets.loading import LoadMultiChannelImage
        self.loader = self.taker = loader
        if not isinstance(loader, LoadMultiChannelImage):
            self.taker = LoadImageFromNDArray(
                to_float32=getattr(loader, 'to_float32', False))

    def __call__(self, image: Any) -> dict:
        if not isinstance(image, dict):
            key = 'img' if isinstance(image, np.ndarray) else 'img_path'
            image = {key: image}
        return (self.taker if 'img' in image else self.loader)(image)


class _ShowingMMCV:
    """MMCV whose images are all uint8 of three channels, for drawing."""

    def __getattr__(self, name: str) -> Any:
        import mmcv
        return getattr(mmcv, name)

    @staticmethod
    def imfrombytes(content: bytes, channel_order: str = 'bgr') -> np.ndarray:
        from ..visualization.displayable import decode_displayable
        image = decode_displayable(content)
        return image if channel_order == 'rgb' else image[..., ::-1]

    def imread(self, path: str, channel_order: str = 'bgr') -> np.ndarray:
        from mmengine import fileio
        return self.imfrombytes(fileio.get(path), channel_order)


def _prepare_data(images: Any, model: Any) -> Tuple[dict, bool]:
    """The batch of some images, and whether they came as a list."""
    pipeline = inference_pipeline(model.cfg.test_pipeline)
    is_batch = isinstance(images, (list, tuple))
    data = defaultdict(list)
    for image in images if is_batch else [images]:
        for name, value in pipeline(image).items():
            data[name].append(value)
    return data, is_batch


def _is_named(transform: Any, what: str) -> bool:
    """Whether a transform loads such things, by the names of its classes."""
    return any(
        base.__name__.startswith('Load') and what in base.__name__
        for base in type(transform).__mro__)
