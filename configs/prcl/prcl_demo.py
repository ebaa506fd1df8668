_base_ = [
    '../_base_/models/fpn_r18-quarter.py',
    '../_base_/datasets/demo_semi.py',
    '../_base_/methods/prcl.py',
    '../_base_/schedules/adamw_demo.py',
    '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['prcl_mmseg'], allow_failed_imports=False)
randomness = dict(seed=0)
model = dict(
    _delete_=True,
    segmentor=_base_.model,
    num_classes=_base_.num_classes,
    crop_size=_base_.crop_size,
    **_base_.method)
model['terms']['contrast']['head'].update(embed_dims=32, embed_stride=4)
# Colours carry some of the meaning here.
model['strategy']['strong_augment']['transforms']['color']['hue'] = (-0.05, 0.05)
# So short a training is seldom as sure as the published threshold.
model['strategy']['loss']['threshold'] = 0.9
