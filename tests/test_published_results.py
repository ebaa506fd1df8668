# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The tables in README and docs say what the files of results say."""
import json
from pathlib import Path
from statistics import mean, stdev

import pytest
import yaml
from mmengine.config import Config

from prcl_mmseg.datasets.msrc import MSRCDataset

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks/results/camvid'
NAMES = dict(
    supervised='supervised',
    mean_teacher='mean teacher',
    prcl_reference='PRCL, published arithmetic',
    prcl_deterministic='PRCL, points instead of distributions',
    prcl='PRCL')
SPLITS = {'n6': 6, 'n12': 12, '1-16': 23}

# The splits that are finished have three seeds.
MSRC = dict(
    supervised='supervised',
    fixmatch='FixMatch',
    prcl_fixmatch='FixMatch + contrast',
    mean_teacher='mean teacher',
    prcl='mean teacher + contrast (PRCL)',
    unimatch='UniMatch V1',
    prcl_unimatch='UniMatch V1 + contrast',
    unimatch_v2='UniMatch V2',
    prcl_unimatch_v2='UniMatch V2 + contrast')


STRATEGIES = ('mean_teacher', 'unimatch_v2', 'unimatch', 'fixmatch')
BUDGETS = ('n20', 'n40', 'n80')


def with_contrast(strategy: str) -> str:
    return 'prcl' if strategy == 'mean_teacher' else f'prcl_{strategy}'


def scores_of(method: str,
              split: str,
              folder: Path = RESULTS,
              seeds: int = 3,
              choice: str = 'last') -> list:
    return [
        json.loads((folder / f'{method}_{split}_seed{seed}.json').read_text(
            encoding='utf-8'))['test'][choice]['mIoU'] for seed in range(seeds)
    ]


def spread(*of, **options) -> str:
    scores = scores_of(*of, **options)
    return f'{mean(scores):.1f} ± {stdev(scores):.1f}'


def text_of(page: str) -> str:
    """A page without its line breaks."""
    return ' '.join((ROOT / page).read_text(encoding='utf-8').split())


def tables(page: str, *starts: str) -> list:
    """Rows that begin so, as lists of cells without emphasis."""
    lines = (ROOT / page).read_text(encoding='utf-8').splitlines()
    rows = [[cell.strip().replace('*', '') for cell in line.split('|')[1:-1]]
            for line in lines if line.startswith('|')]
    return [row[1:] for row in rows if row and row[0] in starts]


@pytest.mark.parametrize('method', NAMES)
def test_page_of_camvid(method):
    rows = tables('docs/experiments_camvid.md', NAMES[method],
                  f'{NAMES[method]} (`reference`)')
    expected = [spread(method, split) for split in SPLITS]
    # Other tables of the page have other widths.
    rows = [row for row in rows if len(row) == len(expected)]
    assert rows[0] == expected


@pytest.mark.parametrize('method, name', [
    ('supervised', 'supervised'), ('mean_teacher', 'mean teacher'),
    ('prcl', 'PRCL'), ('fixmatch', 'FixMatch'),
    ('prcl_fixmatch', 'FixMatch + contrast'), ('unimatch_v2', 'UniMatch V2'),
    ('prcl_unimatch_v2', 'UniMatch V2 + contrast')])
def test_strategies_of_camvid(method, name):
    row, = tables('docs/experiments_camvid.md', f'{name}, each seed')
    files = [RESULTS / f'{method}_n6_seed{seed}.json' for seed in range(3)]
    assert files[0].is_file()
    scores = [
        json.loads(file.read_text(encoding='utf-8'))['test']['last']['mIoU']
        if file.is_file() else None for file in files
    ]
    assert row == [
        '–' if score is None else f'{score:.1f}' for score in scores]


def test_best_checkpoints_of_camvid():
    losses = [
        mean(scores_of(method, split)) - mean(
            scores_of(method, split, choice='best'))
        for method in NAMES for split in SPLITS
    ]
    assert min(losses) > -0.05
    assert f'or up to {max(losses):.1f} points less' in text_of(
        'docs/experiments_camvid.md')


@pytest.mark.parametrize(
    'page', ['README.md', 'README_zh-CN.md', 'docs/experiments.md'])
@pytest.mark.parametrize('method', MSRC)
def test_photographs(method, page):
    row, = tables(page, MSRC[method])[:1]
    folder = RESULTS.parent / 'msrc'
    measured = {
        split for split in ('n20', 'n40', 'n80', 'all')
        if len(list(folder.glob(f'{method}_{split}_seed*.json'))) == 3
    }
    assert measured
    assert row == [
        spread(method, split, folder) if split in measured else '–'
        for split in ('n20', 'n40', 'n80', 'all')
    ]


def listed(method: str, experiment: str) -> dict:
    """What the model index says of a config: mIoU by data set."""
    folder = 'prcl' if method.startswith('prcl') else method
    content = yaml.safe_load(
        (ROOT / f'configs/{folder}/metafile.yaml').read_text(encoding='utf-8'))
    model, = [
        model for model in content['Models']
        if model['Name'] == f'{method}_{experiment}'
    ]
    return {
        result['Dataset']: result['Metrics']['mIoU']
        for result in model['Results']
    }


@pytest.mark.parametrize('method', NAMES)
def test_model_index(method):
    """All splits are listed under the config that they were made from."""
    assert listed(method, 'efficientnet-lite0_camvid_1-16') == {
        f'CamVid test, {number} labelled images':
        float(spread(method, split).split()[0])
        for split, number in SPLITS.items()
    }


@pytest.mark.parametrize('method', [*MSRC, 'prcl_reference'])
def test_model_index_of_photographs(method):
    score = spread(method, 'n40', RESULTS.parent / 'msrc')
    assert listed(method, 'efficientnet-lite0_msrc_n40') == {
        'MSRC test, 40 labelled images': float(score.split()[0])
    }


def test_table_of_doubt():
    folder = RESULTS.parent / 'msrc_doubt'
    rows = [
        json.loads((folder / f'prcl_n40_seed{seed}.json').read_text(
            encoding='utf-8')) for seed in range(3)
    ]
    names = {
        '1 - max softmax': ('softmax', 'nothing'),
        'σ² of the contrast (`prototype`)': ('variance', 'variance'),
        '1 - q': ('prototype', 'prototype'),
        'σ² of views': ('views', 'views'),
        'a prediction by the student': ('student', 'student'),
        'a prediction of the flipped image': ('flip', 'flip'),
        'the estimator of views, fitted to validation errors':
        ('held_out', None),
        'all but the fitted estimator': (None, 'all')
    }
    for name, (alone, beside) in names.items():
        scores = [[row[part][key]['auroc'] for row in rows] if key else []
                  for part, key in (('alone', alone),
                                    ('beside_softmax', beside))]
        expected = [f'{mean(column):.1f} ± {stdev(column):.1f}'
                    if column else '' for column in scores]
        assert expected in tables(
            'docs/experiments_uncertainty.md', name), name


@pytest.mark.parametrize('name, key', [
    ('mIoU', 'mIoU'), ('AUROC of 1 - max softmax', 'AUROC/softmax'),
    ('AURC of 1 - max softmax', 'AURC/softmax'),
    ('AUROC of 1 - q', 'AUROC/prototype'), ('AUROC of σ²', 'AUROC/variance'),
    ('AUROC of the disagreement', 'AUROC/disagreement')])
def test_second_look(name, key):
    rows = [json.loads(path.read_text(encoding='utf-8')) for path in sorted(
        (RESULTS.parent / 'msrc_flip').glob('*.json'))]
    assert len(rows) == 6
    one, flip = ([row[part].get(key) for row in rows]
                 for part in ('single', 'flip'))
    expected = ['–', f'{mean(flip):.1f} ± {stdev(flip):.1f}', '–']
    if None not in one:
        gains = [after - before for before, after in zip(one, flip)]
        expected[0] = f'{mean(one):.1f} ± {stdev(one):.1f}'
        expected[2] = f'{mean(gains):+.1f} ± {stdev(gains):.1f}'
    assert expected in tables('docs/experiments_uncertainty.md', name)
    page = text_of('docs/uncertainty.md')
    if key == 'mIoU':
        assert (f'six of six trainings, by {min(gains):.1f} to '
                f'{max(gains):.1f} points' in page)
    if key == 'AURC/softmax':
        assert f'{-100 * mean(gains) / mean(one):.0f} % smaller' in page


@pytest.mark.parametrize('method, split', [
    *((with_contrast(strategy), split) for strategy in STRATEGIES
      for split in BUDGETS),
    ('prcl_reference', 'n40')])
def test_table_of_doubt_of_every_strategy(method, split):
    name = MSRC.get(method, 'PRCL, published arithmetic')
    rows = [
        json.loads(
            (RESULTS.parent / f'msrc/{method}_{split}_seed{seed}.json'
             ).read_text(encoding='utf-8'))['test']['last']
        for seed in range(3)
    ]
    columns = [[row[f'AUROC/{score}'] for row in rows]
               for score in ('softmax', 'variance', 'prototype',
                             'prototype_product', 'views')]
    assert tables('docs/experiments_uncertainty.md',
                  f'{name}, {split[1:]} labels') == [[
                      f'{mean(column):.1f} ± {stdev(column):.1f}'
                      for column in columns
                  ]]
    assert (min(columns[1] + columns[2]) > 50) == (method != 'prcl_reference')


@pytest.mark.parametrize('name, score', [
    ('1 - max softmax', 'softmax'),
    ('σ² of the contrast (`prototype`)', 'variance'),
    ('1 - q', 'prototype'), ('σ² of views', 'views')])
def test_table_of_doubt_with_two_classes(name, score):
    folder = RESULTS.parent / 'msrc_two_classes'
    values = [
        json.loads((folder / f'prcl_n40_seed{seed}.json').read_text(
            encoding='utf-8'))['test']['last'][f'AUROC/{score}']
        for seed in range(3)
    ]
    assert tables('docs/experiments_uncertainty.md',
                  f'{name}, two classes') == [
        [f'{mean(values):.1f} ± {stdev(values):.1f}']
    ]


@pytest.mark.parametrize('criterion', [
    'random', 'random-diverse', 'entropy', 'entropy-diverse', 'posterior',
    'posterior-diverse', 'variance', 'views', 'margin'])
def test_table_of_labels_next(criterion):
    name = f'`{criterion.replace("-", " --")}`'
    assert tables('docs/experiments.md', name) == [
        compared('msrc_label_next/supervised_random',
                 f'msrc_label_next/supervised_{criterion}')
    ]


PARTS = {
    'PRCL, the default': 'msrc/prcl_n40',
    'published arithmetic (`prcl_reference`)': 'msrc/prcl_reference_n40',
    'points instead of distributions': 'msrc/prcl_points_n40',
    'prototypes label, too': 'msrc/prcl_labels_n40',
    'embedding at stride 8, not 4': 'msrc_design/stride_8_n40',
    'doubtful pixels, too (δ_w = 0)': 'msrc_design/doubtful_pixels_n40',
    'teacher momentum 0.01, not 0.03': 'msrc_design/momentum_01_n40',
    'weights: the softmax': 'msrc_weighting/by_softmax_n40',
    'weights: q of the prototypes': 'msrc_weighting/by_prototypes_n40',
    'weights: 1 - σ² of views': 'msrc_weighting/by_views_n40'
}


@pytest.mark.parametrize('name', PARTS)
def test_table_of_parts(name):
    assert tables('docs/experiments.md', name) == [
        compared('msrc/prcl_n40', PARTS[name])
    ]


@pytest.mark.parametrize('base, change', [
    ('msrc/prcl_n20', 'msrc_weighting/by_views_n20'),
    ('msrc/prcl_n40', 'msrc_design/momentum_01_n40')])
def test_single_changes(base, change):
    first, second, third = (
        f'{after - before:+.1f}'
        for before, after in zip(seeds_of(base), seeds_of(change)))
    assert f'{first}, {second} and {third} points' in text_of(
        'docs/experiments.md')


@pytest.mark.parametrize('split', BUDGETS)
@pytest.mark.parametrize('strategy', STRATEGIES)
def test_table_of_gains(strategy, split):
    row = f'{MSRC[strategy]}, {split[1:]} labels'
    assert tables('docs/experiments.md', row) == [
        gains(f'msrc/{strategy}_{split}',
              f'msrc/{with_contrast(strategy)}_{split}')
    ]


def test_how_often_the_contrast_gains():
    gained = [[
        value - base
        for value, base in zip(
            seeds_of(f'msrc/{with_contrast(strategy)}_{split}'),
            seeds_of(f'msrc/{strategy}_{split}'))
    ] for strategy in STRATEGIES for split in BUDGETS]
    pairs = [value > 0 for values in gained for value in values]
    clear = [mean(values) > stdev(values) for values in gained]
    for page in ('README.md', 'docs/experiments.md'):
        assert f'{sum(pairs)} of {len(pairs)} pairs of trainings' in text_of(
            page)
    assert (f'larger than its standard deviation in {sum(clear)} of the '
            f'{len(clear)} cases') in text_of('docs/experiments.md')


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_table_of_the_gap(strategy):
    least, most = (mean(seeds_of(f'msrc/supervised_{split}'))
                   for split in ('n40', 'all'))
    assert tables('docs/experiments.md',
                  f'{MSRC[strategy]}, 40 labels of 291') == [[
                      f'{(mean(seeds_of(name)) - least) / (most - least):.0%}'
                      .rstrip('%')
                      for name in (f'msrc/{strategy}_n40',
                                   f'msrc/{with_contrast(strategy)}_n40')
                  ]]


# The first of each strategy is what its configs have.
SEARCH = {
    'FixMatch, δ_u = 0.95': 'fixmatch',
    'FixMatch, δ_u = 0.8': 'fixmatch_sure_80',
    'FixMatch, δ_u = 0.6': 'fixmatch_sure_60',
    'UniMatch V1, δ_u = 0.95': 'unimatch',
    'UniMatch V1, δ_u = 0.8': 'unimatch_sure_80',
    'UniMatch V1, δ_u = 0.6': 'unimatch_sure_60',
    'mean teacher, δ_u = 0.97, momentum 0.03': 'mean_teacher',
    'mean teacher, δ_u = 0.97, momentum 0.01': 'mean_teacher_sure_97',
    'mean teacher, δ_u = 0.8, momentum 0.01': 'mean_teacher_sure_80',
    'UniMatch V2, δ_u = 0.95, momentum 0.01': 'unimatch_v2',
    'UniMatch V2, δ_u = 0.8, momentum 0.01': 'unimatch_v2_sure_80',
    'UniMatch V2, δ_u = 0.95, momentum 0.03': 'unimatch_v2_momentum_03'
}


@pytest.mark.parametrize('setting', SEARCH)
def test_table_of_the_search(setting):
    method = SEARCH[setting]
    folder = 'msrc' if method in MSRC else 'msrc_search'
    file = ROOT / f'benchmarks/results/{folder}/{method}_n40_seed0.json'
    result = json.loads(file.read_text(encoding='utf-8'))
    expected = [f"{result[part]['last']['mIoU']:.1f}"
                for part in ('val', 'test')]
    assert tables('docs/experiments.md', setting) == [expected]


@pytest.mark.parametrize('run, told', [
    ('unimatch_n40_seed1', '{} points (seed 1)'),
    ('unimatch_n40_seed2', '{} (seed 2)'),
    ('unimatch_n40_seed1', 'on the test images by {} and'),
    ('unimatch_n40_seed2', 'and {}. With the contrast (seed 0)'),
    ('prcl_unimatch_n40_seed0', 'it changes them by {} and'),
    ('prcl_unimatch_n40_seed0', 'and {}. So UniMatch V1 keeps 0.95.')])
def test_another_threshold_with_other_lists(run, told):
    other, own = (json.loads(
        (ROOT / f'benchmarks/results/{folder}/{run}.json').read_text(
            encoding='utf-8')) for folder in ('msrc_threshold', 'msrc'))
    assert other['config']['model']['strategy']['loss']['threshold'] == 0.8
    part = 'test' if 'on the test' in told or told[:3] == 'and' else 'val'
    gain = other[part]['last']['mIoU'] - own[part]['last']['mIoU']
    assert told.format(f'{gain:+.1f}') in text_of('docs/experiments.md')


@pytest.mark.parametrize('told, precision', [
    ('On the H200 PRCL with 40 labels has {}', 'fp32'),
    ('{} with float16', 'fp16'), ('{} with bfloat16', 'bf16')])
def test_precision(told, precision):
    score = spread(precision, 'n40', RESULTS.parent / 'msrc_precision')
    assert told.format(score) in text_of('docs/experiments.md')


def seeds_of(name: str) -> list:
    """Test mIoU of three seeds; None where a training is missing."""
    files = (RESULTS.parent / f'{name}_seed{seed}.json' for seed in range(3))
    return [json.loads(file.read_text(encoding='utf-8'))['test']['last'][
        'mIoU'] if file.is_file() else None for file in files]


def gains(baseline: str, name: str) -> list:
    """What each seed gains over the baseline, and the mean."""
    values = [value - base
              for value, base in zip(seeds_of(name), seeds_of(baseline))]
    return [*(f'{value:+.1f}' for value in values),
            f'{mean(values):+.1f} ± {stdev(values):.1f}']


def compared(baseline: str, name: str) -> list:
    """Scores of three seeds, their mean, and the mean gain."""
    values = seeds_of(name)
    cells = ['–' if value is None else f'{value:.1f}' for value in values]
    if None in values:
        return [*cells, '–', '–']
    return [*cells, f'{mean(values):.1f} ± {stdev(values):.1f}',
            '' if name == baseline else gains(baseline, name)[-1]]


def test_table_of_rare_classes():
    grid = Config.fromfile(ROOT / 'benchmarks/grids/msrc_rare_classes.py')
    weights, = (value for name, value in
                grid.methods.class_weights.cfg_options.items()
                if name.endswith('class_weight'))
    rare = [name for _, name in sorted(zip(
        weights, MSRCDataset.METAINFO['classes']), reverse=True)[:5]]
    told = (ROOT / 'docs/own_data.md').read_text(encoding='utf-8')
    assert f'{", ".join(rare[:-1])} and {rare[-1]}.' in told
    names = {
        'none of them': 'mean_teacher',
        'weights for the classes': 'class_weights',
        'images with rare classes more often': 'class_balanced',
        'only the hard pixels': 'ohem',
        'a Dice loss': 'dice'
    }
    for name, method in names.items():
        folder = 'msrc_rare_classes' if method != 'mean_teacher' else 'msrc'
        file = RESULTS.parent / f'{folder}/{method}_n40_seed0.json'
        last = json.loads(file.read_text(encoding='utf-8'))['test']['last']
        expected = [f'{last["mIoU"]:.1f}',
                    f'{mean(last["class_iou"][label] for label in rare):.1f}']
        assert tables('docs/own_data.md', name) == [expected]


@pytest.mark.parametrize('method', ['supervised', 'mean_teacher', 'prcl'])
def test_model_index_of_the_demo(method):
    score = spread(method, 'n4', RESULTS.parent / 'demo', seeds=2)
    assert listed(method, 'demo') == {
        'Generated scenes': float(score.split()[0])
    }


def test_step_on_a_gpu():
    rows = json.loads((RESULTS.parent / 'train_step_h200.json').read_text(
        encoding='utf-8'))
    networks = {
        'r101_voc_1-16': 'R-101',
        'dinov2-b_voc_92': 'DINOv2-B'
    }
    for experiment, network in networks.items():
        for crop in (321, 512, 518):
            told = [
                row[-3:] for row in tables('docs/benchmarks.md',
                                           f'{network}, {crop}')
            ]
            assert told == [[
                f'{1000 * row["seconds"]:.0f}', f'{8 / row["seconds"]:.0f}',
                f'{row["state_mib"] + row["peak_mib"]:.0f}'
            ] for row in rows
                            if (row['experiment'],
                                row['crop']) == (experiment, crop)]


def test_kernels_on_a_gpu():
    rows = json.loads(
        (RESULTS.parent / 'pairwise_kernels_h200.json').read_text(
            encoding='utf-8'))
    told = tables('docs/benchmarks.md', '21 × 256 anchors, 21 prototypes',
                  '150 × 35 anchors, 150 prototypes',
                  '84 × 64 anchors, 513 pixels')
    assert told == [[
        row['kernel'], f'{1000 * row["seconds"]:.3f}',
        f'{1000 * row["plain"]:.2f}', f'{row["plain"] / row["seconds"]:.1f}',
        f'{1000 * row["bytes"]:.3f}', f'{1000 * row["arithmetic"]:.3f}'
    ] for row in rows]
