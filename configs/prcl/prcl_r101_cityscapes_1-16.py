_base_ = [
    '../_base_/models/deeplabv3plus_r101-d16.py',  # another network: change this line
    '../_base_/datasets/cityscapes_semi.py',
    '../_base_/methods/prcl.py',
    '../_base_/schedules/sgd_25k.py',
    '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['prcl_mmseg'], allow_failed_imports=False)
model = dict(
    _delete_=True,
    segmentor=_base_.model,
    num_classes=_base_.num_classes,
    crop_size=_base_.crop_size,
    **_base_.method)
model['strategy']['strong_augment']['transforms']['scale_crop']['scale'] = (0.5, 2.0)
# 6 + 6 images on each of 4 GPUs.
auto_scale_lr = dict(base_batch_size=24)
