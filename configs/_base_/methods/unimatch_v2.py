# UniMatch V2 (arXiv 2410.10777): an EMA teacher labels; of two strong views
# each has the channels that the other lacks.
_base_ = './fixmatch.py'
method = dict(
    teacher=dict(type='EMATeacher', momentum=0.004),
    strategy=dict(
        labeler=dict(network='teacher'),
        views=dict(strong=dict(weight=0.5), strong2=dict(weight=0.5)),
        feature_perturbation=dict(
            type='ComplementaryDropout', views=('strong', 'strong2'))))
