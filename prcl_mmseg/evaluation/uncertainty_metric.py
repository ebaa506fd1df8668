# Copyright (c) prcl_mmseg authors. All rights reserved.
from typing import Any, Dict, List, Optional, Sequence

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS
from prettytable import PrettyTable
from torch import Tensor

from .label_edges import label_edges
from .pixel_scores import MAPS, SCORES, pixel_scores
from .ranking import (NUM_BINS, aurc, auroc, auroc_tolerance, perfect_aurc,
                      score_bins)

# Images whose logits are compared with their labels.
_COMPARED = 8


@METRICS.register_module()
class UncertaintyMetric(BaseMetric):
    """Does σ² find the wrong pixels?

    Each score is taken as a detector of mis-classified pixels, over all
    labelled pixels of the whole data set: AUROC (the probability that a wrong
    pixel scores higher than a right one; chance is 50) and AURC (area under
    the risk-coverage curve; smaller is better, chance is the error rate). The
    softmax is the yardstick beside which σ² has to stand. Then come the mean
    σ² on the edges between classes and inside them, and of each class.

    All are sums, so the memory needed does not grow with the data set: 16 MiB
    for each score. They are exact but for scores that differ by less than
    1/2048 of themselves, which count as tied; the table in the log shows how
    much that can change AUROC.

    Metrics: ``AUROC/{score}`` and ``AURC/{score}`` in per cent, with
    ``AURC/random`` and ``AURC/perfect`` as the limits; ``variance/edge`` and
    ``variance/interior`` in units of σ². Without wrong pixels AUROC is NaN,
    and so is the mean of a region without pixels.

    Args:
        scores (Sequence[str], optional): Which scores: 'variance' (σ²),
            'softmax' (1 - max softmax), 'entropy' (of the softmax), 'product'
            (σ² · (1 - max softmax)), 'prototype' (1 - the probability that
            the prototypes give to the predicted class), 'views' (the σ² of
            ``ViewVariance``), 'prototype_product' and 'views_product' (these
            times 1 - max softmax), 'disagreement' (of test-time
            augmentations). Defaults to None: all for which the predictions
            have maps.
        edge_width (int): Pixels this near to another class, in rows and
            columns, are on an edge. Where a band without label lies between
            the classes, as in Pascal VOC, take more than its width.
            Defaults to 3.
        classwise (bool): Also return ``variance/{class}``. The log shows it
            in any case. Defaults to False.
        ignore_index (int): Label of the pixels that count for nothing.
            Defaults to 255.
        collect_device (str): 'cpu' or 'gpu', for several processes.
            Defaults to 'cpu'.
        prefix (str, optional): Put before the names of the metrics.

    Raises:
        ValueError: For unknown scores, and for predictions or data sets that
            lack what is to be scored.
    """

    def __init__(self,
                 scores: Optional[Sequence[str]] = None,
                 edge_width: int = 3,
                 classwise: bool = False,
                 ignore_index: int = 255,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 **kwargs) -> None:
        super().__init__(
            collect_device=collect_device, prefix=prefix, **kwargs)
        if scores is not None and (not scores or set(scores) - set(SCORES)):
            raise ValueError(f'UncertaintyMetric: scores={scores!r} must be '
                             f'some of {SCORES}')
        if edge_width < 1:
            raise ValueError(f'UncertaintyMetric: edge_width={edge_width} '
                             'must be at least 1 pixel')
        self.scores = scores
        self.edge_width = edge_width
        self.classwise = classwise
        self.ignore_index = ignore_index
        self._reset()

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch.

        Args:
            data_batch (dict): Not looked at.
            data_samples (Sequence[dict]): With 'pred_sem_seg', 'seg_logits',
                'gt_sem_seg', and the maps that the scores need.
        """
        for sample in data_samples:
            self._commit()
            self._last = self._count(sample)
            self._seen += 1

    def evaluate(self, size: int) -> dict:
        """Add up all processes and compute the metrics.

        Args:
            size (int): Number of images of the data set. The sampler may
                repeat an image to give all processes the same number; such a
                last image does not count.
        """
        index = (self._seen - 1) * get_world_size() + get_rank()
        if index < size:
            self._commit()
        self.results = [{
            name: total.to_sparse()
            for name, total in self._total.items()
        }]
        self._reset()
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: List[Dict[str, Tensor]]) -> dict:
        """Metrics from the sums of each process.

        Args:
            results (list[dict[str, Tensor]]): One dict of each process.
        """
        # A process without images has nothing to add.
        results = [part for part in results if part]
        if not results:
            return {}
        total = {
            name: sum(part[name].to_dense() for part in results)
            for name in results[0]
        }
        metrics = {}
        table = PrettyTable(['Score', 'AUROC', 'AURC', 'AUROC is within'])
        for name in [name for name in total if name != 'regions']:
            counts = total[name].view(2, NUM_BINS)
            metrics[f'AUROC/{name}'] = 100 * auroc(counts)
            metrics[f'AURC/{name}'] = 100 * aurc(counts)
            table.add_row([
                name, f"{metrics[f'AUROC/{name}']:.2f}",
                f"{metrics[f'AURC/{name}']:.3f}",
                f'{100 * auroc_tolerance(counts):.1g}'
            ])
        right, wrong = counts.sum(dim=1).tolist()
        metrics['AURC/random'] = 100 * wrong / max(right + wrong, 1)
        metrics['AURC/perfect'] = 100 * perfect_aurc(counts)
        logger = MMLogger.get_current_instance()
        logger.info(
            f"Finding the {metrics['AURC/random']:.2f} % wrong pixels (AURC "
            f"{metrics['AURC/perfect']:.3f} is the best possible):\n{table}")
        if 'regions' in total:
            metrics.update(self._region_metrics(total['regions'], logger))
        return metrics

    def _count(self, sample: dict) -> Dict[str, Tensor]:
        """Bins of the scores of an image, and its sums by region."""
        if self.scores is None:
            self.scores = [
                name for name in SCORES
                if MAPS.get(name, 'seg_logits') in sample
            ]
        needed = list(dict.fromkeys(MAPS[name] for name in self.scores
                                    if name in MAPS))
        self._check(sample, needed)
        label = sample['gt_sem_seg']['data'][0].long()
        pred = sample['pred_sem_seg']['data'].view_as(label)
        label = label.to(pred.device)
        valid = label != self.ignore_index
        wrong = pred != label
        maps = {
            name: sample[name]['data']
            for name in ('seg_logits', *needed)
        }
        parts = {}
        for name, score in pixel_scores(maps, self.scores).items():
            score = score[valid]
            if score.isnan().any():
                raise ValueError(
                    f'UncertaintyMetric: the {name} of '
                    f'{sample.get("img_path", "an image")} has NaN; did the '
                    'training diverge?')
            parts[name] = score_bins(score) + NUM_BINS * wrong[valid]
        if 'pred_variance' in maps:
            parts['regions'] = self._region_sums(
                label, valid, wrong, maps['pred_variance'][0],
                max(len(maps['seg_logits']), 2))
        return parts

    def _region_sums(self, label: Tensor, valid: Tensor, wrong: Tensor,
                     var: Tensor, num_classes: int) -> Tensor:
        """Pixels, wrong pixels and Σσ²: (C, interior and edge, 3)."""
        edge = label_edges(label, valid, self.edge_width)
        region = 2 * label[valid] + edge[valid]
        values = torch.stack(
            [torch.ones_like(var), wrong.to(var), var], dim=-1)
        sums = values.new_zeros(2 * num_classes, 3, dtype=torch.float64)
        sums.index_add_(0, region, values[valid].double())
        return sums.view(num_classes, 2, 3)

    def _region_metrics(self, sums: Tensor, logger: MMLogger) -> dict:
        classes = (self.dataset_meta or {}).get('classes')
        names = classes or [str(index) for index in range(len(sums))]
        table = PrettyTable(
            ['Class', 'wrong (%)', 'σ²', 'σ² on edges', 'σ² inside'])
        rows = [('all', sums.sum(0)), *zip(names, sums)]
        metrics = {}
        for name, (interior, edge) in rows:
            pixels, wrong, _ = (interior + edge).tolist()
            means = [
                float(part[2] / part[0])
                for part in (interior + edge, edge, interior)
            ]
            rate = 100 * wrong / pixels if pixels else float('nan')
            table.add_row(
                [name, f'{rate:.2f}', *(f'{value:.5f}' for value in means)])
            if name == 'all':
                metrics.update({
                    'variance/edge': means[1],
                    'variance/interior': means[2]
                })
            elif self.classwise:
                metrics[f'variance/{name}'] = means[0]
        logger.info('σ² by region; edges are within '
                    f'{self.edge_width} pixels of another class:\n{table}')
        return metrics

    def _check(self, sample: dict, needed: Sequence[str]) -> None:
        where = f'UncertaintyMetric: {sample.get("img_path", "an image")} '
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f"{where}has no 'gt_sem_seg' to compare with; use a data set "
                'with masks and LoadAnnotations in its pipeline')
        missing = [name for name in needed if name not in sample]
        if missing:
            source = (
                "test with --tta and tta_model=dict(type='SemiSegTTAModel')"
                if missing[0] == 'pred_disagreement' else
                'add the term that gives it to model.terms '
                '(PrototypeContrast or ViewVariance)')
            raise ValueError(
                f'{where}was predicted without {missing[0]!r}; {source}, or '
                "score what there is: dict(type='UncertaintyMetric')")
        num_classes = max(len(sample['seg_logits']['data']), 2)
        label = sample['gt_sem_seg']['data']
        unknown = label[(label != self.ignore_index) &
                        ((label < 0) | (label >= num_classes))]
        if len(unknown):
            raise ValueError(
                f'{where}has the label {int(unknown[0])} in its mask, but the '
                f'model predicts {num_classes} classes and ignore_index is '
                f'{self.ignore_index}; correct the mask or the data set')
        sizes = [
            tuple(sample[name]['data'].shape[-2:])
            for name in ('pred_sem_seg', 'gt_sem_seg')
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f'{where}is predicted at {sizes[0]}, but its mask is '
                f'{sizes[1]}; in the test pipeline, LoadAnnotations must '
                'follow Resize')
        # What merges the augmentations is the same for all images.
        if self._seen < _COMPARED and not _belong_together(
                sample['seg_logits']['data'], sample['pred_sem_seg']['data']):
            raise ValueError(
                f'{where}has logits that do not give its labels: those of one '
                'augmentation beside the labels of all, as SegTTAModel leaves '
                "them; use tta_model=dict(type='SemiSegTTAModel'), which "
                'merges all maps')

    def _commit(self) -> None:
        """Add the last image to the total."""
        for name, part in (self._last or {}).items():
            if name == 'regions':
                total = self._total.setdefault(name, torch.zeros_like(part))
                total += part
            else:
                total = self._total.setdefault(name,
                                               part.new_zeros(2 * NUM_BINS))
                total.index_add_(0, part, torch.ones_like(part))
        self._last = None

    def _reset(self) -> None:
        self._total: Dict[str, Tensor] = {}
        # The last image waits: it may be a repetition.
        self._last: Optional[Dict[str, Tensor]] = None
        self._seen = 0


def _belong_together(seg_logits: Tensor, label: Tensor) -> bool:
    """Whether logits give these labels, by their maximum or a threshold."""
    label = label.view(seg_logits.shape[1:]).to(seg_logits.device)
    if len(seg_logits) > 1:
        return bool((seg_logits.argmax(dim=0) == label).all())
    yes, no = seg_logits[0][label > 0], seg_logits[0][label == 0]
    return not len(yes) or not len(no) or bool(yes.min() >= no.max())
