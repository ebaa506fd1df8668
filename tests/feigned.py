# Copyright (c) prcl_mmseg authors. All rights reserved.
"""A grid, and tools whose trainings and tests take no time."""

CONFIG = '''
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file='labeled.txt', data_root={data!r}, indices=3,
                 label_map={{9: 1}}, pipeline=['train']),
    unlabeled=dict(ann_file='unlabeled.txt', data_root={data!r})))
val_dataloader = dict(dataset=dict(ann_file='val.txt'))
test_dataloader = dict(dataset=dict(
    ann_file='test.txt', pipeline=['test'], split='test'))
val_evaluator = dict(type='IoUMetric')
test_evaluator = [dict(type='IoUMetric'), dict(type='OtherMetric')]
quality = {quality}
behaviour = dict()
'''

GRID = '''
methods = dict(plain=dict(config='plain.py'), better=dict(config='better.py'))
splits = dict(small=dict(labeled='small{seed}.txt'))
seeds = [0]
'''

# Trains as MMEngine's loop and hooks do, as far as files can tell: two
# checkpoints, a validation after each, the better one kept.
TRAIN = '''
import json, os, sys, time, zipfile
sys.stdout.reconfigure(line_buffering=True)
config, work, resume = sys.argv[1], sys.argv[3], sys.argv[4]
assert sys.argv[2] == '--work-dir' and resume == '--resume'
cfg = dict()
exec(open(config).read(), cfg)
behaviour = cfg['behaviour']

def save(name, step):
    with zipfile.ZipFile(os.path.join(work, name), 'w') as file:
        file.writestr('step', str(step))

pointer = os.path.join(work, 'last_checkpoint')
begin = 0
if os.path.exists(pointer):
    with zipfile.ZipFile(open(pointer).read()) as file:
        begin = int(file.read('step'))
print('PID', os.getpid(), 'THREADS', os.environ['OMP_NUM_THREADS'])
logs = os.path.join(work, 'from%d' % begin, 'vis_data')
os.makedirs(logs)
scalars = open(os.path.join(logs, 'scalars.json'), 'a', buffering=1)
until = behaviour.get('until')
for step in range(begin + 1, cfg['train_cfg']['max_iters'] + 1):
    if step == behaviour.get('step') and not os.path.exists(until):
        if behaviour['what'] == 'fail':
            sys.exit('ValueError: no luck in step %d' % step)
        open(os.path.join(work, 'waits'), 'w').close()
        while not os.path.exists(until):
            time.sleep(0.01)
    print('STEP', step)
    scalars.write(json.dumps(dict(
        iter=step, step=step, time=0.1 * step, memory=100 + step)) + '\\n')
    if step % 2 == 0:
        save('iter_%d.pth' % step, step)
        open(pointer, 'w').write(os.path.join(work, 'iter_%d.pth' % step))
        score = cfg['quality'][step // 2 - 1] + cfg['randomness']['seed']
        scalars.write(json.dumps({
            'mIoU': score, 'teacher/mIoU': score, 'student/mIoU': score - 1,
            'step': step, 'time': 1.0}) + '\\n')
        if score == max(cfg['quality'][:step // 2]) + \\
                cfg['randomness']['seed']:
            for old in os.listdir(work):
                if old.startswith('best_'):
                    os.remove(os.path.join(work, old))
            save('best_mIoU_iter_%d.pth' % step, step)
'''

TEST = '''
import json, os, sys, zipfile
config, checkpoint, work = sys.argv[1], sys.argv[2], sys.argv[4]
cfg = dict()
exec(open(config).read(), cfg)
assert cfg['test_evaluator'][0]['type'] == 'ClassIoUMetric'
with zipfile.ZipFile(checkpoint) as file:
    step = int(file.read('step'))
score = cfg['quality'][step // 2 - 1] - 10 + cfg['randomness']['seed']
if cfg['test_dataloader']['dataset']['ann_file'] != 'test.txt':
    # Read as the labelled ones, but with the pipeline of the test.
    assert cfg['test_dataloader']['dataset'] == dict(
        ann_file='unlabeled.txt', label_map={9: 1}, pipeline=['test'],
        data_root=cfg['train_dataloader']['dataset']['labeled']['data_root'])
    score = 33.0
os.makedirs(os.path.join(work, 'now'))
with open(os.path.join(work, 'now', 'now.json'), 'w') as file:
    json.dump({'mIoU': score, 'aAcc': 90.0, 'IoU/cat': score + 1,
               'IoU/dog': score - 1, 'AUROC/variance': 0.75,
               'IoU/none': float('nan'), 'time': 0.2}, file)
'''
