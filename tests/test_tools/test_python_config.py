# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Pure Python configs, whose types are classes, go through every tool."""
import pytest
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model

import prcl_mmseg  # noqa: F401

BASE = '''
from mmcv.transforms import LoadImageFromFile, TestTimeAug
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.datasets.transforms import (LoadAnnotations, PackSegInputs,
                                       RandomFlip)
from prcl_mmseg.datasets import (SemiSegDataset, SplitSegDataset,
                                 UnlabeledDataset)
load = dict(type=LoadImageFromFile)
test_pipeline = [load, dict(type=LoadAnnotations), dict(type=PackSegInputs)]
tta_pipeline = [load, dict(type=TestTimeAug, transforms=[
    [dict(type=RandomFlip, prob=0.), dict(type=RandomFlip, prob=1.)],
    [dict(type=LoadAnnotations)], [dict(type=PackSegInputs)]])]
images = dict(type=SplitSegDataset, data_root='{data}',
              metainfo=dict(classes=['ground', 'disc', 'bar'],
                            palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]]))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    sampler=dict(type=InfiniteSampler, shuffle=True),
    dataset=dict(
        type=SemiSegDataset,
        labeled=dict(ann_file='list.txt', pipeline=test_pipeline,
                     **images),
        unlabeled=dict(type=UnlabeledDataset, data_root='{data}',
                       ann_file='list.txt',
                       pipeline=[load, dict(type=PackSegInputs)])))
val_dataloader = dict(
    batch_size=1, num_workers=0, persistent_workers=False,
    sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(ann_file='list.txt', pipeline=test_pipeline, **images))
test_dataloader = val_dataloader
'''
CONFIG = '''
from mmengine.config import read_base
with read_base():
    from .base import *
from mmengine.hooks import CheckpointHook, LoggerHook
from mmengine.optim import OptimWrapper, PolyLR
from mmengine.runner import IterBasedTrainLoop, LogProcessor, TestLoop
from mmengine.visualization import LocalVisBackend
from mmseg.engine import SegVisualizationHook
from mmseg.evaluation import IoUMetric
from mmseg.models import (CrossEntropyLoss, EncoderDecoder, FCNHead, ResNet,
                          SegDataPreProcessor)
from mmseg.visualization import SegLocalVisualizer
from torch.nn import SyncBatchNorm
from torch.optim import SGD
from prcl_mmseg.engine import (MeanTeacherHook, PreflightHook,
                               PrototypeBankHook, TeacherStudentValLoop)
from prcl_mmseg.evaluation import UncertaintyMetric
from prcl_mmseg.models import (EMATeacher, ProbabilisticDecodeHead,
                               PrototypeContrast, SemiSegmentor,
                               SemiSegTTAModel, StrongAugment, WeakToStrong)
from prcl_mmseg.models.augment import ClassMix
default_scope = 'mmseg'
experiment_name = '{name}'
randomness = dict(seed=0)
norm_cfg = dict(type=SyncBatchNorm, requires_grad=True)
model = dict(
    type=SemiSegmentor,
    segmentor=dict(
        type=EncoderDecoder,
        data_preprocessor=dict(
            type=SegDataPreProcessor, mean=[127.] * 3, std=[60.] * 3,
            pad_val=0, seg_pad_val=255),
        backbone=dict(
            type=ResNet, depth=18, base_channels=8, stem_channels=8,
            norm_cfg=norm_cfg, num_stages=2, strides=(1, 2),
            dilations=(1, 1), out_indices=(0, 1)),
        decode_head=dict(
            type=FCNHead, in_channels=16, in_index=1, channels=8,
            num_convs=1, concat_input=False, num_classes=3,
            norm_cfg=norm_cfg, loss_decode=dict(type=CrossEntropyLoss)),
        train_cfg=dict(), test_cfg=dict(mode='whole')),
    num_classes=3,
    crop_size=(32, 32),
    teacher=dict(type=EMATeacher),
    strategy=dict(type=WeakToStrong, strong_augment=dict(
        type=StrongAugment, transforms=[dict(type=ClassMix)])),
    terms=dict(contrast=dict(type=PrototypeContrast, head=dict(
        type=ProbabilisticDecodeHead, embed_dims=8))))
train_cfg = dict(type=IterBasedTrainLoop, max_iters=2, val_interval=2)
val_cfg = dict(type=TeacherStudentValLoop)
test_cfg = dict(type=TestLoop)
val_evaluator = dict(type=IoUMetric)
test_evaluator = [dict(type=IoUMetric), dict(type=UncertaintyMetric)]
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.01))
param_scheduler = [dict(type=PolyLR, by_epoch=False)]
default_hooks = dict(
    logger=dict(type=LoggerHook, interval=1, log_metric_by_epoch=False),
    checkpoint=dict(type=CheckpointHook, by_epoch=False, interval=2),
    visualization=dict(type=SegVisualizationHook))
custom_hooks = [dict(type=PreflightHook), dict(type=MeanTeacherHook),
                dict(type=PrototypeBankHook)]
visualizer = dict(type=SegLocalVisualizer, name='{name}',
                  vis_backends=[dict(type=LocalVisBackend)])
log_processor = dict(type=LogProcessor, by_epoch=False)
tta_model = dict(type=SemiSegTTAModel)
'''


@pytest.fixture
def trained(experiment, call_tool, tmp_path) -> tuple:
    """Config and checkpoint of a short training."""
    (tmp_path / 'base.py').write_text(BASE.format(data=experiment.folder))
    (tmp_path / 'config.py').write_text(
        CONFIG.replace('{name}', tmp_path.name))
    call_tool('train.py', tmp_path / 'config.py', '--work-dir',
              tmp_path / 'work')
    return tmp_path / 'config.py', tmp_path / 'work/iter_2.pth'


def test_every_tool_takes_it(trained, call_tool, tmp_path):
    call_tool('test.py', *trained, '--work-dir', tmp_path / 'test', '--out',
              tmp_path / 'masks', '--show-dir', tmp_path / 'painted', '--tta',
              '--cfg-options', 'visualizer.name=testing')
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 3

    call_tool('model_converters/export_segmentor.py', *trained,
              tmp_path / 'plain')
    text = (tmp_path / 'plain/config_teacher.py').read_text()
    assert 'prcl_mmseg' not in text and '<class' not in text
    cfg = Config.fromfile(tmp_path / 'plain/config_teacher.py')
    assert cfg.test_dataloader.dataset.type == 'BaseSegDataset'
    assert cfg.tta_model.type == 'SegTTAModel'

    analysis = 'analysis_tools/'
    call_tool(analysis + 'get_flops.py', trained[0], '--shape', 32)
    call_tool(analysis + 'browse_dataset.py', trained[0], '--number', 1,
              '--rows', 2, '--output-dir', tmp_path / 'browsed')
    call_tool(analysis + 'visualize_uncertainty.py', *trained, '--out',
              tmp_path / 'sheet.png', '--device', 'cpu')
    assert (tmp_path / 'browsed/sheet_000.png').is_file()
    assert (tmp_path / 'sheet.png').is_file()


def test_inference_and_the_written_config(trained, experiment):
    config, checkpoint = map(str, trained)
    model = init_model(config, checkpoint, device='cpu')
    expected = inference_model(model, experiment.image)
    inferencer = MMSegInferencer(config, checkpoint, device='cpu')
    found = inferencer(experiment.image)['predictions']
    assert (found == expected.pred_sem_seg.data[0].numpy()).all()
    # What the runner writes is read by tools that know no classes.
    cfg = Config.fromfile(trained[1].parent / 'config.py')
    assert cfg.model.type == 'SemiSegmentor'
    assert cfg.norm_cfg.type == 'BN'
    assert cfg.test_pipeline[1].type == 'LoadAnnotations'
    assert cfg.custom_imports.imports == ['prcl_mmseg']
