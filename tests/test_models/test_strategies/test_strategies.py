# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The losses of each strategy against hand-computed ones."""
import copy

import pytest
import tiny
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from prcl_mmseg.models import Term

THRESHOLD = 0.5
PADDING = (0, 12, 0, 5)
# Weights of the views, and of the heads' losses, as published.
STRATEGIES = dict(
    fixmatch=('student', dict(strong=1.0)),
    unimatch=('student', dict(strong=0.25, strong2=0.25, dropped=0.5)),
    unimatch_v2=('teacher', dict(strong=0.5, strong2=0.5)))


def build(name: str, **settings) -> nn.Module:
    """With CutMix in every image, and labels of which some are sure."""
    torch.manual_seed(0)
    transforms = dict(color=None, gray=None, blur=None, mix=dict(prob=1.0))
    strategy = dict(
        strong_augment=dict(transforms=transforms),
        loss=dict(threshold=THRESHOLD))
    model = tiny.build(name, strategy=strategy, **settings)
    for role in model.roles:
        head = model.network(role).decode_head
        nn.init.normal_(getattr(head, 'head', head).conv_seg.weight, std=1.0)
        # Running statistics that are not those of the batch.
        for module in model.network(role).modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model


def batch() -> tuple:
    inputs, samples = tiny.semi_batch(num=4)
    samples['unlabeled'][0].set_metainfo(dict(padding_size=PADDING))
    return inputs, samples


def enlarge(maps: Tensor) -> Tensor:
    return F.interpolate(maps, (32, 32), mode='bilinear')


def labels_by_hand(network: nn.Module, images: Tensor) -> tuple:
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        logits = enlarge(network.decode_head(network.extract_feat(images)))
    confidence, label = logits.softmax(1).max(1)
    left, right, top, bottom = PADDING
    for value, nothing in ((label, 255), (confidence, 0)):
        value[0, 32 - bottom:] = nothing
        value[0, :, 32 - right:] = nothing
    return label, confidence


def spy_on(model: nn.Module) -> dict:
    """The views and the features of the next step."""
    seen = {}
    make_views, perturb = model.strategy.make_views, model.strategy.perturb

    def remember_views(*args):
        seen['views'] = make_views(*args)
        return seen['views']

    def remember_features(features, views):
        seen['before'] = features
        seen['after'] = perturb(features, views)
        return seen['after']

    model.strategy.make_views = remember_views
    model.strategy.perturb = remember_features
    return seen


def assert_pasted_together(view, images, label, confidence) -> None:
    """Every pixel has image, label and confidence of one and the same."""
    for i in range(len(images)):
        own = view.image[i].eq(images[i]).all(0)
        pasted = view.image[i].eq(images[i - 1]).all(0)
        assert (own ^ pasted).all() and own.any() and pasted.any()
        rows, columns = pasted.any(1), pasted.any(0)
        # One box.
        assert pasted.equal(rows[:, None] & columns[None])
        for mine, source in ((view.label, label),
                             (view.confidence, confidence)):
            torch.testing.assert_close(mine[i][own], source[i][own])
            torch.testing.assert_close(mine[i][pasted],
                                       source[i - 1][pasted])


def unsupervised_by_hand(logits: Tensor, view) -> Tensor:
    """Sure pixels one by one, divided by all that are not padding."""
    total, valid = 0., 0
    for log_prob, label, confidence in zip(
            logits.log_softmax(1), view.label, view.confidence):
        for index in (label != 255).nonzero().tolist():
            y, x = index
            valid += 1
            if confidence[y, x] >= THRESHOLD:
                total = total - log_prob[label[y, x], y, x]
    return total / valid


@pytest.mark.parametrize('contrast', [False, True])
@pytest.mark.parametrize('name', STRATEGIES)
def test_losses_are_those_computed_by_hand(name, contrast):
    role, weights = STRATEGIES[name]
    settings = {}
    if contrast:
        settings['terms'] = dict(
            contrast=dict(
                type='PrototypeContrast',
                head=dict(
                    type='ProbabilisticDecodeHead',
                    embed_dims=4,
                    embed_stride=1)))
    model = build(name, **settings)
    inputs, samples = batch()
    network = model.network(role)
    if contrast:
        network = copy.deepcopy(network)
        network.decode_head = network.decode_head.head
    label, confidence = labels_by_hand(network, inputs['unlabeled'])
    student = copy.deepcopy(model.student)
    seen = spy_on(model)
    losses = model.loss(inputs, samples)

    assert list(seen['views']) == list(weights)
    for view_name, view in seen['views'].items():
        if view_name == 'dropped':
            assert view.image.equal(inputs['unlabeled'])
            assert view.label.equal(label)
        else:
            assert_pasted_together(view, inputs['unlabeled'], label,
                                   confidence)
    head = student.decode_head
    logits = enlarge(getattr(head, 'head', head)(seen['after']))
    parts = logits.split(4)
    truth = torch.cat([s.gt_sem_seg.data for s in samples['labeled']])
    torch.testing.assert_close(losses['decode.loss_ce'],
                               0.5 * F.cross_entropy(parts[0], truth))
    expected = sum(
        weight * unsupervised_by_hand(part, seen['views'][view_name])
        for (view_name, weight), part in zip(weights.items(), parts[1:]))
    assert expected > 0.05
    torch.testing.assert_close(losses['loss_pseudo'], 0.5 * expected)
    assert ('loss_contrast' in losses) == contrast


def test_the_weak_view_is_seen_with_dropped_channels():
    model = build('unimatch')
    seen = spy_on(model)
    model.loss(*batch())
    for before, after in zip(seen['before'], seen['after']):
        assert after[:12].equal(before[:12])
        factor = (after[12:] / before[12:]).nan_to_num(-1)
        for image in factor:
            for channel in image:
                known = channel[channel >= 0]
                assert known.numel() == 0 or known.unique().numel() == 1
        assert {0., 2.} == set(factor[factor >= 0].unique().tolist())


def test_strong_views_have_complementary_channels():
    model = build('unimatch_v2')
    seen = spy_on(model)
    model.loss(*batch())
    untouched = []
    for before, after in zip(seen['before'], seen['after']):
        assert after[:4].equal(before[:4])
        one, two = (
            torch.where(before[at] != 0, after[at] / before[at], torch.nan)
            for at in (slice(4, 8), slice(8, 12)))
        one, two = one.nanmean((2, 3)), two.nanmean((2, 3))
        total = (one + two)[~(one + two).isnan()]
        torch.testing.assert_close(total, torch.full_like(total, 2.))
        untouched.append([
            after[4 + i].equal(before[4 + i])
            and after[8 + i].equal(before[8 + i]) for i in range(4)
        ])
    # Half of the images, with all their features.
    assert sum(untouched[0]) == 2
    # Of as many channels, of as many masks: other features, other images.
    assert all(sum(row) == 2 for row in untouched)


@pytest.mark.parametrize('chosen', [None, ('labeled', 'strong2')])
def test_the_contrast_may_leave_views_out(chosen):
    model = build('prcl_unimatch_v2', terms=dict(contrast=dict(views=chosen)))
    seen = spy_on(model)
    given = []
    handle = model.terms['contrast'].loss.register_forward_pre_hook(
        lambda _, args: given.extend(args))
    inputs, samples = batch()
    losses = model.loss(inputs, samples)
    handle.remove()
    views = dict(
        labeled=model.labeled_view(inputs['labeled'], samples['labeled']),
        **seen['views'])
    expected = [views[name] for name in chosen or views]
    pixels, label, valid = given[:3]
    stride = 32 // seen['after'][1].shape[2]
    labels = torch.cat([view.label for view in expected])
    sure = torch.cat([view.confidence for view in expected]) >= 0.7
    labels, sure = (maps[:, ::stride, ::stride].flatten()
                    for maps in (labels, sure))
    assert len(pixels.mean) == len(labels)
    assert valid.equal(sure & (labels != 255))
    assert label[valid].equal(labels[valid])
    losses['loss_contrast'].backward()
    assert all(parameter.grad is not None
               for parameter in model.student.decode_head.mean_branch.
               parameters())


@pytest.mark.parametrize('views', [('weak', ), (), ('labeled', 'strnog')])
def test_a_contrast_of_views_that_are_not_there_says_so(views):
    with pytest.raises(ValueError, match=r'contrast.views=.*strong2'):
        build('prcl_unimatch_v2', terms=dict(contrast=dict(views=views)))


def test_the_student_labels_in_evaluation_mode_and_goes_on_training():
    model = build('fixmatch')
    model.student.backbone.layer1.eval()
    before = copy.deepcopy(model.student.state_dict())
    modes = [module.training for module in model.student.modules()]
    inputs, samples = batch()
    model.pseudo_label(inputs['unlabeled'], samples['unlabeled'])
    assert modes == [module.training for module in model.student.modules()]
    for name, value in model.student.state_dict().items():
        assert value.equal(before[name]), name


def test_a_view_can_be_switched_off():
    model = build('unimatch')
    inputs, samples = batch()
    views = model.strategy.make_views(model, inputs['unlabeled'],
                                      samples['unlabeled'])
    assert list(views) == ['strong', 'strong2', 'dropped']
    other = tiny.build(
        'unimatch', strategy=dict(views=dict(strong2=None)))
    views = other.strategy.make_views(other, inputs['unlabeled'],
                                      samples['unlabeled'])
    assert list(views) == ['strong', 'dropped']


@MODELS.register_module(force=True)
class CarriesProbabilities(Term):
    """Has the probabilities of the labeller carried along."""

    carries = True

    def weak_maps(self, seg_logits, embedding) -> dict:
        return dict(probability=seg_logits.softmax(1))

    def forward(self, output, views, losses) -> dict:
        self.views = views
        return {}


@pytest.mark.parametrize('name', STRATEGIES)
def test_views_carry_what_a_term_asks_for(name):
    model = build(name, terms=dict(mine=dict(type='CarriesProbabilities')))
    model.loss(*batch())
    views = model.terms['mine'].views
    assert 'probability' not in views['labeled'].maps
    for view in list(views.values())[1:]:
        probability, label = view.maps['probability'].max(1)
        assert label[view.labeled].equal(view.label[view.labeled])
        torch.testing.assert_close(probability[view.labeled],
                                   view.confidence[view.labeled])


@MODELS.register_module(force=True)
class SumOfLosses(Term):
    reads_losses = True

    def forward(self, output, views, losses) -> dict:
        return dict(names=torch.tensor(float(len(losses))))


def test_no_loss_replaces_another():
    model = build(
        'prcl_unimatch_v2',
        terms=dict(a=dict(type='SumOfLosses'), b=dict(type='SumOfLosses')))
    with pytest.raises(ValueError, match='model.terms.b gives names'):
        model.loss(*batch())


def test_terms_that_read_losses_come_last():
    model = build(
        'prcl_unimatch_v2', terms=dict(mine=dict(type='SumOfLosses')))
    assert list(model.terms) == ['contrast', 'health', 'mine']
    losses = model.loss(*batch())
    assert losses['names'] == len(losses) - 1


@pytest.mark.parametrize('name', ['views', 'contrast'])
def test_a_term_may_say_how_sure_labels_are(name):
    model = tiny.build(
        'prcl',
        terms=dict(views=dict(type='ViewVariance')),
        strategy=dict(labeler=dict(confidence=name)))
    inputs, samples = tiny.semi_batch()
    images = inputs['unlabeled']
    weak = model.pseudo_label(images, samples['unlabeled'])
    maps = model.terms[name].maps(*model.weak_pass('teacher', images, True))
    # σ² of the views; the posterior of the predicted class.
    expected = 1 - maps[:, 0] if name == 'views' else maps[:, 1]
    torch.testing.assert_close(weak.confidence, expected)
    assert model.loss(inputs, samples)['loss_pseudo'].isfinite()


@pytest.mark.parametrize('name', ['views', 'health'])
def test_a_term_that_can_not_say_it_is_refused(name):
    with pytest.raises(ValueError, match=f"labeler.confidence='{name}'.*soft"):
        tiny.build('mean_teacher', strategy=dict(labeler=dict(
            confidence=name)))
