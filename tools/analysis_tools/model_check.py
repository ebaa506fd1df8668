# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Does a network train, predict and export with a method? One step tells."""
import copy
import re
import resource
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from prcl_mmseg.deploy.published_checkpoint import plain_weights
from prcl_mmseg.engine.config_parts import config_dicts, drop_pretrained_init
from prcl_mmseg.engine.launch import adapt_to_run
from prcl_mmseg.models.adaptation import adapt_segmentor
from prcl_mmseg.models.decode_heads import (ProbabilisticDecodeHead,
                                            decode_heads, embedding_head)
from prcl_mmseg.models.segmentors import SemiSegmentor
from prcl_mmseg.models.segmentors.network_pass import predict_logits
from prcl_mmseg.models.terms import TrainingHealth

# Neither square nor a multiple of anything, as test images are.
TEST_SIZE = (97, 151)
ITEMS = 2


def check_model(segmentor: dict,
                method: dict,
                crop_size: Tuple[int, int],
                num_classes: int = 21) -> Dict[str, Any]:
    """Train one step on random images, predict one, export the student.

    Weights are random: nothing is downloaded.

    Args:
        segmentor (dict): Config of a plain mmseg segmentor.
        method (dict): Config of a semi-supervised segmentor without what the
            network and the data give, as in ``configs/_base_/methods``.
        crop_size (tuple[int, int]): Height and width of training images.
        num_classes (int): Number of classes. Defaults to 21.

    Returns:
        dict: ``train``, ``predict`` and ``export``, each whether it worked;
        ``reason``, what the first one that did not work said, on one line;
        ``head``, ``layer``, ``channels`` and ``stride``, what is embedded
        (None without embedding); ``unused``, how many parameters got no
        gradient; ``parameters`` of the student in millions; ``memory``, by
        how many GiB the peak of the process rose; ``seconds``.
    """
    init_default_scope('mmseg')
    result: Dict[str, Any] = dict(
        train=False,
        predict=False,
        export=False,
        reason=None,
        head=None,
        layer=None,
        channels=None,
        stride=None,
        unused=None,
        parameters=None)
    start, before = time.time(), _peak_memory()
    try:
        plain = forget_weights(segmentor)
        model = build_method(plain, method, crop_size, num_classes)
        result.update(
            parameters=sum(p.numel() for p in model.student.parameters()) /
            1e6,
            head=_head_names(model.student))
        result['unused'] = train_step(model, crop_size, num_classes)
        result['train'] = True
        predict_step(model, num_classes)
        result['predict'] = True
        result.update(describe_embedding(model, crop_size))
        check_export(model, plain, crop_size, num_classes)
        result['export'] = True
    except Exception as error:
        result['reason'] = one_line(error)
    result.update(
        memory=_peak_memory() - before, seconds=time.time() - start)
    return result


def build_method(segmentor: dict, method: dict, crop_size: Tuple[int, int],
                 num_classes: int) -> SemiSegmentor:
    """Build a method around a segmentor, as leaf configs do."""
    cfg = Config(
        dict(
            model=dict(
                segmentor=segmentor,
                num_classes=num_classes,
                crop_size=crop_size,
                **method)))
    adapt_to_run(cfg, launcher='none')
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def train_step(model: SemiSegmentor, crop_size: Tuple[int, int],
               num_classes: int) -> int:
    """One optimizer step; returns how many parameters got no gradient.

    Raises:
        FloatingPointError: If a loss or a gradient is not finite.
    """
    model.train()
    images = _images(2 * ITEMS, crop_size)
    data = dict(
        labeled=dict(
            inputs=images[:ITEMS],
            data_samples=_samples(ITEMS, crop_size, num_classes)),
        unlabeled=dict(
            inputs=images[ITEMS:], data_samples=_samples(ITEMS, crop_size)))
    # As in the steps that the training's health looks at.
    for term in model.terms.values():
        if isinstance(term, TrainingHealth):
            term.gradients_wanted = True
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    loss, log = model.parse_losses(losses)
    broken = [name for name, value in log.items()
              if not torch.as_tensor(value).isfinite()]
    if broken:
        raise FloatingPointError(f'not finite: {", ".join(broken)}')
    loss.backward()
    parameters = [(name, parameter)
                  for name, parameter in model.student.named_parameters()
                  if parameter.requires_grad]
    for name, parameter in parameters:
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            raise FloatingPointError(f'gradient of {name} is not finite')
    torch.optim.SGD([p for _, p in parameters], lr=1e-4).step()
    model.update_teacher()
    unused = sum(parameter.grad is None for _, parameter in parameters)
    model.zero_grad()
    return unused


@torch.no_grad()
def predict_step(model: SemiSegmentor, num_classes: int) -> None:
    """Predict one image with the preprocessor's own way of testing.

    Raises:
        ValueError: If a map is of another size than the image, or not finite.
    """
    model.eval()
    data = dict(inputs=_images(1, TEST_SIZE),
                data_samples=_samples(1, TEST_SIZE))
    sample = model.test_step(data)[0]
    maps = dict(seg_logits=sample.seg_logits, label=sample.pred_sem_seg)
    if 'pred_variance' in sample:
        maps['variance'] = sample.pred_variance
    for name, item in maps.items():
        if tuple(item.data.shape[1:]) != TEST_SIZE:
            raise ValueError(f'{name} is {tuple(item.data.shape[1:])}, the '
                             f'image {TEST_SIZE}')
        if not item.data.isfinite().all():
            raise ValueError(f'{name} is not finite')
    if sample.pred_sem_seg.data.max() >= num_classes:
        raise ValueError('a predicted label is no class')


@torch.no_grad()
def describe_embedding(model: SemiSegmentor,
                       crop_size: Tuple[int, int]) -> Dict[str, Any]:
    """Layer, channels and stride of the embedded feature.

    The stride is that of the feature before it is pooled to
    ``embed_stride``.
    """
    head = embedding_head(model.student)
    if head is None:
        return {}
    images = _network_input(model, crop_size)
    size = tuple(images.shape[2:])
    with head.record() as recorded:
        predict_logits(model.student, images, embed=False)
    feature = recorded.feature(size)
    return dict(
        layer=recorded.layer,
        channels=feature.shape[1],
        stride=_stride(size[0], feature.shape[2]))


@torch.no_grad()
def check_export(model: SemiSegmentor, segmentor: dict,
                 crop_size: Tuple[int, int], num_classes: int) -> None:
    """Load the student's weights into the plain segmentor and compare.

    Raises:
        ValueError: If a weight gets lost on the way, or it predicts something
            else than the student.
    """
    cfg = Config(dict(model=adapt_segmentor(segmentor, num_classes,
                                            crop_size)))
    adapt_to_run(cfg, launcher='none')
    plain = MODELS.build(cfg.model).eval()
    weights = plain_weights(model.state_dict(), 'student')
    # Not strict: some networks take buffers out of what they load.
    plain.load_state_dict(weights, strict=False)
    own = plain.state_dict()
    for name in own.keys() | weights.keys():
        if name not in own or name not in weights or not torch.equal(
                own[name], weights[name]):
            raise ValueError(f'{name} did not reach the plain segmentor')
    images = _network_input(model, crop_size)
    logits = []
    for network in (model.student.eval(), plain):
        # SegNeXt's head begins with random numbers, in predictions too.
        torch.manual_seed(0)
        logits.append(predict_logits(network, images, embed=False)[0])
    if not torch.equal(*logits):
        raise ValueError('the plain segmentor predicts something else than '
                         'the student')


def forget_weights(cfg: Any) -> Any:
    """A copy of a config that loads no pretrained weights."""
    cfg = copy.deepcopy(cfg)
    for part in config_dicts(cfg):
        part.pop('pretrained', None)
    drop_pretrained_init(cfg)
    return cfg


def one_line(error: Exception) -> str:
    """The message of an error without what registries wrap around it."""
    text = re.sub(r'\s+', ' ', str(error)).strip()
    text = re.sub(r'^(class `\w+` in [\w./]+: )+', '', text)
    if isinstance(error, ValueError):
        return text
    return f'{type(error).__name__}: {text}'


def _stride(image: int, feature: int) -> int:
    """Stride of a feature; odd images don't show it exactly."""
    for stride in (1, 2, 4, 8, 16, 32, 64):
        if feature in (image // stride, -(-image // stride)):
            return stride
    return round(image / feature)


def _head_names(segmentor: nn.Module) -> str:
    names = []
    for head in decode_heads(segmentor):
        wrapped = isinstance(head, ProbabilisticDecodeHead)
        name = type(head.head if wrapped else head).__name__
        names.append(f'[{name}]' if wrapped else name)
    return names[0].strip('[]') if len(names) == 1 else ' + '.join(names)


def _images(num: int, size: Tuple[int, int]) -> List[Tensor]:
    return [torch.randint(256, (3, *size), dtype=torch.uint8)
            for _ in range(num)]


def _samples(num: int,
             size: Tuple[int, int],
             num_classes: Optional[int] = None) -> List[SegDataSample]:
    samples = []
    for _ in range(num):
        sample = SegDataSample(
            metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size))
        if num_classes is not None:
            label = torch.randint(num_classes, (1, *size))
            sample.gt_sem_seg = PixelData(data=label)
            # PIDNet learns from edges as GenerateEdge draws them.
            edges = torch.randint(2, (1, *size))
            sample.gt_edge_map = PixelData(data=edges)
        samples.append(sample)
    return samples


def _network_input(model: SemiSegmentor,
                   crop_size: Tuple[int, int]) -> Tensor:
    """A random image of the size that the preprocessor trains with."""
    size = model.data_preprocessor.preprocessor.size or crop_size
    return torch.randn(1, 3, *size)


def _peak_memory() -> float:
    """Peak memory of this process in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**3 if sys.platform == 'darwin' else 1024**2)
