# The labelled images alone: what every method here has to beat.
method = dict(type='SemiSegmentor')
