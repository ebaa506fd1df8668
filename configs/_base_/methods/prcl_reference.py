# The arithmetic of the published code, for comparison: prototypes of the
# batch with their posterior variance, pixels as negatives, MLS averaged.
_base_ = './prcl.py'
method = dict(
    probabilistic_head=dict(embed_stride=4, initial_variance=0.5),
    contrast=dict(
        preset='reference',
        loss_weight=1.0,
        temperature=100.0,
        prototypes='batch',
        prototype_variance='posterior',
        anchors=dict(threshold=0.8),
        negatives=dict(
            type='PixelNegatives', num_negatives=512, shared=False)),
    contrast_ramp=dict(
        _delete_=True, type='GaussianRampDown', sharpness=5.0))
