# Copyright (c) prcl_mmseg authors. All rights reserved.
from torch import nn


def check_class_names(model: nn.Module, checkpoint: str) -> None:
    """Refuse a checkpoint that cannot name the classes of its model.

    MMSegmentation takes those of another data set where a checkpoint has none.

    Args:
        model (nn.Module): From ``init_model``.
        checkpoint (str): Its file, for the message.

    Raises:
        ValueError: If there are fewer names or colours than classes.
    """
    classes = max(model.out_channels, 2)
    for key in ('classes', 'palette'):
        names = model.dataset_meta.get(key) or ()
        if len(names) < classes:
            raise ValueError(
                f'checkpoint {checkpoint!r} has {len(names)} {key}, but the '
                f'model has {classes} classes. If classes were added since, '
                'train again, or restore the earlier classes of the data set; '
                'else give a file that a training wrote, with its '
                'dataset_meta')
