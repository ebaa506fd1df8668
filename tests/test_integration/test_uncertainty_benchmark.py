# Copyright (c) prcl_mmseg authors. All rights reserved.
"""benchmarks/uncertainty.py, on whatever data and network."""
from types import SimpleNamespace

import tiny
import torch
import uncertainty
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from torch import nn

from prcl_mmseg.engine.launch import adapt_to_run
from prcl_mmseg.models import ViewVariance

VIEWS = "\nmodel['terms']['views'] = dict(type='ViewVariance')\n"


def test_calibration_sees_the_test_images(write_config, scene_folder,
                                          monkeypatch):
    cfg = Config.fromfile(write_config('prcl', extra=VIEWS))
    adapt_to_run(cfg, launcher='none')
    # Found by their folder, as those of Cityscapes are.
    test = cfg.test_dataloader.dataset
    del test['ann_file']
    test.data_prefix = dict(img_path='images', seg_map_path='masks')
    test.update(img_suffix='.png', seg_map_suffix='.png')
    datasets, build = [], DATASETS.build
    monkeypatch.setattr(
        DATASETS, 'build',
        lambda config: datasets.append(build(config)) or datasets[-1])
    model = MODELS.build(cfg.model).eval()
    first, again = (uncertainty.calibration(model, cfg) for _ in range(2))
    assert first == again
    part = datasets[-1].unlabeled
    assert {part.get_data_info(index)['img_path']
            for index in range(len(part))
            } == {str(path) for path in scene_folder.glob('images/*.png')}


def test_scores_of_a_one_channel_head():
    head = tiny.fcn_head(
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = tiny.build(
        'mean_teacher',
        segmentor=tiny.segmentor(decode_head=head, auxiliary_head=None),
        num_classes=2,
        terms=dict(views=dict(type='ViewVariance'))).eval()
    model.init_weights()
    image = torch.randint(255, (3, 32, 32), dtype=torch.uint8)
    item = dict(inputs=image, data_samples=tiny.samples(1, classes=2)[0])
    pixels = uncertainty.collect(model, [item, item])
    assert set(pixels.scores) == {
        'softmax', 'entropy', 'views', 'flip', 'student'
    }
    assert all(score.shape == pixels.wrong.shape == (128, )
               for score in pixels.scores.values())
    # A new teacher is a copy of its student.
    torch.testing.assert_close(pixels.scores['student'],
                               pixels.scores['softmax'].sigmoid())
    assert pixels.inputs.shape == (128, 2)


def test_held_out_errors_teach_the_estimator():
    torch.manual_seed(0)
    term = ViewVariance(num_classes=2)
    term.attach(SimpleNamespace(decode_head=nn.Identity()))
    before = [value.clone() for value in term.parameters()]
    val, test = (
        uncertainty.Pixels({}, inputs[:, 0] > 0.5, inputs.half())
        for inputs in (torch.rand(5000, 2), torch.rand(1000, 2)))
    score = uncertainty.held_out(term, val, test)
    assert uncertainty.quality(score, test.wrong)['auroc'] > 99
    assert all(map(torch.equal, before, term.parameters()))
