# UniMatch V1 (arXiv 2208.09910): two strong views, and the weak view with
# half of the channels dropped between encoder and decoder.
_base_ = './fixmatch.py'
method = dict(
    strategy=dict(
        views=dict(
            strong=dict(weight=0.25),
            strong2=dict(weight=0.25),
            dropped=dict(augment=None, weight=0.5)),
        feature_perturbation=dict(
            type='ChannelDropout', views=('dropped', ))))
