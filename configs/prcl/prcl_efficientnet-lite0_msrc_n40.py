_base_ = [
    '../_base_/models/fpn_efficientnet-lite0.py',  # another network: change this line
    '../_base_/datasets/msrc_semi.py',
    '../_base_/methods/prcl.py',
    '../_base_/schedules/adamw_800.py',
    '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['prcl_mmseg'], allow_failed_imports=False)
model = dict(
    _delete_=True,
    segmentor=_base_.model,
    num_classes=_base_.num_classes,
    crop_size=_base_.crop_size,
    **_base_.method)
model['terms']['contrast']['head'].update(embed_dims=64, embed_stride=4)
# In 800 iterations a slower teacher lags behind its student.
model['teacher'] = dict(type='EMATeacher', momentum=0.03)
