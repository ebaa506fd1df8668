# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib
import logging


def import_quietly(name: str) -> None:
    """Import a module whose debug messages would be printed.

    Before there is a logger, MMEngine prints messages of every level, such as
    that an optional package of the maintained family is not installed.

    Args:
        name (str): The module.
    """
    from mmengine import logging as mmengine_logging
    print_log = mmengine_logging.print_log

    def print_from_info(msg, logger=None, level=logging.INFO) -> None:
        if logger is not None or level >= logging.INFO:
            print_log(msg, logger, level)

    mmengine_logging.print_log = print_from_info
    try:
        importlib.import_module(name)
    finally:
        mmengine_logging.print_log = print_log
