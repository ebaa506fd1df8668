# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Data sets of every kind go through the real runner."""
import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

import prcl_mmseg  # noqa: F401

LOAD = dict(type='LoadImageFromFile')
MASK = dict(type='LoadAnnotations')
PACK = dict(type='PackSegInputs')
WEAK = [
    dict(type='RandomResize', scale=(32, 32), ratio_range=(0.5, 2.0),
         keep_ratio=True),
    dict(type='RandomCrop', crop_size=(32, 32)),
    dict(type='RandomFlip', prob=0.5), PACK
]


def save(path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.npy':
        np.save(path, array)
    else:
        assert cv2.imwrite(str(path), array)


class Data:
    """A folder of images of which some have masks."""

    def __init__(self, root, labels: list, labeled: int = 4,
                 unlabeled: int = 4, sizes: tuple = ((32, 40), ),
                 channels: int = 3, depth: type = np.uint8,
                 suffix: str = '.png') -> None:
        self.root, self.suffix = root, suffix
        rng = np.random.default_rng(0)
        names = dict(labeled=labeled, unlabeled=unlabeled, val=2)
        for split, count in names.items():
            for index in range(count):
                name = f'{split}{index}'
                height, width = sizes[index % len(sizes)]
                mask = rng.choice(labels, (height // 4 + 1, width // 4 + 1))
                mask = np.kron(mask, np.ones((4, 4)))[:height, :width]
                image = rng.normal(
                    0, 1, (height, width, channels)) + mask[..., None]
                image = (image - image.min()) / np.ptp(image)
                image = (image * np.iinfo(depth).max).astype(depth)
                save(root / f'images/{name}{suffix}', image)
                if split != 'unlabeled':
                    save(root / f'masks/{name}.png', mask.astype(np.uint8))
            (root / f'{split}.txt').write_text(
                '\n'.join(f'{split}{index}' for index in range(count)))

    def labeled(self, split: str, pipeline: list, **settings) -> dict:
        return dict(
            type=settings.pop('type', 'SplitSegDataset'),
            data_root=str(self.root),
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            img_suffix=self.suffix, seg_map_suffix='.png',
            ann_file=f'{split}.txt', pipeline=pipeline, **settings)


@pytest.fixture
def train(write_config, tmp_path):
    """Train PRCL for two iterations, validate, and give the runner."""
    def train(data: Data, num_classes: int, load: dict = LOAD,
              mask: dict = MASK, channels: int = 3, crop=(32, 32),
              hook: Hook = None, options: dict = {}, **settings) -> Runner:
        if 'type' not in settings:
            settings['metainfo'] = dict(
                classes=[f'class{i}' for i in range(num_classes)])
        cfg = Config.fromfile(write_config())
        cfg.model.num_classes = num_classes
        cfg.model.crop_size = crop
        cfg.model.segmentor.backbone.in_channels = channels
        cfg.model.segmentor.data_preprocessor.mean = [127.] * channels
        cfg.model.segmentor.data_preprocessor.std = [60.] * channels
        cfg.train_dataloader.dataset.labeled = data.labeled(
            'labeled', [load, mask, *WEAK], **settings)
        cfg.train_dataloader.dataset.unlabeled = dict(
            type='UnlabeledDataset', data_root=str(data.root),
            data_prefix=dict(img_path='images'), ann_file='unlabeled.txt',
            img_suffix=data.suffix, pipeline=[load, *WEAK])
        cfg.val_dataloader.dataset = data.labeled(
            'val', [load, mask, PACK], **settings)
        cfg.test_dataloader = cfg.val_dataloader
        cfg.train_cfg.update(max_iters=2, val_interval=2)
        cfg.default_hooks.checkpoint.interval = 2
        cfg.merge_from_dict(options)
        cfg.work_dir = str(tmp_path / 'work')
        cfg.experiment_name = str(tmp_path)
        runner = Runner.from_cfg(cfg)
        if hook is not None:
            runner.register_hook(hook)
        runner.train()
        logged = MessageHub.get_current_instance().log_scalars
        assert np.isfinite(logged['train/loss'].current())
        assert np.isfinite(logged['val/mIoU'].current())
        return runner

    return train


class LabelsHook(Hook):
    """Collects the labels and sizes of the batches as the model gets them."""

    def __init__(self) -> None:
        self.labels, self.sizes, self.channels = set(), set(), set()

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        part = data_batch['labeled']
        for sample in part['data_samples']:
            self.labels |= set(sample.gt_sem_seg.data.unique().tolist())
        for name in ('labeled', 'unlabeled'):
            for image in data_batch[name]['inputs']:
                self.channels.add(image.shape[0])
                self.sizes.add((name, *image.shape[1:]))


def test_reduced_zero_label(train, tmp_path):
    """LoveDA's masks hold 1 to 7, and 0 for no class."""
    data = Data(tmp_path / 'data', labels=range(8))
    hook = LabelsHook()
    runner = train(data, 7, hook=hook, type='SplitLoveDADataset')
    assert hook.labels <= {*range(7), 255} and {6, 255} <= hook.labels
    dataset = runner.val_dataloader.dataset
    mask = cv2.imread(str(data.root / 'masks/val0.png'), 0).astype(int)
    label = dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()
    assert (label == np.where(mask == 0, 255, mask - 1)).all()
    assert runner.model.terms['contrast'].bank.seen.any()


def test_two_classes_in_masks_of_0_and_255(train, tmp_path):
    data = Data(tmp_path / 'data', labels=[0, 255])
    hook = LabelsHook()
    runner = train(data, 2, hook=hook, label_map={255: 1})
    assert hook.labels == {0, 1}
    assert runner.model.terms['contrast'].bank.seen.all()
    logged = MessageHub.get_current_instance().log_scalars
    assert logged['train/loss_contrast'].current() > 0


def test_unmapped_masks_of_0_and_255_are_explained(train, tmp_path):
    train(Data(tmp_path / 'data', labels=[0, 255]), 2)
    log = next((tmp_path / 'work').rglob('*.log')).read_text()
    assert 'No labelled pixel of: class1' in log
    assert 'label_map={255: 1}' in log


def test_five_channels_of_16_bits(train, tmp_path):
    data = Data(tmp_path / 'data', labels=range(3), channels=5,
                depth=np.uint16, suffix='.npy')
    hook = LabelsHook()
    runner = train(
        data, 3, channels=5, hook=hook,
        load=dict(type='LoadMultiChannelImage', channels=5),
        options={
            'model.segmentor.data_preprocessor.mean': [3e4] * 5,
            'model.segmentor.data_preprocessor.std': [1e4] * 5
        })
    assert hook.channels == {5}
    assert runner.model.student.backbone.conv1.in_channels == 5


@pytest.mark.parametrize('depth, settings', [
    (np.uint8, dict(color_type='grayscale')),
    (np.uint16, dict(color_type='unchanged', to_float32=True)),
])
def test_gray_images(train, tmp_path, depth, settings):
    data = Data(tmp_path / 'data', labels=range(3), channels=1, depth=depth)
    hook = LabelsHook()
    train(data, 3, channels=1, hook=hook, load=dict(LOAD, **settings))
    assert hook.channels == {1}


def test_images_of_different_sizes(train, tmp_path):
    """Smaller and larger than the crop, labelled and unlabelled."""
    data = Data(tmp_path / 'data', labels=range(3),
                sizes=((9, 70), (33, 12), (80, 64), (32, 32)))
    hook = LabelsHook()
    train(data, 3, hook=hook)
    heights = {size[1] for size in hook.sizes}
    assert len(heights) > 2 and max(heights) <= 32


def test_five_labelled_images_in_a_larger_batch(train, tmp_path):
    data = Data(tmp_path / 'data', labels=range(3), labeled=5, unlabeled=3)
    runner = train(data, 3, options={'train_dataloader.batch_size': 8})
    assert len(runner.train_dataloader.dataset.labeled) == 5


def test_171_classes(train, tmp_path):
    data = Data(tmp_path / 'data', labels=[*range(171), 255])
    runner = train(data, 171, type='SplitCOCOStuffDataset')
    bank = runner.model.terms['contrast'].bank
    assert bank.seen.shape == (171, ) and bank.seen.sum() > 20
    assert runner.model.student.decode_head.head.out_channels == 171


def test_mask_of_another_size_ends_before_the_first_iteration(
        train, tmp_path):
    data = Data(tmp_path / 'data', labels=range(3))
    save(data.root / 'masks/labeled1.png', np.zeros((40, 32), np.uint8))
    with pytest.raises(ValueError) as error:
        train(data, 3)
    for part in ('masks/labeled1.png', 'images/labeled1.png', '40 x 32',
                 '32 x 40'):
        assert part in str(error.value)


def test_channels_that_do_not_fit_end_before_the_first_iteration(
        train, tmp_path):
    data = Data(tmp_path / 'data', labels=range(3))
    with pytest.raises(ValueError, match='backbone.in_channels=3'):
        train(data, 3, channels=4)


def test_missing_folder_of_a_stock_val_set_is_named(train, tmp_path):
    data = Data(tmp_path / 'data', labels=range(3))
    with pytest.raises(FileNotFoundError) as error:
        train(data, 3, options={
            'val_dataloader.dataset.type': 'BaseSegDataset',
            'val_dataloader.dataset.ann_file': 'nowhere.txt'
        })
    for part in ('`val_dataloader.dataset.ann_file`', 'nowhere.txt',
                 'data_root'):
        assert part in str(error.value)
