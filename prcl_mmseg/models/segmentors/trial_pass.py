# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Whether the parts of a network fit each other and the training crop."""
from typing import Any, List

import torch
from torch import nn

from ..decode_heads import auxiliary_heads, decode_heads
from ..structures import tensors_of
from .image_channels import image_channels
from .modes import evaluating
from .network_pass import run_network


@torch.no_grad()
def try_network(model: nn.Module) -> None:
    """Run the student over one black image of the training crop.

    Neither weights nor statistics nor random numbers change.

    Args:
        model (SemiSegmentor): Once it is on its device.

    Raises:
        ValueError: If it fails; names what the heads were given and want.
    """
    student = model.student
    size = getattr(model.data_preprocessor.preprocessor, 'size', None)
    channels = image_channels(student)
    if size is None or channels is None:
        return
    device = next(student.parameters()).device
    image = torch.zeros(1, channels, *size, device=device)
    features: Any = ()
    try:
        with evaluating(student):
            features = student.extract_feat(image)
            output = run_network(student, image)
            if output.embed is not None:
                output.embed()
            for head in auxiliary_heads(student):
                head(output.features)
    except Exception as error:
        shapes = [tuple(item.shape[1:]) for item in tensors_of(features)]
        reason = str(error).split('\n')[0] or type(error).__name__
        raise ValueError(
            'model.segmentor cannot take an image of model.crop_size='
            f'{tuple(size)}: {reason}. '
            f'{_advice(student, shapes)}') from error


def _advice(student: nn.Module, shapes: List[tuple]) -> str:
    if not shapes:
        return ('The backbone itself fails; correct its settings, or choose a '
                'larger crop')
    heads = [*decode_heads(student), *auxiliary_heads(student)]
    wanted = ', '.join(f'{type(head).__name__} in_channels='
                       f'{getattr(head, "in_channels", None)} in_index='
                       f'{getattr(head, "in_index", None)}'
                       for head in (getattr(head, 'head', head)
                                    for head in heads))
    return (f'Its features are {shapes} (C, h, w), and its heads want '
            f'{wanted}; correct these, or choose a larger crop')
