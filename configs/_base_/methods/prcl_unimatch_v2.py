# UniMatch V2, and the probabilistic contrast as it stands on a mean teacher.
_base_ = './unimatch_v2.py'
method = dict(
    terms=dict(
        contrast=dict(
            type='PrototypeContrast',
            head=dict(type='ProbabilisticDecodeHead'),
            bank=dict(type='PrototypeBank'),
            similarity=dict(type='MutualLikelihood'),
            loss=dict(
                type='MLSContrastLoss',
                anchors=dict(type='HardAnchors'),
                negatives=dict(type='PrototypeNegatives')),
            ramp=dict(type='Constant'))))
