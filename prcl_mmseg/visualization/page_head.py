# Copyright (c) prcl_mmseg authors. All rights reserved.
"""How every page that tools write begins, for ``string.Template``."""

HEAD = '''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --back: #fff; --text: #1c1c1c; --soft: #5c5c5c; --card: #f3f3f1;
  --line: #cfcfcb; --mark: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15171a; --text: #e8e8e6; --soft: #a9adb2; --card: #21242a;
    --line: #3b4048; --mark: #7db8f5; }
}
* { box-sizing: border-box; }
body { background: var(--back); color: var(--text);
  font: 16px/1.45 system-ui, sans-serif; }
'''
