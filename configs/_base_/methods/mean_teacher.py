# The strategy of PRCL: an EMA teacher labels; the student learns one strong
# view, in which each image counts by its share of sure pixels.
method = dict(
    type='SemiSegmentor',
    teacher=dict(type='EMATeacher'),
    strategy=dict(
        type='WeakToStrong',
        labeler=dict(type='Labeler', network='teacher'),
        strong_augment=dict(
            type='StrongAugment',
            # None instead of a transform switches it off.
            transforms=dict(
                scale_crop=dict(type='RandomScaleCrop'),
                mix=dict(type='ClassMix'),
                color=dict(type='ColorJitter'),
                blur=dict(type='GaussianBlur'),
                flip=dict(type='RandomFlip'))),
        loss=dict(type='PseudoLabelLoss', threshold=0.97, weighting='image')),
    terms=dict(health=dict(type='TrainingHealth')))
