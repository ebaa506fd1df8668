# Three times as long, all masks: what a supervised training can reach.
_base_ = './msrc.py'
methods = dict(
    _delete_=True,
    supervised=dict(
        config='configs/supervised/'
        'supervised_efficientnet-lite0_msrc_n40.py',
        cfg_options={
            'train_cfg.max_iters': 1500,
            'train_cfg.val_interval': 500,
            'default_hooks.checkpoint.interval': 500
        }))
