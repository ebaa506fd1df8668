# Copyright (c) prcl_mmseg authors. All rights reserved.
"""tools/test.py writes predictions, or says why it can't."""
import pytest
from mmengine.config import Config


@pytest.fixture
def several_metrics(experiment, tmp_path):
    cfg = Config.fromfile(experiment.config)
    cfg.test_evaluator = [
        dict(type='UncertaintyMetric'),
        dict(type='ClassIoUMetric')
    ]
    cfg.visualizer.name = tmp_path.name
    cfg.dump(tmp_path / 'several.py')
    return tmp_path / 'several.py'


def test_out_with_several_metrics(experiment, several_metrics, call_tool,
                                  tmp_path):
    call_tool('test.py', several_metrics, experiment.checkpoint, '--work-dir',
              tmp_path / 'work', '--out', tmp_path / 'masks')
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3


@pytest.mark.parametrize('evaluator, found', [
    (dict(type='mmseg.IoUMetric'), True),
    (dict(type='Evaluator', metrics=[dict(type='IoUMetric')]), True),
    ([dict(type='UncertaintyMetric')], False),
    (dict(type='UncertaintyMetric'), False),
])
def test_finding_the_metric_that_writes(load_tool, evaluator, found):
    metric = load_tool('test.py').find_iou_metric(evaluator)
    assert (metric is not None) == found


def test_out_without_such_a_metric_is_refused(experiment, call_tool, tmp_path,
                                              capsys):
    with pytest.raises(SystemExit):
        call_tool('test.py', experiment.config, experiment.checkpoint,
                  '--work-dir', tmp_path / 'work', '--out',
                  tmp_path / 'masks', '--cfg-options',
                  'test_evaluator.type=UncertaintyMetric')
    assert "add dict(type='IoUMetric') to it" in capsys.readouterr().err


def test_predictions_replace_no_masks(load_tool):
    check_out = load_tool('test.py').check_out
    infos = [
        dict(img_path='data/images/a.png', seg_map_path='data/masks/a.png'),
        dict(img_path='data/more/a.png', seg_map_path='data/masks/b.png')
    ]
    dataset = DataInfos(infos[:1])
    check_out('out', dataset)
    for folder in ('data/masks', 'data/images/', 'data/../data/masks'):
        with pytest.raises(ValueError, match='holds files of the data set'):
            check_out(folder, dataset)
    with pytest.raises(ValueError, match='would both be a.png'):
        check_out('out', DataInfos(infos))


class DataInfos(list):
    """A data set as far as its data infos go."""

    def get_data_info(self, index: int) -> dict:
        return self[index]


@pytest.mark.parametrize('option', ['--out', '--show-dir'])
def test_a_folder_that_is_none_is_refused(experiment, call_tool, tmp_path,
                                          capsys, option):
    (tmp_path / 'file').touch()
    for folder in ('', tmp_path / 'file'):
        with pytest.raises(SystemExit):
            call_tool('test.py', experiment.config, experiment.checkpoint,
                      option, folder)
        assert f'{option} ' in capsys.readouterr().err
