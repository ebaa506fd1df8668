# Copyright (c) prcl_mmseg authors. All rights reserved.
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
import torch

from prcl_mmseg.selection import (Card, Choice, ImagePrediction, ImageScore,
                                  PagePictures, say_reason, say_spread,
                                  say_summary, write_page)

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
HOSTILE = 'images/<b>"\'&$title</textarea><script>x.png'


class Elements(HTMLParser):
    """All elements and texts of a page; each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found, self.texts, self.open = [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ('meta', 'img', 'input'):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        tag = self.open[-1] if self.open else ''
        self.texts[tag] = self.texts.get(tag, '') + data

    def all(self, tag: str) -> list:
        return [attrs for name, attrs in self.found if name == tag]


def prediction(doubt: bool = True) -> ImagePrediction:
    label = torch.zeros(60, 1000, dtype=torch.long)
    label[:, :500] = 1
    area = torch.ones(60, 1000, dtype=torch.bool)
    area[:, 900:] = False
    image = torch.full((3, 60, 1000), 100, dtype=torch.uint8)
    return ImagePrediction(image, label, area,
                           label.float() if doubt else None, None)


@pytest.fixture
def page(tmp_path):
    pictures = PagePictures(str(tmp_path / 'out'), PALETTE, (0, 1))
    cards = [
        Card(line, line, f'because of {line}', *pictures.draw(
            number, prediction()))
        for number, line in enumerate(('images/a.png', HOSTILE), 1)
    ]
    return write_page('To label', 'Chosen <well>', 'nats & more', cards,
                      pictures, ('sky', '<tree>', 'absent'))


def test_page_shows_all_and_escapes_it(page):
    text = page.read_text(encoding='utf-8')
    found = Elements(text)
    boxes = [box for box in found.all('input') if box['type'] == 'checkbox']
    assert [box['value'] for box in boxes] == ['images/a.png', HOSTILE]
    assert found.texts['textarea'].split() == ['images/a.png', HOSTILE]
    assert f'because of {HOSTILE}' in found.texts['p']
    assert 'Chosen <well>' in found.texts['p']
    assert '<tree>' in found.texts['span'] and 'absent' not in text
    assert text.count('<script>') == 1
    images = found.all('img')
    assert [image['class'] for image in images] == [
        'image', 'prediction', 'doubt'] * 2
    for image in images:
        assert image['loading'] == 'lazy' and image['alt']
        shown = cv2.imread(str(page.parent / image['src']))
        assert shown.shape == (int(image['height']), int(image['width']), 3)
    for words in ('prefers-color-scheme: dark', 'width=device-width',
                  ':focus-visible'):
        assert words in text
    # Nothing is fetched from elsewhere.
    assert not re.search(r'(https?:)?//[a-z]', text)


def test_pictures(page):
    image, label, doubt = (
        cv2.imread(str(page.parent / f'pictures/0001_{name}.jpg')).astype(int)
        for name in ('image', 'prediction', 'doubt'))
    assert image.shape == (38, 640, 3)
    assert abs(image - 100).max() <= 2
    # BGR: class 1 is red, doubt is red, no doubt blue, padding gray.
    assert label[20, 100, 2] > label[20, 100, 0] + 100
    assert doubt[20, 100, 2] > doubt[20, 100, 0]
    assert doubt[20, 450, 0] > doubt[20, 450, 2]
    assert np.ptp(doubt[20, 620]) <= 2


def test_without_doubt_there_is_no_such_picture(tmp_path):
    pictures = PagePictures(str(tmp_path), PALETTE, None)
    sources, size = pictures.draw(1, prediction(doubt=False))
    assert list(sources) == ['image', 'prediction']
    page = write_page('t', 's', 'u', [Card('a', 'a', 'r', sources, size)],
                      pictures, ('x', 'y', 'z'))
    assert 'value="doubt"' not in page.read_text()


def test_pictures_of_an_earlier_page_are_deleted(tmp_path):
    for count in (2, 1):
        pictures = PagePictures(str(tmp_path), PALETTE, None)
        drawn = [pictures.draw(number, prediction(doubt=False))
                 for number in range(1, count + 1)]
        cards = [Card('a', 'a', 'r', *each) for each in drawn]
        for mine in ('mine.jpg', '2023_trip.jpg'):
            (tmp_path / f'pictures/{mine}').touch()
        write_page('t', 's', 'u', cards, pictures, ('x', 'y', 'z'))
        kept = sorted(path.name for path in (tmp_path / 'pictures').iterdir())
        assert len(kept) == 2 * count + 2
        assert {'mine.jpg', '2023_trip.jpg'} < set(kept)


# Unticks the first image, shows doubt by its key, and writes down what a
# person would see.
USE = """<script>
document.querySelector('article input').click();
document.dispatchEvent(new KeyboardEvent('keydown', {key: '3'}));
const seen = image => image.checkVisibility() && image.naturalWidth > 0;
window.onload = () => { document.title = JSON.stringify({
  lines: document.getElementById('lines').value,
  count: document.getElementById('count').value,
  shown: [...document.images].filter(seen).map(image => image.className),
  tooWide: document.documentElement.scrollWidth > innerWidth,
  back: getComputedStyle(document.body).backgroundColor}); };
</script></body>"""


@pytest.mark.parametrize('width, dark', [(1280, False), (390, True)])
def test_in_a_browser(page, width, dark):
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    if browser is None:
        pytest.skip('needs chromium')
    text = page.read_text(encoding='utf-8').replace('</body>', USE)
    if dark:
        # No option of the browser without a screen says what a person likes.
        text = text.replace('(prefers-color-scheme: dark)', 'all')
    page.write_text(text.replace('loading="lazy"', ''), encoding='utf-8')
    done = subprocess.run(
        [browser, '--headless=new', '--no-sandbox', '--disable-gpu',
         f'--user-data-dir={page.parent}/profile',
         f'--window-size={width},900', '--virtual-time-budget=5000',
         '--dump-dom', page.as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120,
        check=True)
    title = re.search('<title>(.*)</title>', done.stdout.decode())[1]
    told = json.loads(html.unescape(title))
    assert told['lines'] == f'{HOSTILE}\n'
    assert told['count'] == '1 of 2 ticked'
    assert told['shown'] == ['doubt', 'doubt']
    assert not told['tooWide']
    assert told['back'] == f'rgb({"21, 23, 26" if dark else "255, 255, 255"})'


def test_reasons():
    score = ImageScore(0.5, np.array([.1, np.nan, .9]))
    choice = Choice([4, 2], np.array([3, 2, 4, 5, 1]), [np.inf, 0.25])
    assert say_reason('entropy', choice, 0, score, 'abc') == (
        'Rank 1 of 5 by entropy, score 0.5. Most doubtful: c (0.9), a (0.1).')
    text = say_reason('random', choice, 1, None, 'abc')
    assert text.startswith('Drawn at random. Distance 0.25 from')
    assert 'from the 5 best ones' in say_summary('views', True, 2, 5)


def test_scores_that_say_nothing_are_told():
    assert 'between 2.92 and 2.944' in say_spread([2.94, 2.92, 2.944])
    assert say_spread([2.9, 2.0]) is None
    # A margin is negative.
    assert say_spread([-0.9, -0.1]) is None
    assert say_spread([-0.9, -0.9]) is not None
    assert say_spread([0.5]) is None
