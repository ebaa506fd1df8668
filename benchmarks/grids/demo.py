# Generated scenes: no download, some minutes on two CPU cores.
methods = dict(
    supervised=dict(config='configs/supervised/supervised_demo.py'),
    mean_teacher=dict(
        config='configs/mean_teacher/mean_teacher_demo.py'),
    prcl=dict(config='configs/prcl/prcl_demo.py'))
# The 4 labelled and 240 unlabelled scenes that the configs name.
splits = dict(n4=dict())
seeds = [0, 1]
