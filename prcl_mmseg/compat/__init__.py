# Copyright (c) prcl_mmseg authors. All rights reserved.
"""What it takes to work on both OpenMMLab families and current PyTorch.

Importing this needs no OpenMMLab package, so that a missing one can be named.
"""
from .any_image import infer_on_any_image
from .checkpoints import load_checkpoints_safely
from .compiled_ops import find_missing_ops, replace_missing_ops
from .config_bases import resolve_mmseg_bases
from .cross_entropy import mend_cross_entropy
from .dependencies import check_dependencies
from .layer_decay import name_layers_plainly
from .quiet_import import import_quietly
from .whole_files import UNFINISHED, whole_file, write_files_whole

__all__ = [
    'UNFINISHED', 'check_dependencies', 'find_missing_ops',
    'import_quietly', 'infer_on_any_image', 'load_checkpoints_safely',
    'mend_cross_entropy', 'name_layers_plainly', 'replace_missing_ops',
    'resolve_mmseg_bases', 'whole_file', 'write_files_whole'
]
