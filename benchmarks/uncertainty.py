# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What scores of doubt know of errors, alone and beside the softmax.

    python benchmarks/uncertainty.py CONFIG CHECKPOINT --json doubt.json

AUROC and AURC, in %, of finding the wrong pixels of the test images. Beside
the softmax: a logistic regression on its log odds and entropy, and on those
and the score, with their squares, fitted on the validation images. ``flip``
and ``student`` are seen, not learnt: how little another prediction gives to
the predicted class. It is that of the flipped image, or, where the teacher
predicts, that of the student. Where the model has a ViewVariance, its
calibration too: the disagreement of views that it expects, and the one that is
seen when the strategy augments the test images. ``held_out`` has the same
estimator and inputs, but is fitted to the errors on the validation images:
what masks that the network has not learnt from could teach a variance.
"""
import argparse
import copy
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

import measure  # noqa: F401, so that a clone is enough
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmseg.apis import init_model
from mmseg.models.utils import resize
from mmseg.registry import DATASETS
from prettytable import PrettyTable
from torch import Tensor, nn

from prcl_mmseg.engine.launch import adapt_to_run
from prcl_mmseg.evaluation.pixel_scores import (MAPS, class_logits,
                                                pixel_scores)
from prcl_mmseg.evaluation.ranking import NUM_BINS, aurc, auroc, score_bins
from prcl_mmseg.models import ViewVariance

# Rows and columns this far apart are enough to fit a few weights.
STRIDE = 4
BASE = ('softmax', 'entropy')
LEARNT = ('variance', 'prototype', 'views')
SEEN = ('flip', 'student')
# Of the calibration.
BINS = 10


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--json', type=Path, help='write the numbers here')
    parser.add_argument('--device', default='cpu')
    return parser.parse_args()


class Pixels(NamedTuple):
    """Labelled pixels of all images.

    Attributes:
        scores (dict[str, Tensor]): Scores of doubt, (P,) each.
        wrong (Tensor): Which are wrong, (P,).
        inputs (Tensor): What a ViewVariance reads, (P, K), fp16; K is 0 where
            the model has none, or predicts in windows.
    """
    scores: Dict[str, Tensor]
    wrong: Tensor
    inputs: Tensor


@torch.no_grad()
def collect(model: nn.Module, dataset) -> Pixels:
    """Pixels of all images, every ``STRIDE``-th row and column."""
    parts = [_pixels_of_image(model, item) for item in dataset]
    return Pixels(
        {name: torch.cat([part.scores[name] for part in parts])
         for name in parts[0].scores},
        torch.cat([part.wrong for part in parts]),
        torch.cat([part.inputs for part in parts]))


def _pixels_of_image(model: nn.Module, item: dict) -> Pixels:
    with reading(view_variance(model)) as read:
        sample, = model.test_step(pseudo_collate([item]))
    maps = {name: sample.get(name).data
            for name in ('seg_logits', *set(MAPS.values()))
            if name in sample}
    names = [name for name in (*BASE, *LEARNT)
             if MAPS.get(name, 'seg_logits') in maps]
    scores = pixel_scores(maps, names)
    label = sample.pred_sem_seg.data.long()
    grid = (slice(None, None, STRIDE), ) * 2
    truth = item['data_samples'].gt_sem_seg.data.to(label)
    valid = (truth[0] != 255)[grid]
    inputs = label.new_empty(0, *label.shape[1:])
    # Windows would have to be put together.
    if len(read) == 1:
        inputs = resize(
            read[0], size=label.shape[1:], mode='bilinear')[0].half()

    def doubt(seg_logits: Tensor) -> Tensor:
        return 1 - class_logits(seg_logits).softmax(0).gather(0, label)[0]

    flipped, = model.test_step(
        pseudo_collate([dict(item, inputs=item['inputs'].flip(-1))]))
    scores['flip'] = doubt(flipped.seg_logits.data.flip(-1))
    if getattr(model, 'predicting_role', None) == 'teacher':
        with model.predicting_with('student'):
            other, = model.test_step(pseudo_collate([item]))
        scores['student'] = doubt(other.seg_logits.data)
    return Pixels(
        {name: score[grid][valid].cpu() for name, score in scores.items()},
        (truth != label)[0][grid][valid].cpu(),
        inputs[(slice(None), *grid)][:, valid].T.cpu())


@contextmanager
def reading(term: Optional[ViewVariance]) -> Iterator[List[Tensor]]:
    """Note what the estimator of a term reads."""
    read: List[Tensor] = []
    if term is None:
        yield read
        return
    handle = term.estimator.register_forward_pre_hook(
        lambda _, inputs: read.append(inputs[0]))
    try:
        yield read
    finally:
        handle.remove()


def held_out(term: ViewVariance, val: Pixels, test: Pixels) -> Tensor:
    """The term's estimator, fitted to the errors of val, for test."""
    torch.manual_seed(0)
    estimator = copy.deepcopy(term.estimator).cpu()
    for layer in estimator.children():
        if hasattr(layer, 'reset_parameters'):
            layer.reset_parameters()
    optimizer = torch.optim.AdamW(estimator.parameters(), lr=3e-3)

    def log_odds(inputs: Tensor) -> Tensor:
        return estimator(inputs.float().T[None, :, :, None]).flatten()

    for _ in range(300):
        chosen = torch.randint(len(val.wrong), (4096, ))
        loss = F.binary_cross_entropy_with_logits(
            log_odds(val.inputs[chosen]), val.wrong[chosen].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return torch.cat([log_odds(part).sigmoid()
                          for part in test.inputs.split(65536)])


def quality(score: Tensor, wrong: Tensor) -> dict:
    """AUROC and AURC of a score, in %."""
    counts = torch.bincount(
        score_bins(score) + NUM_BINS * wrong, minlength=2 * NUM_BINS)
    counts = counts.view(2, NUM_BINS)
    return dict(
        auroc=round(100 * auroc(counts), 2), aurc=round(100 * aurc(counts), 3))


def fitted(names: List[str], val: Pixels, test: Pixels) -> Tensor:
    """A logistic regression of being wrong, fitted on val, for test."""
    inputs = [_inputs(names, part.scores) for part in (val, test)]
    mean, std = inputs[0].mean(0), inputs[0].std(0).clamp(min=1e-6)
    train, test_inputs = ((part - mean) / std for part in inputs)
    weight = torch.zeros(train.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=100)
    target = val.wrong.float()

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(
            train @ weight[1:] + weight[0], target)
        loss = loss + 1e-4 * weight[1:].square().sum()
        loss.backward()
        return loss

    optimizer.step(step)
    return (test_inputs @ weight[1:] + weight[0]).detach()


def _inputs(names: List[str], scores: Dict[str, Tensor]) -> Tensor:
    """Scores, in logarithms where they are positive, and their squares."""
    columns = torch.stack([
        scores[name] if name in BASE else scores[name].clamp(min=1e-7).log()
        for name in names
    ], 1)
    return torch.cat([columns, columns.square()], 1)


def view_variance(model: nn.Module) -> Optional[ViewVariance]:
    """The term that says how often views disagree, if there is one."""
    terms = getattr(model, 'terms', {}).values()
    return next((term for term in terms if isinstance(term, ViewVariance)),
                None)


@torch.no_grad()
def calibration(model: nn.Module, cfg: Config) -> dict:
    """Expected and seen disagreement in bins of as many pixels each."""
    config = copy.deepcopy(cfg.train_dataloader.dataset)
    config.unlabeled = dict(
        cfg.test_dataloader.dataset, pipeline=config.unlabeled.pipeline)
    dataset = DATASETS.build(config)
    # Of NumPy, too: it draws crops.
    set_random_seed(0)
    # As while training, but nothing is learnt.
    model = copy.deepcopy(model).train()
    expected, seen = [], []
    for start in range(0, len(dataset) - 3, 4):
        batch = pseudo_collate(
            [dataset[index] for index in range(start, start + 4)])
        data = model.data_preprocessor(batch, training=True)
        images, samples = data['inputs'], data['data_samples']
        views = dict(
            labeled=model.labeled_view(images['labeled'], samples['labeled']),
            **model.strategy.make_views(model, images['unlabeled'],
                                        samples['unlabeled']))
        log_odds, disagreement, valid = view_variance(model).compare(
            model.student_pass(views), views)
        expected.append(log_odds[valid].sigmoid())
        seen.append(disagreement[valid])
    expected, seen = torch.cat(expected), torch.cat(seen)
    order = expected.argsort()
    means = [[round(part[chunk].mean().item(), 4)
              for chunk in order.tensor_split(BINS)]
             for part in (expected, seen)]
    return dict(expected=means[0], seen=means[1])


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config)
    adapt_to_run(cfg, launcher='none')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    model = init_model(cfg, args.checkpoint, device=args.device)
    val, test = (
        collect(model, DATASETS.build(cfg[f'{part}_dataloader'].dataset))
        for part in ('val', 'test'))
    result = dict(
        wrong=round(100 * test.wrong.float().mean().item(), 2),
        alone={name: quality(score, test.wrong)
               for name, score in test.scores.items()})
    term = view_variance(model)
    if term is not None and val.inputs.shape[1]:
        result['alone']['held_out'] = quality(
            held_out(term, val, test), test.wrong)
    learnt, seen = ([name for name in names if name in test.scores]
                    for names in (LEARNT, SEEN))
    extra = dict(nothing=[], **{name: [name] for name in (*learnt, *seen)})
    extra.update(all_learnt=learnt, all=[*learnt, *seen])
    result['beside_softmax'] = {
        name: quality(fitted([*BASE, *more], val, test), test.wrong)
        for name, more in extra.items()
    }
    for title, rows in list(result.items())[1:]:
        table = PrettyTable([title, 'AUROC', 'AURC'])
        for name, row in rows.items():
            table.add_row([name, row['auroc'], row['aurc']])
        print(table)
    if term is not None:
        result['calibration'] = calibration(model, cfg)
        print('expected disagreement:', result['calibration']['expected'])
        print('seen disagreement:    ', result['calibration']['seen'])
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
