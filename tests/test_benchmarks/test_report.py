# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Numbers of the report, against means computed by hand."""
import pytest
from experiments import Grid, write_report

GRID = Grid('toy', ['plain', 'new', 'later'], ['n6', '1-16'], [0, 1, 2],
            [None] * 18)


def make_row(method, split, seed, last, best, **settings) -> dict:
    def scores(value):
        return dict(step=9, mIoU=value, aAcc=90.0, mAcc=50.0,
                    class_iou=dict(cat=value + 1, dog=None),
                    **{'AUROC/variance': value / 100})

    role = {'teacher/mIoU': last + 5, 'student/mIoU': last + 4}
    return dict(
        dict(
            method=method, split=split, seed=seed, status='done',
            test=dict(last=scores(last), best=scores(best)),
            val=dict(last=role, best=role), val_is_test=False,
            pseudo_labels=dict(mIoU=last + 2, aAcc=88.0),
            seconds_per_iter=0.5 + seed, peak_memory_mib=1000.4 + seed,
            device='CPU', threads='1', versions=dict(prcl_mmseg='0', x=None)),
        **settings)


@pytest.fixture
def rows():
    return [
        make_row('plain', 'n6', 0, 40.0, 42.0),
        make_row('plain', 'n6', 1, 41.0, 42.0),
        make_row('plain', 'n6', 2, 45.0, 45.0),
        make_row('new', 'n6', 0, 43.0, 43.0),
        make_row('new', 'n6', 1, 42.0, 44.0),
        make_row('new', 'n6', 2, 50.0, 50.0),
        make_row('plain', '1-16', 0, 60.0, 60.0),
        make_row('new', '1-16', 0, 59.0, 60.5),
        make_row('new', '1-16', 1, 61.0, 62.0),
    ]


def section(text: str, title: str) -> list:
    """The lines of a section's table below its head."""
    body = text.split(f'\n## {title}\n')[1].split('\n## ')[0]
    return [line for line in body.splitlines() if line.startswith('| ')][1:]


def test_means_and_sample_deviations(rows):
    text = write_report(GRID, rows, [], [])
    # 40, 41, 45: mean 42, squares 4 + 1 + 9 over 2, root of 7 = 2.65.
    # 43, 42, 50: mean 45, squares 4 + 9 + 25 over 2, root of 19 = 4.36.
    assert section(text, 'Test mIoU (%), last checkpoint') == [
        '| plain | 42.0 ± 2.6 | 60.0 (1) |',
        '| new | 45.0 ± 4.4 | 60.0 ± 1.4 (2) |',
    ]
    # 42, 42, 45: mean 43, squares 1 + 1 + 4 over 2, root of 3 = 1.73.
    assert section(
        text, 'Test mIoU (%), checkpoint with the best validation score') == [
            '| plain | 43.0 ± 1.7 | 60.0 (1) |',
            '| new | 45.7 ± 3.8 | 61.2 ± 1.1 (2) |',
        ]


def test_differences_are_between_runs_of_the_same_seed(rows):
    text = write_report(GRID, rows, [], [])
    # 3, 1, 5: mean 3, squares 0 + 4 + 4 over 2 = 4, root 2.
    assert section(
        text, 'Test mIoU (%) minus that of plain with the same seed, last '
        'checkpoint') == ['| new | +3.0 ± 2.0 | -1.0 (1) |']
    text = write_report(GRID, rows, [], [], baseline='new')
    assert section(
        text, 'Test mIoU (%) minus that of new with the same seed, last '
        'checkpoint') == ['| plain | -3.0 ± 2.0 | +1.0 (1) |']


def test_other_tables(rows):
    text = write_report(GRID, rows, [], [])
    assert section(
        text, 'Validation mIoU (%) of teacher / student, last checkpoint'
    )[0] == '| plain | 47.0 ± 2.6 / 46.0 ± 2.6 | 65.0 (1) / 64.0 (1) |'
    assert section(
        text, 'Predictions for the unlabelled images: mIoU / accuracy (%), '
        'last checkpoint')[0] == (
            '| plain | 44.0 ± 2.6 / 88.0 ± 0.0 | 62.0 (1) / 88.0 (1) |')
    assert section(text, 'Other test scores, n6, last checkpoint') == [
        '| AUROC/variance | 0.420 ± 0.026 | 0.450 ± 0.044 |']
    assert section(text, 'Other test scores, 1-16, last checkpoint') == [
        '| AUROC/variance | 0.600 (1) | 0.600 ± 0.014 (2) |']
    assert section(text, 'Test IoU (%) of classes, n6, last checkpoint') == [
        '| cat | 43.0 ± 2.6 | 46.0 ± 4.4 |', '| dog | – | – |']
    # Median of 0.5, 1.5, 2.5, 0.5.
    assert section(text, 'Costs')[0] == '| plain | 1 | 1002 |'
    assert '* 9 run(s): prcl_mmseg 0' in text
    assert 'same here' not in text


def test_costs_of_two_devices_are_not_mixed(rows):
    for row in rows:
        if row['split'] == '1-16':
            row['device'] = 'GPU 0'
    text = write_report(GRID, rows, [], [])
    assert section(text, 'Costs') == [
        '| plain | 1.5 | 1002 |', '| new | 1.5 | 1002 |',
        '| method | seconds per iteration | peak memory (MiB) |',
        '| plain | 0.5 | 1000 |',
        '| new | 1 | 1001 |'
    ]
    assert text.index('On CPU, 1 thread') < text.index('On GPU 0, 1 thread')


def test_gradients_of_the_contrast_by_quarters(rows):
    for row in rows:
        if row['method'] == 'new':
            row['monitors'] = dict(
                gradient_contrast=[2.0, 1.0, None, 0.0],
                gradient_pseudo=[1.0, 4.0 + row['seed'], 1.0, 0.0])
    text = write_report(GRID, rows, [], [])
    # 1/4, 1/5, 1/6: mean 0.206, deviation 0.042.
    assert section(
        text, "Gradient norm of the contrast over that of the pseudo-labels' "
        'loss, in each quarter of the training') == [
            '| plain | – / – / – / – | – / – / – / – |',
            '| new | 2.00 ± 0.00 / 0.21 ± 0.04 / – / – '
            '| 2.00 ± 0.00 (2) / 0.23 ± 0.04 (2) / – / – |']


def test_other_scores_of_the_unlabelled_images(rows):
    rows[0]['pseudo_labels']['AUROC/variance'] = 0.5
    text = write_report(GRID, rows, [], [])
    assert section(
        text, 'Other scores on the unlabelled images, n6, last checkpoint'
    ) == ['| AUROC/variance | 0.500 (1) | – |']
    assert 'Other scores on the unlabelled images, 1-16' not in text


def test_supervised_alone_has_no_teacher(rows):
    for row in rows:
        for scores in row['val'].values():
            scores.pop('teacher/mIoU', None)
        row['pseudo_labels'] = None
    text = write_report(GRID, rows, [], [])
    assert '| plain | – / 46.0 ± 2.6 |' in text
    assert 'Predictions for the unlabelled' not in text


def test_the_best_checkpoint_chosen_on_test_images_is_named(rows):
    rows[0]['val_is_test'] = True
    assert 'same here' in write_report(GRID, rows, [], [])


def test_unknown_baseline(rows):
    with pytest.raises(ValueError, match='--baseline old.*plain, new, later'):
        write_report(GRID, rows, [], [], baseline='old')
