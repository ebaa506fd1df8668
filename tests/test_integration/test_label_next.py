# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The tool that says which images to label next, from the shell's side."""
import csv
import os
from functools import partial
from pathlib import Path

import pytest
import torch

from prcl_mmseg.datasets import UnlabeledDataset, read_split

CLASSES = ('ground', 'disc', 'bar')


@pytest.fixture
def propose(write_by_tool):
    return partial(write_by_tool, 'analysis_tools/label_next.py')


def table_of(out: Path) -> list:
    with (out / 'scores.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def names_of(scenes: Path, ann_file: Path) -> list:
    data = UnlabeledDataset(data_root=str(scenes), ann_file=str(ann_file))
    return [os.path.basename(data.get_data_info(index)['img_path'])
            for index in range(len(data))]


@pytest.mark.parametrize('method, by, options', [
    ('prcl', 'variance', ['--no-diverse']), ('prcl', 'posterior', []),
    ('prcl', 'views', ['--diverse', '--role', 'student']),
    ('supervised', 'entropy', []),
    ('mean_teacher', 'margin', ['--no-diverse']),
    ('supervised', 'random', []), ('prcl', 'random', ['--diverse'])])
def test_lists_table_and_page(trained, propose, scene_folder, method, by,
                              options):
    before = sorted(scene_folder.rglob('*'))
    out = propose(*trained(method), '--by', by, '--count', 2, *options)
    assert sorted(scene_folder.rglob('*')) == before
    chosen, rest = (names_of(scene_folder, out / f'{name}.txt')
                    for name in ('label_next', 'unlabeled'))
    assert len(chosen) == 2
    assert sorted(chosen + rest) == [f'unlabeled{i}.png' for i in range(6)]
    rows = table_of(out)
    assert list(rows[0]) == ['path', 'score', 'rank', 'chosen',
                             'most_doubtful_class']
    by_rank = sorted(rows, key=lambda row: int(row['rank']))
    scores = [float(row['score']) for row in by_rank]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1
    order = sorted((row['chosen'], os.path.basename(row['path']))
                   for row in rows if row['chosen'])
    assert [name for _, name in order] == chosen
    page = (out / 'index.html').read_text(encoding='utf-8')
    diverse = options[:1] == ['--diverse'] or not options and by != 'random'
    assert ('far from the labelled images' in page) == diverse
    if not diverse:
        assert [row['chosen'] for row in by_rank] == ['1', '2'] + [''] * 4
    classes = {row['most_doubtful_class'] for row in rows}
    assert classes <= ({''} if by == 'random' else set(CLASSES))
    pictures = sorted(path.name for path in (out / 'pictures').iterdir())
    assert len(pictures) == (4 if by == 'random' else 6)
    assert all(f'pictures/{name}' in page for name in pictures)
    for line in (out / 'label_next.txt').read_text().splitlines():
        assert f'value="{line}"' in page


def test_next_round(trained, propose, scene_folder, tmp_path):
    """What was labelled is not proposed again, and the seed fixes chance."""
    config, checkpoint = trained()
    first = propose(config, checkpoint, '--by', 'random', '--count', 3)
    again = propose(config, checkpoint, '--by', 'random', '--count', 3,
                    out='again')
    other = propose(config, checkpoint, '--by', 'random', '--count', 3,
                    '--seed', 1, out='other')
    lines, same, differ = ((folder / 'label_next.txt').read_text()
                           for folder in (first, again, other))
    assert lines == same != differ
    # The masks that are drawn: any will do here.
    labeled = (scene_folder / 'labeled.txt').read_text() + '\n'
    for entry in read_split(first / 'label_next.txt'):
        labeled += f'{entry.image} masks/labeled0.png\n'
    (tmp_path / 'labeled.txt').write_text(labeled)
    key = 'train_dataloader.dataset'
    left = propose(config, checkpoint, '--count', 3, '--cfg-options',
                   f'{key}.labeled.ann_file={tmp_path}/labeled.txt',
                   out='next')
    assert read_split(left / 'unlabeled.txt') == []
    assert not {entry.image for entry in read_split(left / 'label_next.txt')
                } & {entry.image
                     for entry in read_split(first / 'label_next.txt')}


def test_a_folder_of_images(trained, propose, scene_folder):
    out = propose(*trained('supervised'), '--images',
                  scene_folder / 'images', '--count', 1, '--by', 'views')
    # Neither the labelled ones nor those of the validation.
    assert [os.path.basename(row['path']) for row in table_of(out)
            ] == [f'unlabeled{index}.png' for index in range(6)]
    assert len(names_of(scene_folder, out / 'unlabeled.txt')) == 5


@pytest.mark.parametrize('method, arguments, words', [
    ('prcl', ['--count', '7'], ['--count 7', 'only 6', 'fewer']),
    ('prcl', ['--count', '0'], ['at least 1']),
    ('prcl', ['--images', 'nowhere'], ["'nowhere' is no folder"]),
    ('prcl', ['--by', 'beauty'], ['beauty', 'entropy']),
    ('mean_teacher', ['--by', 'variance', '--count', '1'],
     ['--by variance', 'pred_variance', 'entropy, margin, views, random']),
    ('prcl', ['--by', 'views', '--count', '1', '--cfg-options',
              'tta_pipeline=None'],
     ['--by views', 'tta_pipeline', 'variance, entropy']),
    ('prcl', ['--cfg-options', 'train_dataloader.dataset.unlabeled=None'],
     ['train_dataloader.dataset.unlabeled', '--images']),
    ('prcl', ['--cfg-options',
              'train_dataloader.dataset.unlabeled.ann_file=gone.txt'],
     ['gone.txt', 'ann_file']),
])
def test_wrong_arguments_are_named_before_any_prediction(
        trained, propose, capsys, tmp_path, method, arguments, words):
    with pytest.raises(SystemExit):
        propose(*trained(method), *arguments)
    said = capsys.readouterr()
    for word in words:
        assert word in said.err
    assert 'task/s' not in said.out and not (tmp_path / 'out').exists()


def test_class_names_are_needed(trained, propose, capsys):
    config, path = trained('supervised')
    checkpoint = torch.load(path)
    checkpoint['meta']['dataset_meta']['classes'] = ('ground', 'disc')
    torch.save(checkpoint, path)
    with pytest.raises(SystemExit):
        propose(config, path, '--count', 1)
    assert 'has 2 classes, but the model has 3' in capsys.readouterr().err


def test_earlier_results_are_kept(trained, propose, capsys):
    files = trained('supervised')
    out = propose(*files, '--count', 1, '--by', 'random')
    with pytest.raises(SystemExit):
        propose(*files, '--count', 2, '--by', 'random')
    assert '--overwrite' in capsys.readouterr().err
    propose(*files, '--count', 2, '--by', 'random', '--overwrite')
    assert len(read_split(out / 'label_next.txt')) == 2
