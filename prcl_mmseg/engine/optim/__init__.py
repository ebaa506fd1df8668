# Copyright (c) prcl_mmseg authors. All rights reserved.
from .student_constructor import StudentOptimWrapperConstructor

__all__ = ['StudentOptimWrapperConstructor']
