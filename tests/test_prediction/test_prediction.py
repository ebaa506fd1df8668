# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from prcl_mmseg.prediction import (PredictionFiles, PredictionTable,
                                   output_names)


def test_names_are_unique():
    assert output_names(['a.jpg', 'b.JPG', 'B.png', 'x/a.png', 'c.d.tif']) == [
        'a', 'b.JPG', 'B.png', 'x/a', 'c.d']
    # What a name became with its ending may be that of another.
    assert output_names(['a.jpg', 'a.png', 'a.jpg.png', 'A.JPG.png.tif']) == [
        'a.jpg', 'a.png', 'a.jpg.png', 'A.JPG.png.tif']


def test_table_goes_on_and_quotes(tmp_path):
    path = tmp_path / 'table.csv'
    table = PredictionTable(path, ['image', 'confidence'])
    table.append([dict(image='a, "b".png', confidence=0.5)])
    again = PredictionTable(path, ['image', 'confidence'])
    assert again.done == {'a, "b".png'}
    with path.open('a') as file:
        file.write('c.png,0.')
    table = PredictionTable(path, ['image', 'confidence'])
    assert table.done == {'a, "b".png'}
    table.append([dict(image='c.png', confidence=0.25)])
    assert path.read_text().splitlines()[2:] == ['c.png,0.25']


def test_table_of_other_classes_is_refused(tmp_path):
    path = tmp_path / 'table.csv'
    PredictionTable(path, ['image', 'share_cat'])
    with pytest.raises(ValueError, match='share_cat.*share_dog.*overwrite'):
        PredictionTable(path, ['image', 'share_dog'])


@pytest.mark.parametrize('label', [0, 1])
def test_confidence_is_that_of_the_predicted_class(tmp_path, label):
    """A one-channel head may predict the less probable class."""
    shape = (1, 4, 6)
    sample = SegDataSample()
    sample.seg_logits = PixelData(data=torch.full(shape, 0.4))
    sample.pred_sem_seg = PixelData(data=torch.full(shape, float(label)))
    writer = PredictionFiles(tmp_path, ['none', 'thing'], [], [], [])
    row = writer.write('a.png', 'a', sample)
    assert float(row['confidence']) == pytest.approx([0.6, 0.4][label])
