_base_ = [
    '../_base_/models/deeplabv3plus_r50-d16.py',  # another network: change this line
    '../_base_/datasets/custom_semi.py',  # your copy of it
    '../_base_/methods/fixmatch.py',
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
# As many channels as the data file describes.
model['segmentor']['backbone']['in_channels'] = len(_base_.pixel_mean)
model['segmentor']['data_preprocessor'].update(
    mean=_base_.pixel_mean, std=_base_.pixel_std)
