# UniMatch V1, and the probabilistic contrast.
_base_ = ['./unimatch.py', '../terms/contrast.py']
method = dict(terms=dict(contrast=_base_.contrast))
# The other views show the same pixels as the first strong one.
method['terms']['contrast']['views'] = ('labeled', 'strong')
