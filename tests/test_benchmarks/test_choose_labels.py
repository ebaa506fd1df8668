# Copyright (c) prcl_mmseg authors. All rights reserved.
import json

import choose_labels


def test_lists_of_another_model_are_replaced(tmp_path, monkeypatch):
    chosen = []

    def choose(row, by, count, folder):
        chosen.append((row['work_dir'], count))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'unlabeled.txt').touch()

    monkeypatch.setattr(choose_labels, 'choose', choose)
    for work_dir, count in (('old', 5), ('old', 5), ('new', 5), ('new', 6)):
        (tmp_path / 'prcl_n20_seed0.json').write_text(
            json.dumps(dict(work_dir=work_dir, max_iters=9, seed=0)))
        monkeypatch.setattr('sys.argv', [
            'choose_labels.py', str(tmp_path), '--by', 'entropy', '--count',
            str(count), '--out', str(tmp_path / 'lists')])
        choose_labels.main()
    assert chosen == [('old', 5), ('new', 5), ('new', 6)]
