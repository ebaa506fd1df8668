# Which 20 images to label after the first 20? benchmarks/choose_labels.py
# writes the lists; supervised trainings say what the new labels are worth.
_base_ = './msrc.py'
methods = {
    '_delete_':
    True,
    'supervised':
    dict(config='configs/supervised/supervised_efficientnet-lite0_msrc_n40.py')
}
criteria = ('random', 'entropy', 'margin', 'variance', 'posterior', 'views',
            'entropy-diverse', 'posterior-diverse', 'random-diverse')
lists = 'work_dirs/choose_labels/{0}_seed{{seed}}/{1}.txt'
splits = {
    '_delete_': True,
    **{
        criterion: dict(
            labeled=lists.format(criterion, 'labeled'),
            unlabeled=lists.format(criterion, 'unlabeled'))
        for criterion in criteria
    }
}
# Only what a grid knows may remain.
del criteria, lists
