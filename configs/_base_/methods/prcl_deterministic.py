# The same contrast of points instead of distributions: cosine similarity and
# prototypes that are plain means. What PRCL has to beat to be worth its name.
_base_ = './prcl.py'
method = dict(probabilistic_head=dict(fixed_variance=0.5))
