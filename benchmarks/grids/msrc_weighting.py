# Doubt counts less, instead of a threshold: pseudo-labels weighted by the
# softmax, by what the prototypes say, or by the agreement of views.
_base_ = './msrc.py'
config = 'configs/prcl/prcl_efficientnet-lite0_msrc_n40.py'
soft = {
    'model.terms.views': dict(type='ViewVariance'),
    'model.strategy.loss.weighting': 'confidence',
    'model.strategy.loss.threshold': 0.0
}
judge = 'model.strategy.labeler.confidence'
methods = {
    '_delete_': True,
    'by_softmax': dict(config=config, cfg_options=soft),
    'by_prototypes': dict(
        config=config, cfg_options={
            **soft, judge: 'contrast'
        }),
    'by_views': dict(config=config, cfg_options={
        **soft, judge: 'views'
    })
}
splits = dict(
    _delete_=True, n20=_base_.splits['n20'], n40=_base_.splits['n40'])
# Only what a grid knows may remain.
del config, soft, judge
