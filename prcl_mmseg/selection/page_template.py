# Copyright (c) prcl_mmseg authors. All rights reserved.
"""The HTML of the page of images to label next, for ``string.Template``."""

from ..visualization.page_head import HEAD

PAGE = HEAD + '''body { margin: 0; }
header, main, footer { max-width: 80rem; margin: auto; padding: .6rem 1rem; }
h1, h2 { font-size: 1.3rem; margin: .4rem 0; }
p { margin: .4rem 0; }
.bar { position: sticky; top: 0; z-index: 1; background: var(--back);
  border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap;
  gap: .2rem 1rem; align-items: center; max-width: 80rem; margin: auto;
  padding: 0 1rem; }
fieldset { border: 0; margin: 0; padding: 0; }
legend { float: left; padding: .4rem .6rem 0 0; color: var(--soft); }
label { display: inline-block; padding: .4rem .3rem; cursor: pointer; }
a { color: var(--mark); }
main { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
article { background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; padding: .6rem; min-width: 0; }
article label { display: block; padding: .2rem 0 .5rem;
  overflow-wrap: anywhere; }
article img { display: none; width: 100%; height: auto; max-height: 22rem;
  object-fit: contain; }
body[data-show=image] .image, body[data-show=prediction] .prediction,
body[data-show=doubt] .doubt { display: block; }
article p { font-size: .92rem; }
input[type=checkbox], input[type=radio] { width: 1.15em; height: 1.15em;
  vertical-align: -.15em; accent-color: var(--mark); }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
.chip { white-space: nowrap; margin-right: .9rem; }
.chip i { display: inline-block; width: .9em; height: .9em;
  margin-right: .3em; border: 1px solid var(--line); vertical-align: -.1em; }
.scale { display: inline-block; width: 8rem; height: .8em; margin: 0 .4em;
  background: linear-gradient(to right, #30123b, #4686fb, #1ae4b6, #a2fc3c,
    #faba39, #e4460a, #7a0403); }
textarea { width: 100%; font: .9rem/1.4 ui-monospace, monospace;
  background: var(--card); color: var(--text);
  border: 1px solid var(--line); white-space: pre; }
button { font: inherit; padding: .5rem .9rem; margin: .3rem .4rem .3rem 0; }
</style>
</head>
<body data-show="prediction">
<header>
<h1>$title</h1>
<p>$summary</p>
<p>Untick what you do not want to label, then take the list below. The keys
1, 2, 3 change what is shown.</p>
<p>$classes</p>
$scale
</header>
<div class="bar">
<fieldset><legend>Show</legend>
$modes
</fieldset>
<span><output id="count"></output></span>
<a href="#list">List of ticked images</a>
</div>
<main>
$cards
</main>
<footer id="list">
<h2><label for="lines">Ticked images</label></h2>
<p>
<button type="button" id="copy">Copy</button>
<button type="button" id="download">Download label_next.txt</button>
<button type="button" id="all">Tick all</button>
<button type="button" id="none">Tick none</button>
<span role="status" id="told"></span>
</p>
<textarea id="lines" rows="12" readonly spellcheck="false">
$lines</textarea>
</footer>
<script>
'use strict';
const get = id => document.getElementById(id);
const boxes = [...document.querySelectorAll('article input')];
function update() {
  const ticked = boxes.filter(box => box.checked);
  get('lines').value = ticked.map(box => box.value + '\\n').join('');
  get('count').textContent = ticked.length + ' of ' + boxes.length +
    ' ticked';
  get('told').textContent = '';
}
function show() {
  const mode = document.querySelector('input[name=show]:checked');
  document.body.dataset.show = mode.value;
}
function tick(checked) {
  boxes.forEach(box => { box.checked = checked; });
  update();
}
document.addEventListener('change', () => { update(); show(); });
document.addEventListener('keydown', event => {
  const mode = document.querySelectorAll('input[name=show]')[event.key - 1];
  if (mode && !event.ctrlKey && !event.metaKey && !event.altKey) {
    mode.checked = true;
    show();
  }
});
get('all').onclick = () => tick(true);
get('none').onclick = () => tick(false);
get('copy').onclick = async () => {
  try {
    await navigator.clipboard.writeText(get('lines').value);
  } catch (error) {
    // Pages opened as a file may not have a clipboard.
    get('lines').select();
    document.execCommand('copy');
  }
  get('told').textContent = 'Copied.';
};
get('download').onclick = () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([get('lines').value]));
  link.download = 'label_next.txt';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
// Browsers keep ticks over a reload.
update();
show();
</script>
</body>
</html>
'''

CARD = '''<article>
<label><input type="checkbox" value="$line" checked>
<b>$number.</b> $path</label>
$pictures
<p>$reason</p>
</article>'''

PICTURE = ('<img class="$mode" src="$source" width="$width" height="$height" '
           'loading="lazy" alt="$mode of $path">')

MODE = ('<label><input type="radio" name="show" value="$mode" $checked> '
        '$mode</label>')

CHIP = ('<span class="chip"><i style="background: rgb($color)"></i>$name'
        '</span>')

SCALE = ('<p>Doubt ($unit): $low<span class="scale"></span>$high</p>')
