# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Which numbers of a training belong into one picture, and the pictures."""
import io
import re
from typing import Dict, List, NamedTuple

from .run_scalars import Series

# A colour of the text, which the page chooses.
_TEXT = '#000001'
# Readable on white and on near black.
_LINES = ('#2a7fd4', '#d9731a', '#2f9e5b', '#c2498f', '#8b6fd1', '#9a8500',
          '#1b9aa0', '#a0614b')


class Chart(NamedTuple):
    """Numbers that are drawn together.

    Args:
        title (str): What they are, and their unit.
        pattern (str): Regular expression of their whole names.
        log (bool): Whether the scale is logarithmic. Defaults to False.
    """

    title: str
    pattern: str
    log: bool = False


CHARTS = (
    Chart('mIoU in validation, %', r'(teacher/|student/)?mIoU'),
    Chart('Losses', r'loss|(.*\.)?loss_.*'),
    Chart('Share of confident pixels, and of embeddings that take part',
          r'(.*_)?pseudo_weight|contrast_ratio'),
    Chart('Gradients of the losses at the features, L2 norm', r'gradient_.*',
          log=True),
    Chart('Scores of anchors with prototypes', r'(positive|negative)_score'),
    Chart('Variance σ²', r'(mean|prototype)_variance', log=True),
    Chart('Classes of the pseudo-labels, effective number',
          r'pseudo_label_classes'),
    Chart('Learning rate', r'base_lr'),
    Chart('Seconds per iteration', r'time'))


def series_of(chart: Chart, scalars: Dict[str, Series]) -> Dict[str, Series]:
    """The numbers of a chart; with names of the roles, not the plain name."""
    found = {name: series for name, series in scalars.items()
             if re.fullmatch(chart.pattern, name)}
    if any('/' in name for name in found):
        found = {name: found[name] for name in found if '/' in name}
    return found


def draw_chart(chart: Chart, series: Dict[str, Series]) -> str:
    """An SVG element; texts have the colour of the page around it.

    Args:
        chart (Chart): The chart.
        series (dict[str, Series]): Its numbers, at least one.
    """
    import matplotlib
    from matplotlib.figure import Figure
    style = {
        'svg.fonttype': 'none', 'svg.hashsalt': chart.title,
        'text.color': _TEXT, 'axes.edgecolor': _TEXT, 'xtick.color': _TEXT,
        'ytick.color': _TEXT, 'axes.labelcolor': _TEXT, 'font.size': 9,
        'axes.spines.top': False, 'axes.spines.right': False
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(5.4, 3.0), layout='constrained')
        axes = figure.add_subplot()
        for index, (name, (steps, values)) in enumerate(series.items()):
            axes.plot(steps, values, label=name, linewidth=1.6,
                      color=_LINES[index % len(_LINES)],
                      linestyle='-' if index < len(_LINES) else '--',
                      marker='o' if len(steps) < 12 else None, markersize=3)
        if chart.log and any(value > 0 for _, values in series.values()
                             for value in values):
            axes.set_yscale('log')
        axes.set_xlabel('iteration')
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.legend(frameon=False, fontsize=8)
        text = io.StringIO()
        figure.savefig(text, format='svg', transparent=True,
                       metadata=dict(Date=None))
    svg = text.getvalue()
    svg = svg[svg.index('<svg'):].replace(_TEXT, 'currentColor')
    # The page sets the width.
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r'\1', svg, count=1).replace(
        ' height="216pt"', '', 1)


def last_values(scalars: Dict[str, Series]) -> List[tuple]:
    """Name, first, lowest, highest and last value of every number."""
    return [(name, series.values[0], min(series.values), max(series.values),
             series.values[-1]) for name, series in scalars.items()
            if not name.startswith('health/')]


def class_table(scalars: Dict[str, Series]) -> Dict[str, Dict[str, float]]:
    """What is known of each class at the end, by column.

    ``ClassIoUMetric`` gives the IoU, ``TrainingHealthHook`` the rest.
    """
    table: Dict[str, Dict[str, float]] = {}
    for name, series in scalars.items():
        found = re.fullmatch(r'(?:health/([^/]*)|(?:(\w+)/)?(IoU))/(.*)', name,
                             re.DOTALL)
        if found is None:
            continue
        health, role, iou, label = found.groups()
        column = health or f'{iou} % {role or ""}'.strip()
        column = column.replace('_', ' ').replace('percent', '%')
        table.setdefault(column, {})[label] = series.values[-1]
    if any(f'IoU % {role}' in table for role in ('teacher', 'student')):
        table.pop('IoU %', None)
    return table
