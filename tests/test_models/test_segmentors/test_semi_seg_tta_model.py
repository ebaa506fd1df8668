# Copyright (c) prcl_mmseg authors. All rights reserved.
import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny import fcn_head, method, segmentor

from prcl_mmseg.evaluation import UncertaintyMetric

MAPS = ('pred_variance', 'pred_posterior')


def augmented(image: torch.Tensor) -> dict:
    """An image, and the same flipped, as TestTimeAug packs them."""
    inputs, samples = [], []
    for flip in (False, True):
        inputs.append([image.flip(2) if flip else image])
        sample = SegDataSample(
            metainfo=dict(
                img_path='a.png', ori_shape=image.shape[1:],
                img_shape=image.shape[1:], flip=flip,
                flip_direction='horizontal' if flip else None))
        sample.gt_sem_seg = PixelData(data=torch.ones(1, *image.shape[1:]))
        samples.append([sample])
    return dict(inputs=inputs, data_samples=samples)


def predict(model, data: dict) -> list:
    """Predictions of each augmentation by itself."""
    return [
        model.test_step(dict(inputs=inputs, data_samples=samples))[0]
        for inputs, samples in zip(data['inputs'], data['data_samples'])
    ]


@pytest.fixture
def image() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (3, 32, 40), dtype=torch.uint8)


def tta(kind: str, **settings):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type=kind, module=method('prcl', **settings))).eval()
    bank = model.module.terms['contrast'].bank
    bank.precision.uniform_(1, 2)
    bank.information.normal_()
    bank.count.fill_(9)
    return model


def test_all_maps_are_the_mean_over_the_augmentations(image):
    model = tta('SemiSegTTAModel')
    data = augmented(image)
    one, other = predict(model.module, copy.deepcopy(data))
    merged, = model.test_step(data)
    for name in MAPS:
        expected = (one.get(name).data + other.get(name).data) / 2
        torch.testing.assert_close(merged.get(name).data, expected)
        assert not torch.equal(one.get(name).data, other.get(name).data)
    prob = sum(sample.seg_logits.data.softmax(0) for sample in (one, other))
    torch.testing.assert_close(merged.seg_logits.data.softmax(0), prob / 2)
    information = entropy(prob / 2) - sum(
        entropy(sample.seg_logits.data.softmax(0))
        for sample in (one, other)) / 2
    torch.testing.assert_close(merged.pred_disagreement.data, information,
                               atol=1e-6, rtol=0)
    assert information.max() > 1e-4
    assert torch.equal(merged.pred_sem_seg.data,
                       merged.seg_logits.data.argmax(0, keepdim=True))


def test_flipped_images_give_the_same_maps(image):
    """σ² lies where the image has it, whichever way it was turned."""
    model = tta('SemiSegTTAModel')
    data = augmented(image)
    mirrored = augmented(image.flip(2))
    first, = model.test_step(data)
    second, = model.test_step(mirrored)
    torch.testing.assert_close(first.pred_variance.data,
                               second.pred_variance.data.flip(2))
    torch.testing.assert_close(first.pred_disagreement.data,
                               second.pred_disagreement.data.flip(2))


def entropy(prob: torch.Tensor) -> torch.Tensor:
    return -(prob * prob.log()).sum(dim=0, keepdim=True)


def test_one_channel_is_a_probability(image):
    head = fcn_head(out_channels=1, threshold=0.4, num_classes=2,
                    loss_decode=dict(type='CrossEntropyLoss',
                                     use_sigmoid=True))
    settings = dict(num_classes=2, segmentor=segmentor(
        decode_head=head, auxiliary_head=None))
    model = MODELS.build(
        dict(type='SemiSegTTAModel', module=method('supervised', **settings)))
    data = augmented(image)
    one, other = predict(model.eval().module, copy.deepcopy(data))
    merged, = model.test_step(data)
    prob = (one.seg_logits.data + other.seg_logits.data) / 2
    torch.testing.assert_close(merged.seg_logits.data, prob)
    assert torch.equal(merged.pred_sem_seg.data, (prob > 0.4).long())
    assert merged.pred_disagreement.data.shape == prob.shape


def test_metric_refuses_maps_of_one_augmentation(image):
    data = augmented(image)
    metric = UncertaintyMetric()
    merged = tta('SemiSegTTAModel').test_step(copy.deepcopy(data))
    metric.process(None, [sample.to_dict() for sample in merged])
    assert 'AUROC/disagreement' in metric.evaluate(1)
    stock = tta('SegTTAModel').test_step(data)
    for scores in (None, ['disagreement']):
        with pytest.raises(ValueError, match="type='SemiSegTTAModel'"):
            UncertaintyMetric(scores).process(
                None, [sample.to_dict() for sample in stock])
