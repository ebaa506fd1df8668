# Copyright (c) prcl_mmseg authors. All rights reserved.
import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from prcl_mmseg.datasets import (SemiSegDataset, check_labels,
                                 log_class_histogram)

MASKS = dict(type='LoadAnnotations')


def write_masks(folder, mask, names='abcd') -> None:
    """Write a mask and an image of its size."""
    mask = np.array(mask, np.uint8)
    image = np.zeros((*mask.shape[:2], 3), np.uint8)
    for name in names:
        cv2.imwrite(str(folder / f'masks/{name}.png'), mask)
        cv2.imwrite(str(folder / f'images/{name}.jpg'), image)


def test_masks_of_0_and_255(folder, stock):
    write_masks(folder, [[0, 255], [255, 255]])
    dataset = DATASETS.build(stock(MASKS))
    assert check_labels(dataset, 2).tolist() == [4, 0]
    with pytest.raises(ValueError, match='rewrite 255 as 1') as error:
        check_labels(dataset, 2, ignore_index=254)
    assert 'masks/a.png' in str(error.value)


def test_reduced_background_is_ignored(folder, stock):
    write_masks(folder, [[0, 1], [1, 2]])
    reduced = stock(
        dict(MASKS, reduce_zero_label=True), reduce_zero_label=True)
    assert check_labels(DATASETS.build(reduced), 2).tolist() == [8, 4]
    with pytest.raises(ValueError, match='reduce_zero_label=True'):
        check_labels(DATASETS.build(stock(MASKS)), 2)


def test_label_map_of_chosen_classes_is_honoured(folder, stock):
    write_masks(folder, [[0, 1], [1, 1]])
    full = DATASETS.build(stock(MASKS))

    class TwoClasses(type(full)):
        METAINFO = dict(classes=('no', 'yes'))

    config = stock(MASKS, metainfo=dict(classes=('yes', )))
    config.pop('type')
    chosen = TwoClasses(**config)
    assert check_labels(full, 2).tolist() == [4, 12]
    assert check_labels(chosen, 1).tolist() == [12]


def test_the_labeled_part_of_any_wrappers_is_checked(folder, stock):
    write_masks(folder, [[0, 1], [1, 1]])
    both = dict(type='ConcatDataset', datasets=[stock(MASKS), stock(MASKS)])
    dataset = SemiSegDataset(both, stock())
    assert check_labels(dataset.labeled, 2).tolist() == [8, 24]


@pytest.mark.parametrize('content, part', [
    (b'no image', 'cannot be read'),
    (None, 'has shape (2, 2, 3)'),
])
def test_files_that_are_no_masks_are_named(folder, stock, content, part):
    path = folder / 'masks/c.png'
    if content is None:
        write_masks(folder, np.ones((2, 2, 3)), 'c')
    else:
        path.write_bytes(content)
    dataset = DATASETS.build(stock(MASKS))
    with pytest.raises(ValueError) as error:
        check_labels(dataset, 2)
    assert str(path) in str(error.value) and part in str(error.value)
    # The first two masks are fine.
    assert check_labels(dataset, 2, max_images=2).sum() == 2 * 20 * 24


def test_labeled_pipeline_must_load_masks(stock):
    with pytest.raises(ValueError, match='LoadAnnotations'):
        check_labels(DATASETS.build(stock()), 2)


def test_table_of_classes(printed):
    log_class_histogram(np.array([30, 10]), ('no', 'yes'))
    table = printed()
    assert '75.00%' in table and '25.00%' in table
    assert 'No labelled pixel' not in table
    with pytest.raises(ValueError, match='names 3'):
        log_class_histogram(np.array([30, 10]), ('a', 'b', 'c'))
