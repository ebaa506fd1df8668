# Copyright (c) prcl_mmseg authors. All rights reserved.
"""One page of a training, which opens without a server or a network."""
import base64
from html import escape
from pathlib import Path
from string import Template
from typing import Dict, Iterable, List, Sequence

import cv2

from .page_head import HEAD
from .run_charts import (CHARTS, class_table, draw_chart, last_values,
                         series_of)
from .run_scalars import Series

_MAX_WIDTH = 1400
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]

PAGE = HEAD + '''body { margin: auto; max-width: 84rem; padding: .6rem 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; }
main { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; padding: .6rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; min-width: 0; }
figcaption { font-weight: 600; }
svg, img { display: block; width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid var(--line);
  text-align: right; }
th:first-child, td:first-child { text-align: left; }
summary { cursor: pointer; padding: .4rem 0; font-weight: 600; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$summary</p>
<main>
$charts
</main>
$tables
$sheets
</body>
</html>
'''


def make_page(title: str, scalars: Dict[str, Series],
              sheets: Sequence[Path]) -> str:
    """The HTML of a training: curves, tables, and the sheets of its hook.

    Args:
        title (str): Of the page.
        scalars (dict[str, Series]): From :func:`read_scalars`.
        sheets (Sequence[Path]): Pictures, taken into the page as JPEG.
    """
    charts = []
    for chart in CHARTS:
        series = series_of(chart, scalars)
        if series:
            charts.append(
                f'<figure><figcaption>{escape(chart.title)}</figcaption>'
                f'{draw_chart(chart, series)}</figure>')
    return Template(PAGE).substitute(
        title=escape(title),
        summary=escape(_summary(scalars)),
        charts='\n'.join(charts),
        tables='\n'.join(_tables(scalars)),
        sheets='\n'.join(map(_sheet, sheets)))


def _summary(scalars: Dict[str, Series]) -> str:
    last = max(series.steps[-1] for series in scalars.values())
    text = f'{last} iterations.'
    if 'mIoU' in scalars:
        steps, values = scalars['mIoU']
        best = max(range(len(values)), key=values.__getitem__)
        text += (f' Last mIoU in validation: {values[-1]:.2f} %, best: '
                 f'{values[best]:.2f} % after iteration {steps[best]}.')
    return text


def _tables(scalars: Dict[str, Series]) -> List[str]:
    classes = class_table(scalars)
    tables = []
    if classes:
        names = list(dict.fromkeys(
            name for column in classes.values() for name in column))
        rows = [[name, *(column.get(name) for column in classes.values())]
                for name in names]
        tables.append('<h2>Classes, at the end</h2>' +
                      _table(['class', *classes], rows))
    if not any(column.startswith('IoU') for column in classes):
        tables.append("<p>With ClassIoUMetric in val_evaluator, the IoU of "
                      'each class stands here.</p>')
    tables.append('<details><summary>All numbers</summary>' + _table(
        ['number', 'first', 'lowest', 'highest', 'last'],
        last_values(scalars)) + '</details>')
    return tables


def _table(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    def cells(tag: str, row: Sequence) -> str:
        return ''.join(f'<{tag}>{escape(_shown(cell))}</{tag}>'
                       for cell in row)

    body = '\n'.join(f'<tr>{cells("td", row)}</tr>' for row in rows)
    return (f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr>'
            f'</thead>\n<tbody>\n{body}\n</tbody></table></div>')


def _shown(cell: object) -> str:
    if cell is None:
        return '–'
    return f'{cell:.4g}' if isinstance(cell, float) else str(cell)


def _sheet(path: Path) -> str:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f'{path} cannot be read; delete it')
    if image.shape[1] > _MAX_WIDTH:
        height = round(image.shape[0] * _MAX_WIDTH / image.shape[1])
        image = cv2.resize(image, (_MAX_WIDTH, height),
                           interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', image, _QUALITY)
    code = base64.b64encode(data.tobytes()).decode()
    return (f'<h2>{escape(path.stem)}</h2><img loading="lazy" '
            f'alt="{escape(path.stem)}" src="data:image/jpeg;base64,{code}">')
