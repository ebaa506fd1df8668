# Copyright (c) prcl_mmseg authors. All rights reserved.
import math
import os
import socket
from unittest import mock

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from prcl_mmseg.evaluation import UncertaintyMetric

SIZE = (12, 15)
CLASSES = ('ground', 'disc', 'bar')
MODULE = 'prcl_mmseg.evaluation.uncertainty_metric'


def prediction(seed: int, variance: bool = True, channels: int = 3):
    """A sample whose σ² is larger where the prediction is wrong."""
    rng = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, max(channels, 2), (1, *SIZE), generator=rng)
    truth[:, 3:7, 4:9] = 1
    logits = torch.randn(channels, *SIZE, generator=rng)
    if channels == 1:
        logits = logits.sigmoid()
        pred = (logits > 0.5).float()
    else:
        pred = logits.argmax(0, keepdim=True)
    var = 0.2 + 0.5 * torch.rand(1, *SIZE, generator=rng)
    var += 0.2 * (pred != truth)
    truth[:, 0] = 255
    sample = SegDataSample(metainfo=dict(img_path=f'{seed}.png'))
    sample.gt_sem_seg = PixelData(data=truth)
    sample.pred_sem_seg = PixelData(data=pred)
    sample.seg_logits = PixelData(data=logits)
    if variance:
        sample.pred_variance = PixelData(data=var)
        sample.pred_posterior = PixelData(
            data=torch.rand(1, *SIZE, generator=rng))
    return sample


METRIC = dict(type='UncertaintyMetric', edge_width=1)


def evaluate(samples, batch: int = 1, **settings) -> dict:
    evaluator = Evaluator([dict(METRIC, **settings)])
    evaluator.dataset_meta = dict(classes=CLASSES)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start:start + batch])
    return evaluator.evaluate(len(samples))


def all_pixels(samples) -> tuple:
    parts = []
    for sample in samples:
        truth = sample.gt_sem_seg.data[0]
        valid = truth != 255
        prob = sample.seg_logits.data.double().softmax(0)
        parts.append(
            torch.stack([
                (sample.pred_sem_seg.data[0] != truth).double(),
                sample.pred_variance.data[0].double(),
                1 - prob.amax(0),
                -(prob * prob.log()).sum(0),
                truth.double(),
                1 - sample.pred_posterior.data[0].double(),
            ])[:, valid])
    return torch.cat(parts, dim=1)


def test_whole_set_against_all_pairs_of_pixels():
    samples = [prediction(seed) for seed in range(5)]
    metrics = evaluate(samples, batch=2)
    wrong, var, doubt, entropy, _, contradiction = all_pixels(samples)
    wrong = wrong.bool()
    scores = dict(
        variance=var,
        softmax=doubt,
        entropy=entropy,
        product=var * doubt,
        prototype=contradiction,
        prototype_product=contradiction * doubt)
    for name, score in scores.items():
        auroc = (score[wrong][:, None] > score[~wrong]).double().mean()
        assert metrics[f'AUROC/{name}'] == pytest.approx(
            100 * auroc.item(), abs=0.01)
        errors = wrong[score.argsort()].double().cumsum(0)
        risk = errors / torch.arange(1, len(errors) + 1)
        assert metrics[f'AURC/{name}'] == pytest.approx(
            100 * risk.mean().item(), abs=0.02)
    assert metrics['AURC/random'] == pytest.approx(
        100 * wrong.double().mean().item())
    assert metrics['AURC/perfect'] < metrics['AURC/variance']
    assert metrics['AUROC/variance'] > metrics['AUROC/softmax']


def test_mean_variance_of_regions_and_classes():
    samples = [prediction(0), prediction(1)]
    metrics = evaluate(samples, classwise=True)
    _, var, _, _, truth, _ = all_pixels(samples)
    for index, name in enumerate(CLASSES):
        assert metrics[f'variance/{name}'] == pytest.approx(
            var[truth == index].mean().item(), rel=1e-5)
    inside = []
    for sample in samples:
        label = sample.gt_sem_seg.data[0]
        for y in range(1, SIZE[0]):
            for x in range(SIZE[1]):
                near = label[max(0, y - 1):y + 2, max(0, x - 1):x + 2]
                if len(set(near[near != 255].tolist())) == 1:
                    inside.append(sample.pred_variance.data[0, y, x])
    assert inside
    assert metrics['variance/interior'] == pytest.approx(
        torch.stack(inside).mean().item(), rel=1e-5)


def test_chance_and_perfection():
    samples = [prediction(seed) for seed in range(3)]
    for sample in samples:
        wrong = sample.pred_sem_seg.data != sample.gt_sem_seg.data
        sample.pred_variance = PixelData(data=0.1 + 0.5 * wrong.float())
    metrics = evaluate(samples)
    assert metrics['AUROC/variance'] == 100
    assert metrics['AURC/variance'] == metrics['AURC/perfect']
    # Constant: the product falls back on the softmax, σ² says nothing.
    for sample in samples:
        sample.pred_variance = PixelData(data=torch.full((1, *SIZE), 0.3))
    metrics = evaluate(samples)
    assert metrics['AUROC/variance'] == 50
    assert metrics['AURC/variance'] == pytest.approx(metrics['AURC/random'])
    assert metrics['AUROC/product'] == pytest.approx(
        metrics['AUROC/softmax'], abs=0.05)


@pytest.mark.parametrize('num', [3, 4, 5])
def test_processes_add_up_to_one(num):
    """Two processes; the sampler repeats an image if their share differs."""
    samples = [prediction(seed) for seed in range(num)]
    share = math.ceil(num / 2)
    collected = []
    for rank in range(2):
        metric = UncertaintyMetric(edge_width=1)
        with mock.patch(f'{MODULE}.get_rank', return_value=rank), \
                mock.patch(f'{MODULE}.get_world_size', return_value=2), \
                mock.patch(
                    'mmengine.evaluator.metric.collect_results',
                    side_effect=lambda results, *_, **__: collected.append(
                        results[0]) or results):
            for position in range(share):
                index = (2 * position + rank) % num
                metric.process({}, [samples[index].to_dict()])
            metric.evaluate(num)
    together = UncertaintyMetric(edge_width=1).compute_metrics(collected)
    assert together == evaluate(samples)


def test_memory_does_not_grow():
    metric = UncertaintyMetric(scores=('variance', ))
    sizes = []
    for seed in range(4):
        metric.process({}, [prediction(seed).to_dict()])
        sizes.append(
            sum(total.numel() for total in metric._total.values()))
    assert sizes[1] == sizes[2] == sizes[3]
    assert not metric.results


def test_evaluates_anew_each_time():
    evaluator = Evaluator([METRIC])
    for _ in range(2):
        evaluator.process([prediction(7)])
        metrics = evaluator.evaluate(1)
    assert metrics == evaluate([prediction(7)])


def test_without_variance():
    samples = [prediction(0, variance=False)]
    with pytest.raises(ValueError) as error:
        evaluate(samples, scores=('softmax', 'product'))
    for part in ('pred_variance', '0.png', 'model.terms',
                 "dict(type='UncertaintyMetric')"):
        assert part in str(error.value)
    metrics = evaluate(samples)
    assert set(metrics) == {
        'AUROC/softmax', 'AUROC/entropy', 'AURC/softmax', 'AURC/entropy',
        'AURC/random', 'AURC/perfect'
    }


def test_one_channel_head():
    metrics = evaluate([prediction(0, channels=1)], scores=('softmax', ))
    assert 0 < metrics['AUROC/softmax'] < 100
    metrics = evaluate([prediction(0, channels=1)])
    assert metrics['AUROC/variance'] > 50


def test_no_image_at_all():
    assert evaluate([]) == {}


def test_image_without_labelled_pixels():
    empty = prediction(1)
    empty.gt_sem_seg.data.fill_(255)
    assert evaluate([prediction(0), empty]) == evaluate([prediction(0)])
    assert math.isnan(evaluate([empty])['AUROC/variance'])


@pytest.mark.parametrize('settings, message', [
    (dict(scores=('sigma', )), 'sigma'),
    (dict(scores=()), 'scores'),
    (dict(edge_width=0), 'edge_width=0'),
])
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(dict(type='UncertaintyMetric', **settings))


def test_wrong_data():
    sample = prediction(0)
    sample.pred_variance.data[0, 5, 5] = float('nan')
    with pytest.raises(ValueError, match='variance of 0.png has NaN'):
        evaluate([sample])
    sample = prediction(0)
    del sample.gt_sem_seg
    with pytest.raises(ValueError, match='gt_sem_seg'):
        evaluate([sample])
    sample = prediction(0)
    sample.gt_sem_seg.data[0, 5, 5] = 7
    with pytest.raises(ValueError, match='0.png has the label 7'):
        evaluate([sample])
    sample = prediction(0)
    sample.gt_sem_seg = PixelData(data=torch.zeros(1, 24, 30).long())
    with pytest.raises(ValueError, match='LoadAnnotations must follow'):
        evaluate([sample])


def run_process(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    os.chdir(folder)
    metric = UncertaintyMetric(edge_width=1)
    # Three images for two processes: the sampler repeats the first.
    for index in ((0, 2), (1, 0))[rank]:
        metric.process({}, [prediction(index).to_dict()])
    torch.save(metric.evaluate(3), f'{folder}/{rank}.pth')
    dist.destroy_process_group()


def test_two_real_processes(tmp_path):
    with socket.socket() as sock:
        sock.bind(('', 0))
        port = sock.getsockname()[1]
    mp.spawn(run_process, (port, str(tmp_path)), nprocs=2)
    expected = evaluate([prediction(index) for index in range(3)])
    for rank in range(2):
        assert torch.load(tmp_path / f'{rank}.pth') == expected
