# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Semi-supervised semantic segmentation with PRCL for MMSegmentation.

Importing the package registers all its components, so this is all a config
needs: ``custom_imports = dict(imports=['prcl_mmseg'])``.
"""
from . import compat

compat.check_dependencies()
compat.replace_missing_ops()
compat.load_checkpoints_safely()
compat.write_files_whole()
compat.resolve_mmseg_bases()
compat.name_layers_plainly()
compat.mend_cross_entropy()
compat.import_quietly('mmseg.datasets')

from . import datasets, engine, evaluation, models  # noqa: E402
from . import visualization  # noqa: E402
from .version import __version__  # noqa: E402

compat.infer_on_any_image()

__all__ = [
    '__version__', 'datasets', 'engine', 'evaluation', 'models',
    'visualization'
]
