# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Agreement with the arithmetic of the published code.

``tests/data/prcl_reference.npz`` holds inputs and outputs of that code for
one small map with 5 classes, of which 0, 1, 2 and 4 are present.
"""
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS, TASK_UTILS

from prcl_mmseg.gaussian import DiagonalGaussian, mutual_likelihood_score
from prcl_mmseg.models import (ClassEvidence, ContrastScene, GaussianRampDown,
                               MutualLikelihood, PixelGroups, PixelNegatives,
                               PrototypeBank, pairwise_mls)
from prcl_mmseg.models.decode_heads.embedding_branches import VarianceBranch

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / 'tests' / 'data' / 'prcl_reference.npz'
CONFIG = ROOT / 'configs' / '_base_' / 'methods' / 'prcl_reference.py'
NUM_CLASSES = 5


@pytest.fixture(scope='module')
def data() -> dict:
    with np.load(FILE) as file:
        return {key: torch.from_numpy(np.asarray(file[key])) for key in file}


@pytest.fixture
def pixels(data) -> DiagonalGaussian:
    return DiagonalGaussian(
        data['map_mu'].permute(0, 2, 3, 1).flatten(0, 2),
        data['map_var'].permute(0, 2, 3, 1).flatten(0, 2))


@pytest.fixture
def label(data) -> torch.Tensor:
    return data['map_label'].flatten()


@pytest.fixture
def valid(data) -> torch.Tensor:
    return data['map_mask'].flatten() > 0


@pytest.fixture
def evidence(pixels, label, valid) -> ClassEvidence:
    return ClassEvidence.from_pixels(pixels, label, valid, NUM_CLASSES)


def test_scores(data):
    score = mutual_likelihood_score(
        data['mls_mu0'],
        data['mls_var0'],
        data['mls_mu1'],
        data['mls_var1'],
        reduction='mean',
        normalize=True)
    torch.testing.assert_close(score, data['mls_out'])


def test_prototypes(data, evidence):
    present = data['present_classes']
    assert evidence.present.nonzero().flatten().equal(present)
    prototypes = evidence.prototypes('posterior')
    torch.testing.assert_close(prototypes.mean[present], data['proto_mu'])
    torch.testing.assert_close(prototypes.var[present], data['proto_var'])


def test_class_sampling_probabilities(data, pixels, label, valid, evidence):
    present = data['present_classes']
    scene = ContrastScene(
        pixels=pixels,
        groups=PixelGroups.from_labels(label, valid, NUM_CLASSES),
        prototypes=evidence.prototypes('posterior'),
        available=evidence.present,
        similarity=MutualLikelihood(
            temperature=float(data['temperature']), reduction='mean'))
    prob = scene.class_probabilities(present, scene.available)
    for row, own in enumerate(range(len(present))):
        # The published order: the classes after the own one, then before it.
        others = present.roll(-own)[1:]
        torch.testing.assert_close(prob[row, others],
                                   data['class_sampling_prob'][row])
        assert prob[row, present[own]] == 0


def test_logits_and_loss(data):
    classes, queries, num_keys, dims = data['keys_mu'].shape
    anchors = DiagonalGaussian(
        F.normalize(data['anchor_mu'], dim=-1).view(-1, 1, dims),
        data['anchor_var'].view(-1, 1, dims))
    keys = DiagonalGaussian(
        F.normalize(data['keys_mu'], dim=-1).view(-1, dims),
        data['keys_var'].reshape(-1, dims))
    index = torch.arange(classes * queries * num_keys).view(-1, num_keys)
    logits = pairwise_mls(anchors, keys, index, 'mean')
    logits = logits.view(classes, queries, num_keys)
    torch.testing.assert_close(logits, data['logits'])
    logits = logits / data['temperature']
    loss = (logits.logsumexp(2) - logits[..., 0]).mean()
    torch.testing.assert_close(loss, data['loss'])


def test_reference_config_draws_from_the_same_distribution(
        data, pixels, label, valid, evidence):
    """The published loss is one draw of what the config's draws average."""
    torch.manual_seed(0)
    config = Config.fromfile(CONFIG).method.terms.contrast
    config.similarity.temperature = float(data['temperature'])
    config.loss.anchors.update(
        num_queries=int(data['num_queries']),
        threshold=float(data['strong_threshold']))
    config.loss.negatives.num_negatives = int(data['num_negatives'])
    loss = MODELS.build(config.loss)
    similarity = MODELS.build(config.similarity)
    assert isinstance(similarity, MutualLikelihood)
    prob = data['map_prob'].permute(0, 2, 3, 1).flatten(0, 2)
    target_prob = prob.gather(1, label[:, None])[:, 0]
    draws = torch.stack([
        loss(pixels, label, valid, target_prob, evidence,
             PrototypeBank(NUM_CLASSES, 16), similarity)['loss_contrast']
        for _ in range(200)
    ])
    assert (draws.mean() - data['loss']).abs() < 3 * draws.std()


def test_reference_config_has_the_published_settings():
    config = Config.fromfile(CONFIG).method.terms.contrast
    loss, similarity = (MODELS.build(config[name])
                        for name in ('loss', 'similarity'))
    assert similarity == MutualLikelihood(
        normalize=True, reduction='mean', temperature=100.0)
    assert (loss.anchors.num_queries, loss.anchors.threshold) == (256, 0.8)
    assert isinstance(loss.negatives, PixelNegatives)
    assert (loss.negatives.num_negatives, loss.negatives.shared) == (512,
                                                                     False)
    assert (loss.prototypes, loss.prototype_variance) == ('batch',
                                                          'posterior')
    assert loss.loss_weight == 1
    assert (config.head.embed_stride, config.head.initial_variance) == (4,
                                                                        0.5)
    assert isinstance(TASK_UTILS.build(config.ramp), GaussianRampDown)


def test_variance_branch(data):
    hidden, in_channels = data['head_fc1'].shape
    branch = VarianceBranch(
        in_channels, hidden, dict(type='BN'), initial_variance=0.5)
    with torch.no_grad():
        branch.conv1.weight.copy_(data['head_fc1'][..., None, None])
        branch.conv2.weight.copy_(data['head_fc2'][..., None, None])
    torch.testing.assert_close(
        branch(data['head_x']), data['head_out'], rtol=1e-5, atol=1e-5)
