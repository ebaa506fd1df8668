# How the defaults of CamVid were found: variants of the methods with 6
# labelled images, to be compared on validation.
_base_ = './camvid.py'
mean_teacher = 'configs/mean_teacher/' \
    'mean_teacher_efficientnet-lite0_camvid_1-16.py'
prcl = 'configs/prcl/prcl_efficientnet-lite0_camvid_1-16.py'
contrast = 'model.terms.contrast'
prototypes_label = 'model.strategy.labeler.prototype_weight'
var_lr = 'optim_wrapper.paramwise_cfg.custom_keys.variance_branch.lr_mult'
without_variance = {'test_evaluator.1.scores': ('softmax', 'entropy')}
# As published, but for the scale of the score: σ² starts around 0.5 and is
# nearly frozen, hard pixels are contrasted, less and less.
published_start = {
    var_lr: 1 / 64,
    f'{contrast}.head.initial_variance': 0.5,
    f'{contrast}.loss.loss_weight': 0.2,
    f'{contrast}.similarity.temperature': 0.2,
    f'{contrast}.loss.anchors.threshold': 0.8,
    f'{contrast}.ramp': dict(type='GaussianRampDown', _delete_=True)
}
methods = dict(
    _delete_=True,
    mean_teacher=dict(config=mean_teacher, cfg_options=without_variance),
    prcl=dict(config=prcl),
    # What pays, the contrast or the prototypes that label?
    prcl_contrast_alone=dict(
        config=prcl, cfg_options={prototypes_label: 0.0}),
    prcl_prototypes_alone=dict(
        config=prcl, cfg_options={f'{contrast}.loss.loss_weight': 0.0}),
    # Those the teacher doubts are contrasted, too.
    prcl_doubtful_pixels=dict(
        config=prcl, cfg_options={f'{contrast}.confidence_threshold': 0.0}),
    mean_teacher_sure_08=dict(
        config=mean_teacher,
        cfg_options={
            'model.strategy.loss.threshold': 0.8,
            **without_variance
        }),
    # Doubtful pixels don't count, instead of whole images.
    mean_teacher_pixel_09=dict(
        config=mean_teacher,
        cfg_options={
            'model.strategy.loss.weighting': 'pixel',
            'model.strategy.loss.threshold': 0.9,
            **without_variance
        }),
    # The prototypes don't label.
    prcl_classifier_alone=dict(
        config=prcl,
        cfg_options={
            **published_start, prototypes_label: 0.0
        }),
    prcl_pixel_09=dict(
        config=prcl,
        cfg_options={
            **published_start, var_lr: 1.0,
            'model.strategy.loss.weighting': 'pixel',
            'model.strategy.loss.threshold': 0.9,
            prototypes_label: 0.0
        }),
    prcl_sure_08_weight_1=dict(
        config=prcl,
        cfg_options={
            **published_start, var_lr: 1.0,
            'model.strategy.loss.threshold': 0.8,
            f'{contrast}.loss.loss_weight': 1.0,
            prototypes_label: 0.0
        }),
    # They do, from a σ² that is too large for their means,
    prcl_half_frozen=dict(config=prcl, cfg_options=published_start),
    prcl_half_all_anchors=dict(
        config=prcl,
        cfg_options={
            **published_start, var_lr: 1.0,
            f'{contrast}.loss.anchors.threshold': 1.0,
            f'{contrast}.ramp': dict(type='Constant', _delete_=True)
        }),
    # from one so small that τ takes over its part,
    prcl_narrow=dict(
        config=prcl,
        cfg_options={
            **published_start, var_lr: 1.0,
            f'{contrast}.head.initial_variance': 1 / 64,
            f'{contrast}.similarity.temperature': 6.4
        }),
    # or from a smaller one than the default, hence with a sharper posterior.
    prcl_sharp=dict(
        config=prcl,
        cfg_options={
            f'{contrast}.head.initial_variance': 0.03,
            f'{contrast}.loss.loss_weight': 0.1
        }),
    # A weaker contrast than the default.
    prcl_weight_01=dict(
        config=prcl, cfg_options={f'{contrast}.loss.loss_weight': 0.1}))
splits = {
    '_delete_': True,
    'n6':
    dict(
        labeled='splits/uniform_n6/labeled.txt',
        unlabeled='splits/uniform_n6/unlabeled.txt')
}
seeds = [0, 1, 2]
# Only what a grid knows may remain.
del mean_teacher, prcl, contrast, prototypes_label, var_lr
del without_variance, published_start
