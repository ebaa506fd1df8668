# Copyright (c) prcl_mmseg authors. All rights reserved.
from functools import wraps
from typing import Any, Optional


def mend_cross_entropy() -> None:
    """Let mmseg's cross entropy take masks with ignored pixels.

    With class weights, mmseg 1.2.2 looks up the weight of every pixel's label
    for the mean. The label of ignored pixels, 255, has none: an IndexError,
    or an assertion in a CUDA kernel. Here the mean is over the labelled
    pixels, each with the weight of its class, as in
    ``torch.nn.functional.cross_entropy`` and in later versions of mmseg.

    The loss of a one-channel head takes the maximum of the labelled pixels,
    which fails if there are none. Here such a loss is 0, as that of other
    heads is.
    """
    from mmseg.models.losses import cross_entropy_loss as module
    cross_entropy = module.cross_entropy
    binary_cross_entropy = module.binary_cross_entropy

    @wraps(cross_entropy)
    def with_mean_of_labelled(pred: Any,
                              label: Any,
                              weight: Optional[Any] = None,
                              class_weight: Optional[Any] = None,
                              reduction: str = 'mean',
                              avg_factor: Optional[Any] = None,
                              ignore_index: int = -100,
                              **kwargs) -> Any:
        if (class_weight is not None and avg_factor is None
                and reduction == 'mean'):
            avg_factor = class_weight[label[label != ignore_index]].sum()
        return cross_entropy(
            pred, label, weight=weight, class_weight=class_weight,
            reduction=reduction, avg_factor=avg_factor,
            ignore_index=ignore_index, **kwargs)

    @wraps(binary_cross_entropy)
    def with_empty_masks(pred: Any,
                         label: Any,
                         weight: Optional[Any] = None,
                         ignore_index: int = -100,
                         **kwargs) -> Any:
        if pred.size(1) == 1 and bool((label == ignore_index).all()):
            label = label.new_zeros(label.shape)
            weight = pred.new_zeros(label.shape)
        return binary_cross_entropy(
            pred, label, weight=weight, ignore_index=ignore_index, **kwargs)

    module.cross_entropy = with_mean_of_labelled
    module.binary_cross_entropy = with_empty_masks
