# Copyright (c) prcl_mmseg authors. All rights reserved.
"""benchmarks/uncertainty.py, on whatever data and network."""
import tiny
import torch
import uncertainty
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS

from prcl_mmseg.engine.launch import adapt_to_run

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
    image = torch.randint(255, (3, 32, 32), dtype=torch.uint8)
    item = dict(inputs=image, data_samples=tiny.samples(1, classes=2)[0])
    scores, wrong = uncertainty.collect(model, [item])
    assert set(scores) == {'softmax', 'entropy', 'views', 'flip'}
    assert all(score.shape == wrong.shape == (64, )
               for score in scores.values())
