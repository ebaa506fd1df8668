# A mean teacher, and the probabilistic contrast.
_base_ = ['./mean_teacher.py', '../terms/contrast.py']
method = dict(terms=dict(contrast=_base_.contrast))
