# The labelled images only: what every method here has to beat.
method = dict(type='SemiBaseSegmentor', teacher=None)
custom_hooks = [dict(type='PreflightHook'), dict(type='ReproducibleStepHook')]
