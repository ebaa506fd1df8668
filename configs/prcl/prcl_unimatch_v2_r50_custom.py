_base_ = [
    '../_base_/models/deeplabv3plus_r50-d16.py',  # another network: change this line
    '../_base_/datasets/custom_semi.py',  # your copy of it
    '../_base_/methods/prcl_unimatch_v2.py',
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
# Where the data file says what images are like.
model['segmentor']['backbone'].update(_base_.first_layer)
model['segmentor']['data_preprocessor'].update(_base_.normalization)
