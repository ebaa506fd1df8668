# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Images from the disk to doubt: padding, flips, descriptors, lists."""
import os

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmseg.models.segmentors import BaseSegmentor
from tiny import build, fcn_head, samples, segmentor

from prcl_mmseg.datasets import UnlabeledDataset
from prcl_mmseg.selection import (Predictor, check_folder, find_pool,
                                  list_lines, loading_pipeline, look_at,
                                  write_lists)

LOAD, PACK = dict(type='LoadImageFromFile'), dict(type='PackSegInputs')
MASKS = dict(type='LoadAnnotations')


class Pointwise(BaseSegmentor):
    """Says of each pixel what its colour says; padding is unsure."""

    align_corners = False

    def __init__(self, tilt: float = 0) -> None:
        super().__init__(
            data_preprocessor=dict(
                type='SegDataPreProcessor', test_cfg=dict(size_divisor=16)))
        self.tilt = tilt

    def predict(self, inputs, data_samples=None):
        value = inputs[:, :1].float() / 20
        tilt = self.tilt * torch.linspace(-1, 1, value.shape[-1])
        logits = torch.cat([value + tilt, torch.zeros_like(value)], dim=1)
        return self.postprocess_result(logits, data_samples)

    encode_decode = extract_feat = loss = _forward = predict


@pytest.fixture
def folder(tmp_path):
    for kind in ('images', 'masks'):
        (tmp_path / 'data' / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ('a', 'b', 'my c', 'd', 'v'):
        image = rng.integers(150, 255, (20, 24, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'data/images/{name}.png'), image)
    mask = np.zeros((20, 24), np.uint8)
    cv2.imwrite(str(tmp_path / 'data/masks/a.png'), mask)
    cv2.imwrite(str(tmp_path / 'data/masks/v.png'), mask)
    for name, text in dict(
            labeled='images/a.png masks/a.png\n',
            val='images/v.png masks/v.png\n',
            unlabeled='images/d.png\nimages/a.png\nimages/my c.png\n'
            'images/v.png\nimages/b.png\n').items():
        (tmp_path / f'data/{name}.txt').write_text(text)
    return tmp_path / 'data'


def config(folder, test: list = [LOAD, MASKS, PACK], **settings) -> Config:
    masked = dict(type='SplitSegDataset', data_root=str(folder),
                  metainfo=dict(classes=('x', 'y')), pipeline=[LOAD, MASKS])
    bare = dict(type='UnlabeledDataset', data_root=str(folder),
                pipeline=[LOAD])
    flips = [dict(type='RandomFlip', prob=prob) for prob in (0., 1.)]
    return Config(
        dict(
            train_dataloader=dict(
                dataset=dict(
                    labeled=dict(masked, ann_file='labeled.txt'),
                    unlabeled=dict(bare, ann_file='unlabeled.txt',
                                   **settings))),
            val_dataloader=dict(dataset=dict(masked, ann_file='val.txt')),
            test_pipeline=test,
            tta_pipeline=[
                LOAD,
                dict(type='TestTimeAug', transforms=[flips, [MASKS], [PACK]])
            ]))


def pool_of(cfg: Config, views: bool = False, **settings):
    return find_pool(cfg, loading_pipeline(cfg, views)[0], **settings)


def test_labelled_and_validation_images_are_no_candidates(folder):
    pool = pool_of(config(folder))
    assert list_lines(pool) == ['images/d.png', 'images/my c.png\tNone',
                                'images/b.png']
    assert pool.left_out == 2
    assert [os.path.basename(image.path) for image in pool.labeled
            ] == ['a.png']


def test_masks_are_no_candidates(folder):
    """Those of the labelled images are, and those of the others would be."""
    for name in ('a', 'b'):
        (folder / f'images/{name}.png').rename(folder / f'masks/{name}.jpg')
    (folder / 'masks/b.png').write_bytes((folder / 'masks/a.png').read_bytes())
    (folder / 'labeled.txt').write_text('masks/a.jpg masks/a.png\n')
    cfg = config(folder)
    cfg.train_dataloader.dataset.labeled.data_prefix = dict(
        img_path='masks', seg_map_path='masks')
    pool = pool_of(cfg, folder=str(folder / 'masks'))
    names = [os.path.basename(image.path) for image in pool.candidates]
    assert names == ['b.jpg'] and pool.left_out == 4


def test_a_hard_link_is_no_second_image(folder):
    os.link(folder / 'images/b.png', folder / 'images/also_b.png')
    pool = pool_of(config(folder), folder=str(folder / 'images'))
    names = [os.path.basename(image.path) for image in pool.candidates]
    assert names == ['also_b.png', 'd.png', 'my c.png']


def test_pictures_of_the_page_do_not_go_into_the_data(folder):
    (folder / 'images').rename(folder.parent / 'pictures')
    (folder / 'labeled.txt').write_text('masks/a.png masks/v.png\n')
    (folder / 'val.txt').write_text('masks/a.png masks/v.png\n')
    pool = pool_of(config(folder), folder=str(folder.parent / 'pictures'))
    with pytest.raises(ValueError, match='pictures.* lies inside the data'):
        check_folder(str(folder.parent), pool, overwrite=True)


def test_a_folder_and_links(folder, tmp_path):
    more = tmp_path / 'more'
    more.mkdir()
    (more / 'link.png').symlink_to(folder / 'images/a.png')
    (more / 'e.png').write_bytes((folder / 'images/b.png').read_bytes())
    pool = pool_of(config(folder), folder=str(more))
    assert list_lines(pool) == [str(more / 'e.png')]
    # Below the data set's root they are relative to it.
    pool = pool_of(config(folder), folder=str(folder / 'images'))
    assert list_lines(pool) == ['images/b.png', 'images/d.png',
                                'images/my c.png\tNone']


def test_roots_that_differ(folder):
    cfg = config(folder, data_prefix=dict(img_path=''))
    part = cfg.train_dataloader.dataset.unlabeled
    part.data_root = str(folder / 'images')
    part.ann_file = ''
    assert list_lines(pool_of(cfg))[0] == str(folder / 'images/b.png')


def test_lists_lead_to_the_images(folder, tmp_path):
    pool = pool_of(config(folder))
    lines = list_lines(pool)
    write_lists(str(tmp_path / 'out'), lines, [1], dict(path=lines))
    read = {}
    for name in ('label_next', 'unlabeled'):
        dataset = UnlabeledDataset(
            data_root=str(folder), ann_file=str(tmp_path / f'out/{name}.txt'))
        read[name] = [
            os.path.basename(dataset.get_data_info(index)['img_path'])
            for index in range(len(dataset))
        ]
    assert read == dict(label_next=['my c.png'], unlabeled=['d.png', 'b.png'])


@pytest.mark.parametrize('out, words', [
    ('data', 'lies inside the data'), ('data/new', 'lies inside the data'),
    ('data/labeled.txt', 'is no folder'), ('old', 'already holds scores.csv'),
])
def test_where_nothing_is_written(folder, tmp_path, out, words):
    (tmp_path / 'old').mkdir()
    (tmp_path / 'old/scores.csv').write_text('')
    pool = pool_of(config(folder))
    with pytest.raises((ValueError, FileExistsError), match=words):
        check_folder(str(tmp_path / out), pool, overwrite=False)
    check_folder(str(tmp_path / 'old'), pool, overwrite=True)
    check_folder(str(tmp_path / 'data_new'), pool, overwrite=False)


def test_a_root_may_hold_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    pool = pool_of(config('.'))
    check_folder('label_next', pool, overwrite=False)
    for place in ('images/new', 'masks'):
        with pytest.raises(ValueError, match='lies inside the data'):
            check_folder(place, pool, overwrite=False)


def test_damaged_files_are_named(folder):
    (folder / 'images/b.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='1 images cannot be read.*b.png'):
        pool_of(config(folder))
    cfg = config(folder)
    cfg.train_dataloader.dataset.unlabeled = None
    with pytest.raises(ValueError, match='unlabeled` is missing.*--images'):
        pool_of(cfg)


def test_padding_does_not_count(folder):
    """Neither that of the preprocessor nor that of the pipeline."""
    for pad in ([], [dict(type='Pad', size=(48, 40))]):
        pool = pool_of(config(folder, [LOAD, MASKS, *pad, PACK]))
        found = Predictor(Pointwise(), 'entropy', True)(
            pool.candidates[0].load())
        assert found.label.shape == found.doubt.shape == (20, 24)
        assert found.area.float().mean() == (0.25 if pad else 1)
        # The colours are sure, black padding is not: log(2).
        assert found.score(2).score < 0.01
        assert found.descriptor[0] > 0.99
        if pad:
            assert found.doubt[~found.area].median() > 0.6


@pytest.mark.parametrize('tilt, low, high', [(0, 0, 1e-4), (20, 0.3, 0.7)])
def test_flips_are_undone(folder, tilt, low, high):
    cfg = config(folder)
    pipeline, num_views = loading_pipeline(cfg, True)
    assert num_views == 2
    pool = find_pool(cfg, pipeline)
    found = Predictor(Pointwise(tilt), 'views')(pool.candidates[0].load())
    assert low <= found.doubt.max() <= high
    assert found.image.shape == (3, 20, 24)


def test_prototypes_describe_in_the_same_pass(folder):
    model = build('prcl').eval()
    for name, tensor in model.terms['contrast'].bank.named_buffers():
        tensor.copy_(torch.rand_like(tensor) + 0.5)
    passes = []
    model.predictor.backbone.register_forward_hook(
        lambda *_: passes.append(1))
    image = pool_of(config(folder)).candidates[0]
    before = Predictor(model, 'posterior')(image.load())
    assert before.descriptor is None
    names = set(model.state_dict())
    predictor = Predictor(model, 'posterior', describe=True)
    found = predictor(image.load())
    assert len(passes) == 2 and set(model.state_dict()) == names
    torch.testing.assert_close(found.doubt, before.doubt)
    assert found.descriptor.sum() == pytest.approx(1)
    # Of the predicted class it is what the predictions say anyway.
    sample, = model.test_step(pseudo_collate([image.load()]))
    maps = torch.cat([sample.get(f'class_posterior_{c}').data
                      for c in range(3)])
    torch.testing.assert_close(
        maps.gather(0, sample.pred_sem_seg.data)[0], 1 - found.doubt)
    np.testing.assert_allclose(maps.mean((1, 2)), found.descriptor, rtol=1e-5)


def test_a_config_of_labelled_images_alone(folder):
    cfg = config(folder)
    cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.labeled
    pool = pool_of(cfg, folder=str(folder / 'images'))
    assert len(pool.candidates) == 3 and len(pool.labeled) == 1


def test_scores_that_are_no_numbers_are_named(folder):
    pool = pool_of(config(folder))
    predictor = Predictor(Pointwise(float('nan')), 'margin')
    with pytest.raises(ValueError, match='d.png: its score by margin is nan'):
        look_at(pool.candidates, predictor, 2)
    findings = look_at(pool.candidates, Predictor(Pointwise(), 'margin'), 2)
    low, high = findings[0].limits
    assert -1 <= low <= findings[0].score.score <= high < -0.99


def test_random_has_no_doubt(folder):
    image = pool_of(config(folder)).candidates[0]
    found = Predictor(Pointwise(), 'random')(image.load())
    assert found.doubt is None and found.label.shape == (20, 24)


def test_a_one_channel_head_has_its_threshold_in_views_too():
    head = fcn_head(
        num_classes=2,
        out_channels=1,
        threshold=0.3,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = build(
        'mean_teacher',
        segmentor=segmentor(decode_head=head, auxiliary_head=None),
        num_classes=2).eval()
    image = torch.randint(255, (3, 32, 32), dtype=torch.uint8)
    labels = [
        Predictor(model, by)(dict(
            inputs=[image] * count, data_samples=samples(count))).label
        for by, count in (('entropy', 1), ('views', 2))
    ]
    assert torch.equal(*labels)


def test_a_test_pipeline_is_needed():
    for settings in (dict(), dict(test_dataloader=None)):
        with pytest.raises(ValueError, match='`test_pipeline` is missing'):
            loading_pipeline(Config(settings), False)
    dataset = dict(pipeline=[LOAD, MASKS, PACK])
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    assert len(loading_pipeline(cfg, False)[0]) == 2
