# Copyright (c) prcl_mmseg authors. All rights reserved.
import pytest

from prcl_mmseg.datasets import SplitEntry, read_split
from prcl_mmseg.datasets.split_list import format_entry


@pytest.mark.parametrize('text', [
    'images/a.jpg masks/a.png\nimages/b.jpg masks/b.png\n',
    'images/a.jpg\tmasks/a.png\nimages/b.jpg\tmasks/b.png',
    '/images/a.jpg /masks/a.png\n\n/images/b.jpg /masks/b.png',
    'images/a.jpg  masks/a.png\r\nimages/b.jpg  masks/b.png\r\n',
    '\ufeffimages/a.jpg masks/a.png\nimages/b.jpg masks/b.png',
])
def test_two_columns(folder, write_list, text):
    assert read_split(folder / write_list(text)) == [
        SplitEntry('images/a.jpg', 'masks/a.png'),
        SplitEntry('images/b.jpg', 'masks/b.png')
    ]


@pytest.mark.parametrize('text, images', [
    ('2007_000032\n2007_000039', ['2007_000032', '2007_000039']),
    ('images/a.jpg\nimages/b.jpg\n', ['images/a.jpg', 'images/b.jpg']),
    ('/images/a.jpg None\n', ['images/a.jpg']),
    ('my image.jpg\tNone\n', ['my image.jpg']),
    ('my image.jpg\nmy other image.PNG\n',
     ['my image.jpg', 'my other image.PNG']),
    ('my image.jpg None\n', ['my image.jpg']),
    ('"my image"\n', ['my image']),
    ('\n \n', []),
])
def test_images_only(folder, write_list, text, images):
    entries = read_split(folder / write_list(text))
    assert entries == [SplitEntry(image) for image in images]


@pytest.mark.parametrize('text', [
    'my images/a.jpg my masks/a 1.png\n',
    '/my images/a.jpg   /my masks/a 1.png',
    '"my images/a.jpg" "my masks/a 1.png"',
    'my images/a.jpg\tmy masks/a 1.png',
])
def test_names_with_spaces(folder, write_list, text):
    expected = SplitEntry('my images/a.jpg', 'my masks/a 1.png')
    assert read_split(folder / write_list(text)) == [expected]


@pytest.mark.parametrize('entry', [
    SplitEntry('a'), SplitEntry('a.jpg', 'a.png'), SplitEntry('a b'),
    SplitEntry('a.jpg b.jpg', 'c.png'), SplitEntry('a b.png'),
    SplitEntry('a\u2028b.jpg', 'a\x85b.png'), SplitEntry('a\x0b.jpg'),
    SplitEntry('a,b;c.jpg', "it's.png"), SplitEntry('a"b.jpg', 'a"b.png'),
    SplitEntry('a\u3000b.jpg'), SplitEntry('a\xa0b', 'c.png')
])
def test_what_is_written_is_read(folder, write_list, entry):
    assert read_split(folder / write_list(format_entry(entry))) == [entry]


@pytest.mark.parametrize('names', [
    ('a\tb.jpg', ), ('a\nb.jpg', ), ('a\rb.jpg', ), ('', ), ('/a.jpg', ),
    ('a.jpg ', 'b.png'), (' a.jpg', ), ('a.jpg\u2028', ), ('\x85', ),
    ('\ufeffa.jpg', ), ('a.jpg', 'None'), ('"a.jpg', ), ('a', ''),
    (b'\xff.jpg'.decode(errors='surrogateescape'), )
])
def test_names_that_no_list_can_hold(names):
    with pytest.raises(ValueError, match='Rename'):
        format_entry(SplitEntry(*names))


def test_line_ends_are_those_of_text_files(folder, write_list):
    entries = read_split(folder / write_list('a\x0bb\rc\u2028d\r\ne\x1cf'))
    assert [entry.image for entry in entries] == [
        'a\x0bb', 'c\u2028d', 'e\x1cf']


@pytest.mark.parametrize('line', [
    'a.jpg ' * 200_000, 'a ' * 300_000, ' '.join(['a'] * 300_000) + '.jpg',
    'a' * 600_000 + '.jpg b.png', '"' + 'a ' * 300_000, '\t'.join(['a'] * 9),
    '.tif ' * 200_000 + 'none', '" ' * 200_000, '""'
])
def test_a_long_line_takes_linear_time(folder, write_list, line):
    """In quadratic time, these would take minutes."""
    name = write_list(line)
    try:
        entries = read_split(folder / name)
    except ValueError as error:
        assert 'list.txt, line 1' in str(error) and len(str(error)) < 2000
    else:
        assert len(entries) == 1


@pytest.mark.parametrize('text, parts', [
    ('a.jpg b.jpg c.png\n', ['list.txt, line 1', '2 ways', 'TAB']),
    ('a b c\n', ['list.txt, line 1', 'a b c', '3 columns']),
    ('x\n/ y\n', ['list.txt, line 2', 'empty path']),
    ('a\nb\na\n', ['list.txt', 'more than once', 'a (lines 1, 3)']),
])
def test_bad_lines_are_named(folder, write_list, text, parts):
    with pytest.raises(ValueError) as error:
        read_split(folder / write_list(text))
    for part in parts:
        assert part in str(error.value)


def test_missing_list_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.txt'):
        read_split(tmp_path / 'nowhere.txt')


def test_binary_file_is_no_list(tmp_path):
    (tmp_path / 'list.txt').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match='list.txt is not UTF-8'):
        read_split(tmp_path / 'list.txt')
