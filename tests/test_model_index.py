# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The model index lists every config, and no number that the pages lack."""
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
METHODS = ('prcl', 'fixmatch', 'mean_teacher', 'supervised', 'unimatch',
           'unimatch_v2')


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))


def test_index_imports_every_metafile():
    assert read('model-index.yml')['Import'] == sorted(
        f'configs/{method}/metafile.yaml' for method in METHODS)


@pytest.mark.parametrize('method', METHODS)
def test_every_config_is_listed_once(method):
    content = read(f'configs/{method}/metafile.yaml')
    configs = sorted(path.relative_to(ROOT).as_posix()
                     for path in (ROOT / 'configs' / method).glob('*.py'))
    assert sorted(model['Config'] for model in content['Models']) == configs
    collection, = content['Collections']
    assert (ROOT / collection['README']).is_file()
    assert (ROOT / collection['Code']['URL']).is_file()
    for model in content['Models']:
        assert model['Name'] == Path(model['Config']).stem
        assert model['In Collection'] == collection['Name']
        data = model['Metadata']['Training Data']
        assert data in collection['Metadata']['Training Data']


@pytest.mark.parametrize('method', METHODS)
def test_results_are_those_of_the_pages(method):
    pages = ''.join((ROOT / page).read_text(encoding='utf-8')
                    for page in ('README.md', 'docs/experiments.md',
                                 'docs/experiments_camvid.md'))
    measured = 0
    for model in read(f'configs/{method}/metafile.yaml')['Models']:
        for result in model.get('Results', []):
            assert str(result['Metrics']['mIoU']) in pages, model['Name']
            measured += 1
        if 'voc' in model['Name'] or 'cityscapes' in model['Name']:
            assert 'Results' not in model
    assert measured
