"""A secret in the spellings in which it may come back. Three pieces of code know them, because two run in an engine's
process: scenario/redaction.py, engines/redaction.py and inside/recorder/redaction.mjs.
"""

SECRET = 'k"e&y/p\\ä 😀-_~'
SPELLINGS = [
    'k"e&y/p\\ä 😀-_~',
    "k%22e%26y%2Fp%5C%C3%A4%20%F0%9F%98%80-_~",
    "k%22e&y/p%5c%c3%a4+%f0%9f%98%80%2D%5f~",
    "%6B%2522e%2526y/p%255C%25C3%25A4+😀-_~",
    'k\\"e&y\\/p\\\\ä 😀-_~',
    'k\\\\\\"e\\u0026y/p\\\\\\\\\\u00E4 \\ud83d\\uDE00-_~',
    "k&quot;e&amp;y/p\\&#228; &#x1F600;-_~",
    "k&#34;e&amp;amp;y&#x2f;p&#92;&#xe4;%20😀-_~",
]
