# The same contrast of points instead of distributions: with one σ² for all it
# is that of cosine similarities, at a temperature of 2σ², and prototypes are
# plain means. What PRCL has to beat to be worth its name.
_base_ = './prcl.py'
method = dict(terms=dict(contrast=dict(head=dict(fixed_variance=0.1))))
