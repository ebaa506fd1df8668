# The arithmetic of the published code, for comparison: prototypes of the
# batch with their posterior variance, pixels as negatives, MLS averaged.
_base_ = './prcl.py'
method = dict(
    terms=dict(
        contrast=dict(
            head=dict(embed_stride=4, initial_variance=0.5),
            similarity=dict(reduction='mean', temperature=100.0),
            loss=dict(
                loss_weight=1.0,
                prototypes='batch',
                prototype_variance='posterior',
                anchors=dict(threshold=0.8),
                negatives=dict(
                    _delete_=True,
                    type='PixelNegatives',
                    num_negatives=512,
                    shared=False)),
            ramp=dict(_delete_=True, type='GaussianRampDown'))))
