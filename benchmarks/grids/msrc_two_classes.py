# What sigma squared says where there are two classes only.
_base_ = './msrc.py'
methods = dict(
    _delete_=True,
    prcl=dict(
        config='benchmarks/grids/configs/prcl_msrc_two_classes.py',
        cfg_options={'model.terms.views': dict(type='ViewVariance')}))
splits = dict(_delete_=True, n40=_base_.splits['n40'])
