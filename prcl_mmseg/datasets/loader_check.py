# Copyright (c) prcl_mmseg authors. All rights reserved.
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from torch.utils.data import DataLoader

from .semi_dataset import SemiSegDataset


def check_steps(loader: DataLoader) -> None:
    """Refuse a training loader that gives no batch.

    Args:
        loader (DataLoader): The loader of a training.

    Raises:
        ValueError: If a batch is larger than an epoch and what is left over
            is dropped; names the keys.
    """
    if isinstance(loader.sampler, InfiniteSampler) or len(loader):
        return
    dataset, told = loader.dataset, ''
    if isinstance(dataset, SemiSegDataset):
        unlabeled = 0 if dataset.unlabeled is None else len(dataset.unlabeled)
        told = (f' ({len(dataset.labeled)} labelled and {unlabeled} '
                'unlabelled images, `train_dataloader.dataset.'
                f'samples_per_item={dataset.samples_per_item}`)')
    raise ValueError(
        f'`train_dataloader` gives no batch: the dataset has {len(dataset)} '
        f'items{told}, so each of {get_world_size()} process(es) gets '
        f'{len(loader.sampler)}, but `train_dataloader.batch_size` is '
        f'{loader.batch_size} and `train_dataloader.drop_last` drops what is '
        'less. Lower `batch_size`, set `drop_last=False`, or use '
        "`train_dataloader.sampler=dict(type='InfiniteSampler')`, which "
        'repeats the images.')
