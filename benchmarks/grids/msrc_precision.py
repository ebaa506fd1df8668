# PRCL on MSRC with 40 labels in float32 and under automatic mixed precision.
_base_ = './msrc.py'
prcl = _base_.methods['prcl']
methods = {
    '_delete_': True,
    'fp32': prcl,
    **{
        name: dict(
            config=prcl.config,
            cfg_options={
                **prcl.cfg_options, 'optim_wrapper.type': 'AmpOptimWrapper',
                'optim_wrapper.dtype': dtype
            })
        for name, dtype in dict(fp16='float16', bf16='bfloat16').items()
    }
}
splits = dict(_delete_=True, n40=_base_.splits['n40'])
# Only what a grid knows may remain.
del prcl
