# FixMatch, and the probabilistic contrast.
_base_ = ['./fixmatch.py', '../terms/contrast.py']
method = dict(terms=dict(contrast=_base_.contrast))
