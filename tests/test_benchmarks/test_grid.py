# Copyright (c) prcl_mmseg authors. All rights reserved.
import re
from pathlib import Path

import pytest
from experiments import load_grid
from experiments.fingerprint import changed_keys, plain
from mmseg.registry import MODELS

from prcl_mmseg.engine.launch import adapt_to_run

ROOT = Path(__file__).resolve().parents[2]
GRIDS = ROOT / 'benchmarks/grids'
CONFIG = '''
train_cfg = dict(max_iters=4)
model = dict(rate=1, decay=1, depth=1)
train_dataloader = dict(dataset=dict(labeled=dict(ann_file='')))
test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
custom_hooks = [dict(type='MeanTeacherHook')]
work_dir = 'somewhere'
'''


@pytest.fixture
def write(tmp_path):
    (tmp_path / 'a.py').write_text(CONFIG)

    def write(name: str = 'grid', **settings) -> str:
        content = dict(
            dict(methods=dict(a=dict(config='a.py')), splits=dict(all={}),
                 seeds=[0]), **settings)
        path = tmp_path / f'{name}.py'
        path.write_text('\n'.join(f'{key} = {value!r}'
                                  for key, value in content.items()
                                  if value is not None))
        return str(path)

    return write


def test_options_of_a_method_go_before_those_of_its_split(write):
    grid = load_grid(
        write(
            methods=dict(
                a=dict(config='a.py'),
                b=dict(config='a.py', cfg_options={'model.depth': 4})),
            splits=dict(
                s=dict(
                    labeled='{seed}/l.txt',
                    cfg_options={
                        'model.decay': 3,
                        'model.depth': 3
                    })),
            seeds=[5, 7],
            cfg_options={
                'model.rate': 2,
                'model.decay': 2
            }), ROOT)
    assert [(run.method, run.seed) for run in grid.runs] == [
        ('a', 5), ('b', 5), ('a', 7), ('b', 7)]
    first, second = grid.runs[:2]
    assert first.config.model == dict(rate=2, decay=3, depth=3)
    assert second.config.model == dict(rate=2, decay=3, depth=4)
    assert first.config.randomness.seed == 5
    assert first.config.train_dataloader.dataset.labeled.ann_file == '5/l.txt'
    assert first.config.test_evaluator == dict(
        type='ClassIoUMetric', iou_metrics=['mIoU'])
    assert 'work_dir' not in first.config
    assert len({run.config_hash for run in grid.runs}) == 4
    assert changed_keys(plain(first.config), plain(second.config)) == [
        'model.depth: 3 -> 4']


def test_what_is_switched_off_does_not_make_another_run(write):
    hashes = [
        load_grid(write(cfg_options={
            'auto_scale_lr.enable': enable,
            'auto_scale_lr.base_batch_size': size
        }), ROOT).runs[0].config_hash
        for enable, size in [(False, 4), (False, 16), (True, 4), (True, 16)]
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_the_list_to_score_may_come_from_the_split(write):
    folder = {'train_dataloader.dataset.unlabeled': dict(type='A')}
    grid = dict(pseudo_labels=True, cfg_options=folder)
    load_grid(write(splits=dict(s=dict(unlabeled='u.txt')), **grid), ROOT)
    with pytest.raises(ValueError, match='no list with masks'):
        load_grid(write(**grid), ROOT)


def test_a_wrapper_reads_no_list_itself(write):
    wrapped = dict(
        _delete_=True, type='RepeatDataset', times=2,
        dataset=dict(type='RepeatDataset', times=3,
                     dataset=dict(type='BaseSegDataset')))
    run = load_grid(write(
        splits=dict(s=dict(labeled='l.txt')),
        cfg_options={'train_dataloader.dataset.labeled': wrapped}),
        ROOT).runs[0]
    labeled = run.config.train_dataloader.dataset.labeled
    assert labeled.dataset.dataset.ann_file == 'l.txt'
    assert 'ann_file' not in labeled


@pytest.mark.parametrize('place', ['.', 'root'])
def test_a_changed_list_makes_another_run(write, tmp_path, monkeypatch, place):
    """Below data_root, or else below the working directory."""
    (tmp_path / place).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    grid = write(splits=dict(s=dict(labeled='l.txt')), cfg_options={
        'train_dataloader.dataset.labeled.data_root': 'root'})
    hashes = set()
    for content in ('a', 'b'):
        (tmp_path / place / 'l.txt').write_text(content)
        hashes.add(load_grid(grid, ROOT).runs[0].data_hash)
    assert len(hashes) == 2


def test_a_grid_may_inherit_another_and_find_configs_from_the_root(
        write, tmp_path):
    write()
    path = tmp_path / 'sub' / 'short.py'
    path.parent.mkdir()
    path.write_text("_base_ = '../grid.py'\nseeds = [3, 4]\n")
    grid = load_grid(str(path), str(tmp_path))
    assert (grid.name, [run.seed for run in grid.runs]) == ('short', [3, 4])


@pytest.mark.parametrize('settings, message', [
    (dict(cfg_option={}), "unknown key 'cfg_option'"),
    (dict(methods=None), 'methods in .* must be a dict'),
    (dict(methods=dict(a=dict())), r"methods\['a'\] in .* needs config="),
    (dict(methods={'a b': dict(config='a.py')}), "the name 'a b'"),
    (dict(methods=dict(a='a.py')), r"methods\['a'\] in .* must be a dict"),
    (dict(splits=dict(s=dict(labelled='x'))), "unknown key 'labelled'"),
    (dict(splits=dict(s=dict(unlabeled='x'))), 'dataset.unlabeled to read'),
    (dict(seeds=[]), 'seeds in .* must be a list'),
    (dict(seeds=[1, 1]), 'different integers'),
    (dict(seeds=3), 'seeds in .* must be a list'),
    (dict(pseudo_labels=True), 'no list with masks to score'),
    (dict(methods={8: dict(config='a.py')}), 'the name 8'),
    (dict(methods=dict(a=dict(config=['a.py']))), "needs config='path"),
    (dict(splits=dict(s=dict(labeled=5))), r"splits\['s'\].labeled in .* 5"),
    (dict(cfg_options='a=1'), "cfg_options must be .* is 'a=1'"),
    (dict(cfg_options={'test_evaluator': None}), 'no test_evaluator'),
    (dict(cfg_options={'default_hooks.checkpoint.save_best': ['mIoU']}),
     r"save_best=\['mIoU'\]"),
    (dict(cfg_options={'default_hooks.checkpoint.save_best': 'auto'}),
     "save_best='auto'"),
    (dict(cfg_options={'train_confg.max_iters': 3}),
     r"for methods\['a'\] in .* did you mean 'train_cfg'"),
    (dict(splits=dict(s=dict(cfg_options={'modell.rate': 3}))),
     r"of splits\['s'\] in .* did you mean 'model'"),
    (dict(methods=dict(a=dict(config='a.py', cfg_options={'modl.rate': 3}))),
     r"of methods\['a'\] in .* did you mean 'model'"),
    (dict(methods=dict(a=dict(config='a.py'), a_b=dict(config='a.py')),
          splits=dict(b_c={}, c={})),
     '"a_b, split c, seed 0" and that of "a, split b_c, seed 0"'),
    (dict(cfg_options=dict(train_cfg=dict(_delete_=True, max_epochs=3))),
     'no train_cfg.max_iters'),
])
def test_bad_grids(write, settings, message):
    with pytest.raises(ValueError, match=message):
        load_grid(write(**settings), ROOT)


@pytest.mark.parametrize('name, text, message', [
    ('grid.py', 'methods = dict(', "config '.*grid.py': .*never closed"),
    ('a.py', "_base_ = 'nowhere.py'", r"methods\['a'\] in .*nowhere.py")])
def test_files_that_cannot_be_read(write, tmp_path, name, text, message):
    path = write()
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_grid(path, ROOT)


def test_missing_config(write):
    path = write(methods=dict(a=dict(config='b.py')))
    with pytest.raises(FileNotFoundError, match=r"methods\['a'\].config"):
        load_grid(path, ROOT)


@pytest.mark.parametrize('path', sorted(GRIDS.glob('*.py')),
                         ids=lambda path: path.stem)
def test_methods_of_a_ready_grid_differ_in_the_method_only(path):
    grid = load_grid(str(path), ROOT)
    assert len(grid.runs) == len(grid.methods) * len(grid.splits) * len(
        grid.seeds)
    for run in grid.runs:
        twin = next(other for other in grid.runs if
                    (other.split, other.seed) == (run.split, run.seed))
        differing = {
            key for key in {*run.config, *twin.config}
            if run.config.get(key) != twin.config.get(key)
        }
        # Branches of a method may learn at a rate of their own, and only some
        # methods have a σ² to score. 'contrast' is what 'method' is made of.
        allowed = {
            'model', 'method', 'contrast', 'optim_wrapper', 'test_evaluator'
        }
        # What the labelled images teach is changed there.
        if path.stem == 'msrc_rare_classes':
            allowed.add('train_dataloader')
            for config in (run.config, twin.config):
                for key in ('loss_decode', 'sampler'):
                    config.model.segmentor.decode_head.pop(key, None)
        assert differing <= allowed
        assert run.config.model.segmentor == twin.config.model.segmentor


@pytest.mark.parametrize('path', sorted(GRIDS.glob('*.py')),
                         ids=lambda path: path.stem)
def test_methods_of_a_ready_grid_can_be_built(path):
    """A key that the model does not know would be an argument too many."""
    pytest.importorskip('mmpretrain')
    pytest.importorskip('timm')
    grid = load_grid(str(path), ROOT)
    for method in grid.methods:
        run = next(run for run in grid.runs if run.method == method)
        adapt_to_run(run.config, launcher='none')
        MODELS.build(run.config.model)


def test_the_grid_that_is_documented(tmp_path):
    page = (ROOT / 'docs/grids.md').read_text()
    path = tmp_path / 'documented.py'
    path.write_text(re.search(r'```python\n(.*?)```', page, re.DOTALL)[1])
    grid = load_grid(str(path), ROOT)
    assert len(grid.runs) == 9
    sharp = next(run for run in grid.runs if run.method == 'prcl_sharp')
    contrast = sharp.config.model.terms.contrast
    assert contrast.similarity.temperature == 0.1
    assert sharp.max_iters == 300


def test_another_metric_goes_beside_the_ious(write):
    metrics = [dict(type='IoUMetric'), dict(type='OtherMetric')]
    run, = load_grid(
        write(cfg_options=dict(test_evaluator=metrics)), ROOT).runs
    assert [metric['type'] for metric in run.config.test_evaluator] == [
        'ClassIoUMetric', 'OtherMetric']
