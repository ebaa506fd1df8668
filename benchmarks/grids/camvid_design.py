# How the defaults of CamVid were found: variants of the methods with 6
# labelled images, to be compared on validation.
_base_ = './camvid.py'
methods = dict(
    _delete_=True,
    mean_teacher_sure_08=dict(
        config='configs/mean_teacher/'
        'mean_teacher_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.pseudo_label_loss.threshold': 0.8,
            'test_evaluator.1.scores': ('softmax', 'entropy')
        }),
    # Doubtful pixels don't count, instead of whole images.
    mean_teacher_pixel_09=dict(
        config='configs/mean_teacher/'
        'mean_teacher_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.pseudo_label_loss.weighting': 'pixel',
            'model.pseudo_label_loss.threshold': 0.9,
            'test_evaluator.1.scores': ('softmax', 'entropy')
        }),
    prcl_pixel_09=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.pseudo_label_loss.weighting': 'pixel',
            'model.pseudo_label_loss.threshold': 0.9,
            'optim_wrapper.paramwise_cfg.custom_keys.variance_branch.lr_mult':
            1.0,
            'model.prototype_weight': 0.0
        }),
    prcl_sure_08_weight_1=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.pseudo_label_loss.threshold': 0.8,
            'model.contrast.loss_weight': 1.0,
            'optim_wrapper.paramwise_cfg.custom_keys.variance_branch.lr_mult':
            1.0,
            'model.prototype_weight': 0.0
        }),
    # As published: prototypes neither label nor predict.
    prcl_classifier_alone=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={'model.prototype_weight': 0.0}),
    # The variance branch learns at the full rate; the contrast teaches it and
    # the prototypes easy pixels, too, up to the end.
    prcl_all_anchors=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'optim_wrapper.paramwise_cfg.custom_keys.variance_branch.lr_mult':
            1.0,
            'model.contrast.anchors.threshold': 1.1,
            'model.contrast_ramp': dict(type='Constant', _delete_=True)
        }),
    # σ² starts at the scale of unit-length means, 1/D, so that the distances
    # of the means weigh as much as the variances; τ grows with it.
    prcl_narrow=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'optim_wrapper.paramwise_cfg.custom_keys.variance_branch.lr_mult':
            1.0,
            'model.probabilistic_head.initial_variance': 1 / 64,
            'model.contrast.temperature': 6.4
        }),
    # All pixels are anchors, up to the end, with the prototypes' full weight,
    prcl_bayes=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.contrast.anchors.threshold': 1.1,
            'model.contrast_ramp': dict(type='Constant', _delete_=True)
        }),
    # with less of it,
    prcl_bayes_weak=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.contrast.anchors.threshold': 1.1,
            'model.contrast_ramp': dict(type='Constant', _delete_=True),
            'model.prototype_weight': 0.3
        }),
    # or with a softer posterior.
    prcl_bayes_soft=dict(
        config='configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py',
        cfg_options={
            'model.contrast.anchors.threshold': 1.1,
            'model.contrast_ramp': dict(type='Constant', _delete_=True),
            'model.probabilistic_head.initial_variance': 0.1
        }))
splits = {
    '_delete_': True,
    'n6':
    dict(
        labeled='splits/uniform_n6/labeled.txt',
        unlabeled='splits/uniform_n6/unlabeled.txt')
}
seeds = [0, 1]
