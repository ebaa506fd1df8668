# UniMatch V2, and the probabilistic contrast.
_base_ = ['./unimatch_v2.py', '../terms/contrast.py']
method = dict(terms=dict(contrast=_base_.contrast))
# The second strong view shows the same pixels as the first.
method['terms']['contrast']['views'] = ('labeled', 'strong')
