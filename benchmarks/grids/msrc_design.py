# PRCL on MSRC with one setting changed at a time, 40 labels.
_base_ = './msrc.py'
config = 'configs/prcl/prcl_efficientnet-lite0_msrc_n40.py'
contrast = 'model.terms.contrast'
views = {'model.terms.views': dict(type='ViewVariance')}
changes = dict(
    stride_8={f'{contrast}.head.embed_stride': 8},
    doubtful_pixels={f'{contrast}.confidence_threshold': 0.0},
    momentum_01={'model.teacher.momentum': 0.01},
    weight_01={f'{contrast}.loss.loss_weight': 0.1},
    weight_1={f'{contrast}.loss.loss_weight': 1.0})
methods = {
    '_delete_': True,
    **{
        name: dict(config=config, cfg_options={
            **views,
            **change
        })
        for name, change in changes.items()
    }
}
splits = dict(_delete_=True, n40=_base_.splits['n40'])
# Only what a grid knows may remain.
del config, contrast, views, changes
