method = dict(
    type='MeanTeacher',
    teacher=dict(type='EMATeacher', momentum=0.01),
    predict_with='teacher',
    # None instead of a transform switches it off.
    strong_augment=dict(
        type='StrongAugment',
        transforms=dict(
            scale_crop=dict(type='RandomScaleCrop', scale=(0.5, 1.5)),
            mix=dict(type='ClassMix'),
            color=dict(
                type='ColorJitter',
                prob=0.8,
                brightness=(0.75, 1.25),
                contrast=(0.75, 1.25),
                saturation=(0.75, 1.25),
                hue=(-0.25, 0.25)),
            blur=dict(type='GaussianBlur', prob=0.5, sigma=(0.15, 1.15)),
            flip=dict(type='RandomFlip', prob=0.5))),
    pseudo_label_loss=dict(
        type='PseudoLabelLoss', threshold=0.97, loss_weight=1.0))
custom_hooks = [
    dict(type='PreflightHook'),
    dict(type='ReproducibleStepHook'),
    dict(type='MeanTeacherHook'),
    dict(type='TrainingHealthHook')
]
