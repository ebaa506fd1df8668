# Copyright (c) prcl_mmseg authors. All rights reserved.
import csv
import io
from pathlib import Path
from typing import Dict, Sequence, Set

from ..compat.whole_files import whole_file


class PredictionTable:
    """A CSV file that grows row by row, and goes on where it was cut.

    Args:
        path (str | Path): The file. Rows that it holds already remain; a last
            row that a killed process left unfinished is removed.
        columns (Sequence[str]): Names of the columns; the first tells the
            rows apart.

    Raises:
        ValueError: If the file has other columns.
    """

    def __init__(self, path, columns: Sequence[str]) -> None:
        self.path = Path(path)
        self.columns = list(columns)
        self.done: Set[str] = set()
        if self.path.exists():
            self._read()
        else:
            self._append([self.columns])

    def append(self, rows: Sequence[Dict[str, object]]) -> None:
        """Add rows, given as values by column; they are on the disk then."""
        self._append([[row[name] for name in self.columns] for row in rows])
        self.done.update(str(row[self.columns[0]]) for row in rows)

    def _read(self) -> None:
        text = self.path.read_bytes().decode()
        whole = text[:text.rfind('\n') + 1]
        if whole != text:
            with whole_file(self.path) as file:
                file.write(whole.encode())
        header, *rows = list(csv.reader(io.StringIO(whole))) or [[]]
        if header != self.columns:
            raise ValueError(
                f'{self.path} has the columns {", ".join(header)}, but '
                f'{", ".join(self.columns)} are to be written; choose '
                'another folder, or --overwrite')
        self.done = {row[0] for row in rows}

    def _append(self, rows: Sequence[Sequence[object]]) -> None:
        with self.path.open('a', encoding='utf-8', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(rows)
