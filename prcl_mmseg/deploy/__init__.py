# Copyright (c) prcl_mmseg authors. All rights reserved.
"""To give a trained model away: plain configs, weights, other formats."""
