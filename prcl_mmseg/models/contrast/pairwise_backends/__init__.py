# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Ways of computing the pairwise energy and its gradients.

A backend is a module with two functions, ``energy`` and ``gradients``.
"""
from .choice import backend_for

__all__ = ['backend_for']
