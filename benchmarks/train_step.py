# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Time and memory of a training step of every method.

The same network, images and optimizer for all, called in turn. Seconds of the
parts are wall-clock time, each with the device waited for, so on CUDA their
sum is larger than the step's own time, which is measured without. ``ratio`` is
the step over that of the mean teacher.
"""
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional

import torch
from measure import MIB, alternate, parser, peak_memory, report, seconds, wait
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from prcl_mmseg.engine.hooks.unwrap import prototype_banks
from prcl_mmseg.engine.launch import adapt_to_run, keep_freed_memory

CONFIGS = Path(__file__).parents[1] / 'configs'
# Prefixes of configs; '+contrast' adds the probabilistic contrast where there
# is no config of both.
METHODS = ('supervised', 'mean_teacher', 'prcl', 'fixmatch',
           'fixmatch+contrast', 'unimatch', 'unimatch+contrast',
           'unimatch_v2', 'prcl_unimatch_v2')
BASELINE = 'mean_teacher'
# On CUDA the first steps choose algorithms and build kernels.
WARM_UP = dict(cpu=1, cuda=5)


class Step:
    """One method's training step on random images.

    Args:
        method (str): See METHODS.
        experiment (str): The rest of the config's name.
        crop (int): Side of the images.
        images (int): Labelled, and as many unlabelled, images.
        device (torch.device): Where to train.
        amp (str): 'none', 'bf16' or 'fp16'.
        channels_last (bool): Weights in that memory format.
        compiled (bool): The losses go through ``torch.compile``.
        depth (int, optional): Of the ResNet, instead of the config's.
        embed_stride (int, optional): Instead of the config's.
    """

    def __init__(self,
                 method: str,
                 experiment: str,
                 crop: int,
                 images: int,
                 device: torch.device,
                 amp: str,
                 channels_last: bool = False,
                 compiled: bool = False,
                 depth: Optional[int] = None,
                 embed_stride: Optional[int] = None) -> None:
        prefix, _, contrast = method.partition('+')
        folder = 'prcl' if prefix.startswith('prcl') else prefix
        config = Config.fromfile(CONFIGS / folder /
                                 f'{prefix}_{experiment}.py')
        if contrast:
            config.model.terms.contrast = dict(type='PrototypeContrast')
        config.model.segmentor.pretrained = None
        if depth is not None:
            config.model.segmentor.backbone.depth = depth
        config.model.crop_size = (crop, crop)
        terms = config.model.get('terms', {})
        if embed_stride is not None and 'contrast' in terms:
            terms.contrast.head = dict(
                type='ProbabilisticDecodeHead', embed_stride=embed_stride)
        adapt_to_run(config, launcher='none')
        if amp != 'none':
            config.optim_wrapper.type = 'AmpOptimWrapper'
            config.optim_wrapper.dtype = dict(
                bf16='bfloat16', fp16='float16')[amp]
        torch.manual_seed(0)
        self.model = MODELS.build(config.model).to(device).train()
        self.optim_wrapper = Runner.build_optim_wrapper(
            _OptimizerOnly(self.model), config.optim_wrapper)
        self.inputs, self.data_samples = random_batch(
            crop, images, self.model.num_classes, device)
        self.device = device
        if channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.compiled = compiled
        self.loss = torch.compile(
            self.model.loss) if compiled else self.model.loss

    def __call__(self) -> None:
        """Take one step, and what the hooks do after it."""
        with self.optim_wrapper.optim_context(self.model):
            losses = self.loss(self.inputs, self.data_samples)
            loss, _ = self.model.parse_losses(losses)
        self.optim_wrapper.update_params(loss)
        self.model.update_teacher()
        for bank in prototype_banks(self.model):
            bank.commit()

    def parts(self) -> Dict[str, float]:
        """Seconds of the parts of one step."""
        model, parts = self.model, {}
        with watched(parts, self.device) as watch:
            watch('labels', model, 'weak_pass')
            for augment in getattr(model.strategy, 'augments', {}).values():
                watch('augmentation', augment, 'forward')
            watch('student', model, 'student_pass')
            if 'contrast' in model.terms:
                watch('contrast', model.terms['contrast'], 'forward')
            watch('backward', self.optim_wrapper, 'backward')
            watch('optimizer', self.optim_wrapper, 'step')
            watch('ema', model, 'update_teacher')
            self()
        return parts

    def measure(self) -> Dict[str, float]:
        """Seconds and MiB of a step, and the seconds of its parts."""
        self.optim_wrapper.zero_grad()
        with peak_memory(self.device) as peak:
            self()
        # Apart, because measuring memory empties the allocator's pools.
        numbers = dict(
            seconds=seconds(self, self.device), peak_mib=peak.mib)
        # The parts of a compiled step can't be told apart.
        return numbers if self.compiled else {**numbers, **self.parts()}


class _OptimizerOnly:
    """What Runner.build_optim_wrapper needs of a runner."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model


@contextmanager
def watched(parts: Dict[str, float],
            device: torch.device) -> Iterator[Callable]:
    """Collect the seconds that methods take while the block lasts.

    Args:
        parts (dict): Seconds by name, filled here.
        device (torch.device): Waited for around each call.
    """
    changed = []

    def watch(name: str, owner: object, method: str) -> None:
        original = getattr(owner, method)

        def timed(*args, **kwargs):
            wait(device)
            start = time.perf_counter()
            result = original(*args, **kwargs)
            wait(device)
            parts[name] = (
                parts.get(name, 0.0) + time.perf_counter() - start)
            return result

        # As an instance attribute it hides the class's method.
        object.__setattr__(owner, method, timed)
        changed.append((owner, method))

    try:
        yield watch
    finally:
        for owner, method in changed:
            object.__delattr__(owner, method)


def random_batch(crop: int, images: int, classes: int,
                 device: torch.device) -> tuple:
    """A semi-supervised batch as the data preprocessor gives it."""
    torch.manual_seed(0)
    size = (crop, crop)

    def sample(labeled: bool) -> SegDataSample:
        result = SegDataSample(
            metainfo=dict(img_shape=size, ori_shape=size, pad_shape=size))
        if labeled:
            # Blobs rather than noise, as real masks are.
            coarse = torch.randint(classes, (1, 1, 8, 8)).float()
            mask = torch.nn.functional.interpolate(coarse, size)[0].long()
            result.gt_sem_seg = PixelData(data=mask.to(device))
        return result

    inputs = {
        part: torch.randn(images, 3, crop, crop, device=device)
        for part in ('labeled', 'unlabeled')
    }
    return inputs, {
        part: [sample(part == 'labeled') for _ in range(images)]
        for part in inputs
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument('--experiment', default='r101_voc_1-16')
    arguments.add_argument('--depth', type=int, help='of the ResNet')
    arguments.add_argument('--methods', nargs='+', default=METHODS)
    arguments.add_argument('--crop', type=int, help='321, or 129 if quick')
    arguments.add_argument(
        '--images', type=int, default=2, help='labelled, and as many not')
    arguments.add_argument(
        '--embed-stride', type=int, help="instead of the config's")
    arguments.add_argument(
        '--amp', choices=('none', 'bf16', 'fp16'), default='none')
    arguments.add_argument(
        '--tf32', action='store_true', help='TF32 in place of float32')
    arguments.add_argument('--channels-last', action='store_true')
    arguments.add_argument('--compile', action='store_true')
    args = arguments.parse_args()
    device = torch.device(args.device)
    init_default_scope('mmseg')
    keep_freed_memory()
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32
    MMLogger.get_instance('mmengine').setLevel('WARNING')
    crop = args.crop or (129 if args.quick else 321)
    rows = []
    steps = {
        method: Step(method, args.experiment, crop, args.images, device,
                     args.amp, args.channels_last, args.compile, args.depth,
                     args.embed_stride)
        for method in args.methods
    }
    for step in steps.values():
        for _ in range(WARM_UP[device.type]):
            step()
    repeats = args.repeats or (1 if args.quick else 5)
    medians = alternate({name: step.measure
                         for name, step in steps.items()}, repeats)
    baseline = medians.get(BASELINE, {}).get('seconds', float('nan'))
    for name, numbers in medians.items():
        weights = sum(value.nbytes for value in steps[name].model.state_dict(
        ).values()) / MIB
        rows.append(
            dict(
                method=name,
                experiment=args.experiment,
                crop=crop,
                images=f'{args.images}+{args.images}',
                amp=args.amp,
                tf32=args.tf32,
                channels_last=args.channels_last,
                compiled=args.compile,
                ratio=numbers['seconds'] / baseline,
                state_mib=weights,
                **numbers))
    report(rows, args)


if __name__ == '__main__':
    main()
