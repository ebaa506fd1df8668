# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The config of a plain mmseg segmentor out of a semi-supervised one's.

What it describes runs where this package is not installed.
"""
import copy
from typing import Any, List, NamedTuple, Tuple

from mmengine.config import Config
from mmengine.registry import Registry
from mmseg.registry import (DATA_SAMPLERS, HOOKS, LOG_PROCESSORS,
                            LOOPS, METRICS, MODELS, TRANSFORMS, VISBACKENDS,
                            VISUALIZERS)

from ..engine.config_parts import (config_dicts, drop_pretrained_init,
                                   replace_sync_bn)
from ..engine.config_types import name_types
from ..models.adaptation import adapt_segmentor
from ..models.data_preprocessors import for_any_channels
from ..packages import OWN_PACKAGE
from .own_types import own_types, packages_of_types
from .plain_dataset import NoPlainDataset, plain_dataset

# Settings that prediction has a use for, taken over as they are, with the
# registry of their types.
KEPT = dict(
    default_scope=None,
    env_cfg=None,
    vis_backends=VISBACKENDS,
    visualizer=VISUALIZERS,
    log_processor=LOG_PROCESSORS,
    log_level=None,
    tta_model=MODELS,
    test_pipeline=TRANSFORMS,
    tta_pipeline=TRANSFORMS,
    test_cfg=LOOPS)
# For images of which mmseg can load nothing else.
LOADERS = ('LoadMultiChannelImage', 'LoadWideAnnotations')


class PlainConfig(NamedTuple):
    """A plain config and what could not be taken over.

    Args:
        cfg (Config): The config.
        left_out (list[str]): One sentence for each part that is missing.
    """

    cfg: Config
    left_out: List[str]


def plain_model(model: dict) -> dict:
    """Config of the segmentor that the student and the teacher are.

    The probabilistic head is unwrapped, SyncBN becomes BN, and pretrained
    weights are not looked for, since a checkpoint brings all of them. None of
    these changes a prediction. The preprocessor may be one of this package,
    where mmseg has none for so many channels.

    Args:
        model (dict): Config of a semi-supervised segmentor.

    Raises:
        ValueError: If it isn't one, or a part of the segmentor needs this
            package.
    """
    if 'segmentor' not in model:
        raise ValueError(
            f"model.type={model.get('type')!r} wraps no segmentor; only "
            'models with model.segmentor need to be made plain')
    segmentor = adapt_segmentor(model['segmentor'], model['num_classes'],
                                model.get('crop_size'),
                                model.get('data_preprocessor'))
    if model.get('test_cfg') is not None:
        segmentor['test_cfg'] = model['test_cfg']
    head = segmentor['decode_head']
    if isinstance(head, (list, tuple)):
        segmentor['decode_head'] = [_unwrap_head(item) for item in head]
    else:
        segmentor['decode_head'] = _unwrap_head(head)
    replace_sync_bn(segmentor)
    segmentor.pop('pretrained', None)
    drop_pretrained_init(segmentor)
    preprocessor = for_any_channels(segmentor.pop('data_preprocessor'))
    own = own_types(segmentor, MODELS)
    segmentor['data_preprocessor'] = preprocessor
    if own:
        raise ValueError(
            f'model.segmentor uses {", ".join(own)} of {OWN_PACKAGE}, which a '
            'plain segmentor cannot have; use the like of mmseg instead')
    return segmentor


def plain_config(cfg: Config, list_file: str) -> PlainConfig:
    """Config to predict and to test with, resolved and self-contained.

    Args:
        cfg (Config): Config of a semi-supervised training.
        list_file (str): Where to write the list of test images if the plain
            data set needs one.

    Raises:
        ValueError: See :func:`plain_model`.
    """
    cfg = copy.deepcopy(cfg)
    name_types(cfg)
    # What it merges besides, a plain segmentor does not predict.
    if cfg.get('tta_model', {}).get('type') == 'SemiSegTTAModel':
        cfg.tta_model.type = 'SegTTAModel'
    left_out = []
    model = plain_model(cfg.model)
    plain = dict(
        data_preprocessor=copy.deepcopy(model['data_preprocessor']),
        model=model)
    for key, registry in KEPT.items():
        if key not in cfg:
            continue
        own = [] if registry is None else _own_types(cfg[key], registry)
        if own:
            left_out.append(f'{key} is left out: it uses {", ".join(own)} of '
                            f'{OWN_PACKAGE}')
        else:
            plain[key] = cfg[key]
    plain['default_hooks'] = {
        name: hook
        for name, hook in cfg.get('default_hooks', {}).items()
        if not own_types(hook, HOOKS)
    }
    if cfg.get('test_dataloader') is not None:
        _take_over_test(cfg, plain, list_file, left_out)
    imports, unused = _other_imports(cfg, plain)
    if unused:
        left_out.append(f'custom_imports is without {", ".join(unused)}: '
                        'nothing here needs it')
    if imports:
        plain['custom_imports'] = dict(
            imports=imports, allow_failed_imports=False)
    needed = own_types(model, MODELS) + own_types(
        [plain.get('test_pipeline'), plain.get('test_dataloader')], TRANSFORMS)
    if needed:
        left_out.append(f'it needs {OWN_PACKAGE} for {", ".join(needed)}: '
                        'mmseg has nothing for such images')
        plain['custom_imports'] = dict(
            imports=[OWN_PACKAGE, *imports], allow_failed_imports=False)
    plain.update(load_from=None, resume=False)
    return PlainConfig(Config(_as_dict(plain)), left_out)


def _take_over_test(cfg: Config, plain: dict, list_file: str,
                    left_out: List[str]) -> None:
    loader = copy.deepcopy(cfg.test_dataloader)
    # Of a wrapper such as ConcatDataset, that of the first data set.
    pipeline = next((part['pipeline']
                     for part in config_dicts(loader.dataset)
                     if 'pipeline' in part), [])
    own = own_types(loader.get('sampler'), DATA_SAMPLERS) + _own_types(
        pipeline, TRANSFORMS)
    try:
        if own:
            raise NoPlainDataset(f'it uses {", ".join(own)} of {OWN_PACKAGE}')
        loader['dataset'] = plain_dataset(loader.dataset, list_file)
    except NoPlainDataset as error:
        left_out.append(f'test_dataloader cannot be tested on: {error}')
        # mmseg's inferencer reads the pipeline from here.
        if not own:
            plain['test_dataloader'] = dict(
                dataset=dict(type='BaseSegDataset', pipeline=pipeline))
        plain.pop('test_cfg', None)
        return
    metrics = cfg.get('test_evaluator')
    metrics = [metrics] if isinstance(metrics, dict) else list(metrics or [])
    kept = [metric for metric in metrics if not own_types(metric, METRICS)]
    if len(kept) < len(metrics):
        left_out.append('test_evaluator is without '
                        f'{", ".join(own_types(metrics, METRICS))} of '
                        f'{OWN_PACKAGE}')
    plain['test_dataloader'] = loader
    # A single metric stays a dict, where mmseg's test tool expects one.
    plain['test_evaluator'] = kept[0] if len(kept) == 1 else kept
    plain.setdefault('test_cfg', dict(type='TestLoop'))


def _own_types(node: Any, registry: Registry) -> List[str]:
    """Types of this package, without those that a plain config keeps."""
    return [name for name in own_types(node, registry) if name not in LOADERS]


def _unwrap_head(head: dict) -> dict:
    if head['type'] == 'ProbabilisticDecodeHead':
        return head['head']
    return head


def _other_imports(cfg: Config, plain: dict) -> Tuple[List[str], List[str]]:
    """Modules that a plain config has to import, and those it need not."""
    given = cfg.get('custom_imports', {}).get('imports', [])
    given = [given] if isinstance(given, str) else list(given)
    given = [name for name in given if name.split('.')[0] != OWN_PACKAGE]
    scopes = {
        part['type'].split('.')[0]
        for part in config_dicts(plain['model'])
        if isinstance(part.get('type'), str) and part['type'].count('.') == 1
    }
    roots = {name: name.split('.')[0] for name in given}
    used, registering = packages_of_types(plain)
    # What registers nothing may do something else.
    imports = [name for name in given
               if roots[name] in used or roots[name] not in registering]
    if used - scopes - set(roots.values()):
        # Some module registers what another package has.
        imports = list(given)
    for scope in sorted(scopes):
        if not any(name.split('.')[0] == scope for name in imports):
            imports.append(f'{scope}.models')
    return imports, [name for name in given if name not in imports]


def _as_dict(node: Any) -> Any:
    """Plain containers instead of ConfigDict, to be written as they look."""
    if isinstance(node, dict):
        return {key: _as_dict(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(_as_dict(value) for value in node)
    return node


def default_role(model: dict, student: bool = False) -> str:
    """Who predicts: the teacher, if there is one and nobody else is asked."""
    if student or model.get('teacher') is None:
        return 'student'
    return model.get('predict_with', 'teacher')
