_base_ = './mean_teacher.py'
method = dict(
    type='PRCL',
    # The contrast looks at thousands of pixels, not at all of them: stride 8
    # costs a quarter of what stride 4 does. Take 4 for small images.
    # σ² starts at the scale of means of unit length, so that neither term of
    # the mutual likelihood score drowns the other.
    probabilistic_head=dict(
        embed_dims=256, embed_stride=8, initial_variance=0.1),
    # δ_w: unlabelled pixels below this confidence are not contrasted.
    confidence_threshold=0.7,
    contrast=dict(
        type='MLSContrastLoss',
        # Makes its gradient about as large as the pseudo-label loss's.
        loss_weight=0.3,
        # Bayes' rule: σ² alone says how sharp the contrast is.
        temperature=1.0,
        prototypes='bank',
        prototype_variance='mean_precision',
        # All pixels: σ² and the prototypes have to know the easy ones, too.
        anchors=dict(type='HardAnchors', num_queries=256, threshold=1.0),
        negatives=dict(type='PrototypeNegatives')),
    contrast_ramp=dict(type='Constant'),
    prototype_bank=dict(forgetting=0.01, min_var=1e-4),
    # 1 lets the prototypes join the classifier in pseudo-labels, which keeps
    # alive rare classes that a teacher loses, and may draw too much of them.
    prototype_weight=0.0)
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ReproducibleStepHook'),
    dict(type='MeanTeacherHook'),
    dict(type='PrototypeBankHook'),
    dict(type='TrainingHealthHook')
]
