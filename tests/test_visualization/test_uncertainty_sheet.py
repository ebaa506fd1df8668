# Copyright (c) prcl_mmseg authors. All rights reserved.
import cv2
import numpy as np
import pytest

from prcl_mmseg.visualization import (ErrorFinding, Panel, draw_sheets,
                                      paint_sheet)
from prcl_mmseg.visualization.label_colors import colorize, paint_errors
from prcl_mmseg.visualization.sheet_layout import _distinct
from prcl_mmseg.visualization.uncertainty_sheet import _caption

CLASSES = ('ground', 'disc', 'bar')
PALETTE = [[90, 90, 90], [0, 130, 0], [0, 0, 200]]
SIZE = (30, 40)


def make_panel(low: float = 0.1, high: float = 0.9, **maps) -> Panel:
    """σ² is low on the left and high on the right."""
    label = np.zeros(SIZE, int)
    label[:, 20:] = 1
    settings = dict(
        image=np.full((*SIZE, 3), 128, np.uint8),
        pseudo_label=label,
        variance=np.where(label, high, low).astype(np.float32),
        truth=np.zeros(SIZE, int))
    settings.update(maps)
    return Panel(**settings)


def cell_color(sheet, column: int, columns: int, x: float, y: float = 60):
    """Colour at x of the width of a column, y pixels below the top."""
    place = (column + x) / columns * sheet.shape[1]
    return sheet[int(y) + 40, int(place)].astype(int)


def test_classes_and_errors_have_their_colours():
    label = np.array([[0, 1], [2, 255]])
    assert colorize(label, PALETTE).tolist() == [[PALETTE[0], PALETTE[1]],
                                                 [PALETTE[2], [255] * 3]]
    errors = paint_errors(np.array([[0, 0], [2, 2]]), label, 3)
    right, wrong, unknown = errors[0, 0], errors[0, 1], errors[1, 1]
    assert (errors[1, 0] == right).all() and np.ptp(right) == 0
    assert wrong[0] > 150 and wrong[1:].max() < 50
    assert unknown.tolist() == [255] * 3


def test_red_is_a_large_variance_and_a_wrong_pixel():
    sheet = paint_sheet([make_panel()], CLASSES, PALETTE)
    low = cell_color(sheet, 3, 5, 0.2)
    high = cell_color(sheet, 3, 5, 0.8)
    assert low[2] > low[0] and high[0] > high[2] + 50
    assert np.ptp(cell_color(sheet, 4, 5, 0.2)) == 0
    wrong = cell_color(sheet, 4, 5, 0.8)
    assert wrong[0] > wrong[1] + 100
    assert cell_color(sheet, 2, 5, 0.8).tolist() == PALETTE[1]


def test_columns_are_those_that_a_row_has():
    full = make_panel(confidence=np.ones(SIZE, np.float32))
    bare = make_panel(variance=None, truth=None)
    widths = {
        len(names): paint_sheet(names, CLASSES, PALETTE).shape[1]
        for names in ([full], [bare, full])
    }
    assert widths[1] == widths[2]
    narrow = paint_sheet([bare], CLASSES, PALETTE).shape[1]
    assert narrow == pytest.approx(widths[1] / 3, rel=0.02)


def test_one_scale_for_all_rows():
    rows = [make_panel(0.1, 0.2), make_panel(0.8, 0.9)]
    sheet = paint_sheet(rows, CLASSES, PALETTE)
    below = sheet.shape[1] / 5 * SIZE[0] / SIZE[1]
    first = cell_color(sheet, 3, 5, 0.8)
    second = cell_color(sheet, 3, 5, 0.2, 60 + below)
    assert first[2] > first[0] and second[0] > second[2]


def test_many_images_go_to_pages(tmp_path):
    rows = [make_panel(name=f'{index}.png') for index in range(5)]
    path = tmp_path / 'new' / 'sheet.png'
    assert draw_sheets(rows[:2], str(path), CLASSES, PALETTE, 2) == [str(path)]
    paths = draw_sheets(rows, str(path), CLASSES, PALETTE, 2)
    assert [name[-11:] for name in paths] == [
        f'sheet_{page}.png' for page in (1, 2, 3)
    ]
    heights = [cv2.imread(name).shape[0] for name in paths]
    assert heights[0] == heights[1] > heights[2]
    red, blue = cv2.imread(paths[0])[100, [-100, 150]][:, ::-1].astype(int)
    assert red[0] > red[2] and np.ptp(blue) == 0


def test_pages_share_the_scale(tmp_path):
    rows = [make_panel(0.1, 0.2), make_panel(0.8, 0.9)]
    paths = draw_sheets(rows, str(tmp_path / 'a.png'), CLASSES, PALETTE, 1)
    first, second = (cv2.imread(name)[..., ::-1] for name in paths)
    low, high = cell_color(first, 3, 5, 0.8), cell_color(second, 3, 5, 0.2)
    assert low[2] > low[0] and high[0] > high[2]


def test_legend_has_room_for_many_classes():
    names = [f'class {index}' for index in range(150)]
    palette = np.random.default_rng(0).integers(0, 255, (150, 3)).tolist()
    label = np.resize(np.arange(150), SIZE)
    few = paint_sheet([make_panel()], names, palette)
    many = paint_sheet([make_panel(pseudo_label=label)], names, palette)
    assert many.shape[1] == few.shape[1]
    assert many.shape[0] > few.shape[0] + 150
    # Nothing is written over the cells.
    bottom = int(few.shape[1] / 5 * SIZE[0] / SIZE[1]) + 38
    assert (many[45:bottom - 8, 20:many.shape[1] // 5 - 20] == 128).all()


def test_ticks_can_be_told_apart():
    assert _distinct([0.1, 0.25, 0.4]) == ['0.1', '0.25', '0.4']
    assert len(set(_distinct([0.43210, 0.43215, 0.43220]))) == 3
    assert _distinct([0.5, 0.5, 0.5])[0] == '0.5'


def test_sheet_claims_what_was_measured():
    inverted = ErrorFinding(17.0, 88.0, 16)
    assert 'AUROC 17.0 %' in _caption(inverted)
    assert 'inverted' in _caption(inverted)
    assert _caption(inverted).endswith('red is not doubtful.')
    assert _caption(ErrorFinding(80.0, 88.0, 16)).endswith('red is doubtful.')
    assert 'doubtful' not in _caption(None)
    assert 'not measured' in _caption(None)
    # The caption has a line of its own.
    panel = make_panel()
    without = make_panel(variance=None)
    with_caption = paint_sheet([panel], CLASSES, PALETTE, finding=inverted)
    assert with_caption.shape[0] > paint_sheet([without], CLASSES,
                                               PALETTE).shape[0]


@pytest.mark.parametrize('num_classes', [2, 3])
def test_least_confidence_is_the_end_of_the_scale(num_classes):
    """Of C classes one has at least 1/C."""
    confidence = np.full(SIZE, 1 / num_classes, np.float32)
    confidence[:, 20:] = 1
    sheet = paint_sheet([make_panel(confidence=confidence)],
                        CLASSES[:num_classes], PALETTE[:num_classes])
    unsure, sure = (cell_color(sheet, 5, 6, x) for x in (0.2, 0.8))
    assert unsure[0] > 100 and unsure[1:].max() < 30
    assert sure.max() < 80 and sure[2] > sure[1]
