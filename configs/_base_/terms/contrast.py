# The probabilistic contrast with the defaults of its classes. The parts are
# named so that an inheriting config can change them.
contrast = dict(
    type='PrototypeContrast',
    head=dict(type='ProbabilisticDecodeHead'),
    bank=dict(type='PrototypeBank'),
    similarity=dict(type='MutualLikelihood'),
    loss=dict(
        type='MLSContrastLoss',
        anchors=dict(type='HardAnchors'),
        negatives=dict(type='PrototypeNegatives')),
    ramp=dict(type='Constant'))
