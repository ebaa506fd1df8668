# Copyright (c) prcl_mmseg authors. All rights reserved.
