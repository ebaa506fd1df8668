# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What scores of doubt know of errors, alone and beside the softmax.

    python benchmarks/uncertainty.py CONFIG CHECKPOINT --json doubt.json

AUROC and AURC, in %, of finding the wrong pixels of the test images. Beside
the softmax: a logistic regression on its log odds and entropy, and on those
and the score, with their squares, fitted on the validation images. ``flip`` is
seen, not learnt: how little a second pass, over the flipped image, gives to
the predicted class. Where the model has a ViewVariance, its calibration too:
the disagreement of views that it expects, and the one that is seen when the
strategy augments the test images.
"""
import argparse
import copy
import json
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import measure  # noqa: F401, so that a clone is enough
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmseg.apis import init_model
from mmseg.registry import DATASETS
from prettytable import PrettyTable
from torch import Tensor, nn

from prcl_mmseg.engine.launch import adapt_to_run
from prcl_mmseg.evaluation.pixel_scores import (MAPS, class_logits,
                                                pixel_scores)
from prcl_mmseg.evaluation.ranking import NUM_BINS, aurc, auroc, score_bins
from prcl_mmseg.models import ViewVariance

# Every so manyth row and column is enough to fit a few weights.
STRIDE = 4
BASE = ('softmax', 'entropy')
LEARNT = ('variance', 'prototype', 'views')
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


@torch.no_grad()
def collect(model: nn.Module, dataset) -> Tuple[Dict[str, Tensor], Tensor]:
    """Scores of labelled pixels of all images, and which are wrong."""
    columns: Dict[str, List[Tensor]] = {}
    wrong = []
    for item in dataset:
        sample, = model.test_step(pseudo_collate([item]))
        flipped, = model.test_step(
            pseudo_collate([dict(item, inputs=item['inputs'].flip(-1))]))
        maps = {name: sample.get(name).data
                for name in ('seg_logits', *set(MAPS.values()))
                if name in sample}
        names = [name for name in (*BASE, *LEARNT)
                 if MAPS.get(name, 'seg_logits') in maps]
        scores = pixel_scores(maps, names)
        label = sample.pred_sem_seg.data.long()
        other = class_logits(flipped.seg_logits.data).softmax(0).flip(-1)
        scores['flip'] = 1 - other.gather(0, label)[0]
        truth = item['data_samples'].gt_sem_seg.data.to(label)
        grid = (slice(None, None, STRIDE), ) * 2
        valid = (truth[0] != 255)[grid]
        for name, score in scores.items():
            columns.setdefault(name, []).append(score[grid][valid].cpu())
        wrong.append((truth != label)[0][grid][valid].cpu())
    return ({name: torch.cat(parts) for name, parts in columns.items()},
            torch.cat(wrong))


def quality(score: Tensor, wrong: Tensor) -> dict:
    """AUROC and AURC of a score, in %."""
    counts = torch.bincount(
        score_bins(score) + NUM_BINS * wrong, minlength=2 * NUM_BINS)
    counts = counts.view(2, NUM_BINS)
    return dict(
        auroc=round(100 * auroc(counts), 2), aurc=round(100 * aurc(counts), 3))


def fitted(names: List[str], val: Tuple, test: Tuple) -> Tensor:
    """A logistic regression of being wrong, fitted on val, for test."""
    inputs = [_inputs(names, part[0]) for part in (val, test)]
    mean, std = inputs[0].mean(0), inputs[0].std(0).clamp(min=1e-6)
    train, test_inputs = ((part - mean) / std for part in inputs)
    weight = torch.zeros(train.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=100)
    target = val[1].float()

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
        wrong=round(100 * test[1].float().mean().item(), 2),
        alone={name: quality(score, test[1])
               for name, score in test[0].items()})
    learnt = [name for name in LEARNT if name in test[0]]
    extra = dict(nothing=[], **{name: [name] for name in (*learnt, 'flip')})
    extra.update(all_learnt=learnt, all=[*learnt, 'flip'])
    result['beside_softmax'] = {
        name: quality(fitted([*BASE, *more], val, test), test[1])
        for name, more in extra.items()
    }
    for title, rows in list(result.items())[1:]:
        table = PrettyTable([title, 'AUROC', 'AURC'])
        for name, row in rows.items():
            table.add_row([name, row['auroc'], row['aurc']])
        print(table)
    if view_variance(model) is not None:
        result['calibration'] = calibration(model, cfg)
        print('expected disagreement:', result['calibration']['expected'])
        print('seen disagreement:    ', result['calibration']['seen'])
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
