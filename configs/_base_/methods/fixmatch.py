# The student labels the weak view, and learns on one strong view the pixels
# that it is sure of (arXiv 2001.07685, as UniMatch adapts it to segmentation).
method = dict(
    type='SemiSegmentor',
    strategy=dict(
        type='WeakToStrong',
        labeler=dict(type='Labeler', network='student'),
        strong_augment=dict(
            type='StrongAugment',
            # None instead of a transform switches it off.
            transforms=dict(
                color=dict(
                    type='ColorJitter',
                    brightness=(0.5, 1.5),
                    contrast=(0.5, 1.5),
                    saturation=(0.5, 1.5)),
                gray=dict(type='RandomGray'),
                blur=dict(type='GaussianBlur', sigma=(0.1, 2.0)),
                mix=dict(
                    type='CutMix',
                    area=(0.02, 0.4),
                    aspect=(0.3, 1 / 0.3),
                    prob=0.5))),
        # (L_sup + L_unsup) / 2
        loss=dict(
            type='PseudoLabelLoss',
            threshold=0.95,
            weighting='pixel',
            loss_weight=0.5),
        supervised_weight=0.5),
    terms=dict(health=dict(type='TrainingHealth')))
