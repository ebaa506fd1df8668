# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What the documentation shows is there and works."""
import re
import shlex
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS
from tiny import build, segmentor, semi_batch
from torch import nn

from prcl_mmseg.engine.launch import adapt_to_run

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob('*.md')), *sorted((ROOT / 'docs').rglob('*.md'))]
# Flags are defined in the script, or in what several scripts share.
SHARED = ('prcl_mmseg/engine/tool_config.py', 'benchmarks/measure.py',
          'tools/train.py', 'tools/test.py')


def blocks(page: Path, language: str) -> list:
    return re.findall(rf'^```{language}\n(.*?)^```', page.read_text(),
                      re.DOTALL | re.MULTILINE)


def commands() -> list:
    result = []
    for page in PAGES:
        for block in blocks(page, 'bash'):
            for line in block.replace('\\\n', ' ').splitlines():
                words = shlex.split(line, comments=True)
                scripts = [
                    word for word in words[:3]
                    if word.startswith(('tools/', 'benchmarks/', 'tests/'))
                ]
                if scripts:
                    result.append(
                        pytest.param(
                            scripts[0], words, id=f'{page.name}: {line}'))
    return result


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), target


def headings(page: Path) -> set:
    """As GitHub and the site name them in links."""
    text = re.sub(r'^```.*?^```', '', page.read_text(encoding='utf-8'),
                  flags=re.DOTALL | re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')
        for title in re.findall(r'^#+ (.*)', text, re.MULTILINE)
    }


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page):
    links = re.findall(r'\]\(([^):#]*)#([^)]*)\)', page.read_text())
    for target, heading in links:
        other = page.parent / target if target else page
        assert heading in headings(other), f'{target}#{heading}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_lines_are_short(page):
    """All but code, rows of tables, formulas and links to pictures."""
    text = re.sub(r'^```.*?^```', '', page.read_text(encoding='utf-8'),
                  flags=re.DOTALL | re.MULTILINE)
    assert not [line for line in text.splitlines() if len(line) > 120 and
                not line.startswith(('|', '$$', '!['))]


@pytest.mark.parametrize('script, words', commands())
def test_commands_name_what_exists(script, words):
    assert (ROOT / script).is_file()
    known = ''.join((ROOT / path).read_text() for path in (script, *SHARED))
    for word in words:
        if word.startswith('configs/') and '{' not in word:
            assert (ROOT / word).is_file(), word
        if word.startswith('--'):
            assert f"'{word.split('=')[0]}'" in known, word


def configs() -> list:
    return [
        pytest.param(block, id=f'{page.name}-{number}') for page in PAGES
        for number, block in enumerate(blocks(page, 'python'))
        if re.search(r'^_base_ =', block, re.MULTILINE)
        # With files of one's own beside it: the page has its own test.
        and not re.search(r"'my_\w+\.py'", block)
    ]


@pytest.mark.parametrize('text', configs())
def test_configs_can_be_built(text, tmp_path):
    text = text.replace("'configs/", f"'{ROOT}/configs/")
    text = text.replace("'../_base_/", f"'{ROOT}/configs/_base_/")
    path = tmp_path / 'shown.py'
    path.write_text(text)
    cfg = Config.fromfile(path)
    adapt_to_run(cfg, launcher='none')
    if cfg.model.get('segmentor'):
        MODELS.build(cfg.model)


def test_default_hooks_have_the_places_that_pages_name():
    hooks = Config.fromfile(
        ROOT / 'configs/_base_/default_runtime.py').custom_hooks
    # get_started.md: `custom_hooks.7.patience`, `custom_hooks[:-1]`.
    assert hooks[7].type == 'TrainingHealthHook'
    assert hooks[-1].type == 'SaveOnSignalHook'


@pytest.fixture
def shown():
    """What the blocks of the page define; registered for one test."""
    before, result = set(MODELS.module_dict), {}
    for block in blocks(ROOT / 'docs/extending.md', 'python'):
        # Lines of code; without those that are blank.
        assert len([line for line in block.splitlines() if line]) < 30
        exec(block, result)
    yield result
    for name in set(MODELS.module_dict) - before:
        MODELS.module_dict.pop(name)


def test_extensions_are_used_by_a_training_step(shown):
    contrast = dict(
        loss=dict(
            anchors=shown['anchors'],
            negatives=dict(shown['negatives'], _delete_=True)))
    augment = dict(
        _delete_=True,
        type='StrongAugment',
        transforms=shown['transforms'])
    model = build(
        'prcl',
        segmentor=segmentor(decode_head=shown['head']),
        strategy=dict(strong_augment=augment),
        terms=dict(contrast=contrast))
    inputs, data_samples = semi_batch()
    losses = model.loss(inputs, data_samples)
    assert losses['loss_contrast'] > 0
    strong, = model.strategy.make_views(model, inputs['unlabeled'],
                                        data_samples['unlabeled']).values()
    # One of three channels is at its mean in each image.
    assert strong.image.flatten(2).eq(0).all(2).sum(1).tolist() == [1, 1]


@pytest.mark.parametrize('method', ['mean_teacher', 'prcl_unimatch_v2'])
def test_the_strategy_and_the_term_teach(shown, method):
    model = build(
        method,
        strategy=dict(_delete_=True, **shown['strategy']),
        # Above what three classes can reach.
        terms=dict(entropy=dict(shown['terms']['entropy'], floor=2.0)))
    for parameter in model.student.decode_head.parameters():
        nn.init.normal_(parameter)
    losses = model.loss(*semi_batch())
    assert losses['loss_soft'] > 0 and 'loss_pseudo' not in losses
    assert 0 < losses['loss_entropy'] == 2.0 - losses['entropy']
    assert ('loss_contrast' in losses) == ('prcl' in method)
    for name in ('loss_soft', 'loss_entropy'):
        model.zero_grad()
        losses[name].backward(retain_graph=True)
        weight = next(model.student.backbone.parameters())
        assert weight.grad.abs().max() > 0, name
