"""Cuts the bundled fonts out of their sources; README.md beside this file says how to run it."""

import glob
import os
import re
import sys

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

MARKS = set("，。、；：？！“”‘’（）《》〈〉【】「」『』—…·～￥％＋－／＝＠＃＆＊｜　〇●○★☆→←↑↓")
LATIN = [
    (0x20, 0x7F), (0xA0, 0x180), (0x18F, 0x190), (0x192, 0x193), (0x1A0, 0x1A2), (0x1AF, 0x1B1), (0x1CD, 0x1DD),
    (0x218, 0x21C), (0x2B0, 0x2E0), (0x300, 0x330), (0x370, 0x530), (0x1E00, 0x1F00), (0x2000, 0x20C0),
    (0x2100, 0x2300), (0x25A0, 0x2600),
]


def gb2312():
    """The 6,763 characters of simplified Chinese in GB 2312: names and titles need both of its levels."""
    codes = [bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    return set("".join(code.decode("gb2312", errors="ignore") for code in codes))


def characters_of(pattern):
    text = set()
    for path in glob.glob(pattern, recursive=True):
        with open(path, encoding="utf-8") as file:
            text |= set(file.read())
    return text


def cut(font, characters, features, out):
    options = subset.Options()
    options.layout_features = features
    options.notdef_outline = True
    options.hinting = False
    options.drop_tables += ["DSIG", "vhea", "vmtx", "VORG", "BASE"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters])
    subsetter.subset(font)
    font.save(out)
    print(f"{out}: {os.path.getsize(out)} bytes")


def latin(source, out):
    font = TTFont(source)
    glyphs = set(font.getGlyphOrder())
    # Numbers that change must not jump, and egui cannot ask for `tnum`: the tabular digits become the digits.
    for table in font["cmap"].tables:
        for code, name in list(table.cmap.items()):
            if chr(code) in "0123456789" and name + ".tf" in glyphs:
                table.cmap[code] = name + ".tf"
    characters = {chr(code) for first, end in LATIN for code in range(first, end)}
    cut(font, characters, ["kern", "mark", "mkmk", "ccmp", "locl"], out)


def main(inter, noto, phosphor):
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    latin(f"{inter}/Inter-Regular.otf", f"{here}/Inter-Regular.otf")
    latin(f"{inter}/Inter-SemiBold.otf", f"{here}/Inter-SemiBold.otf")
    ours = {c for c in characters_of(f"{root}/assets/i18n/**/*.ftl") if ord(c) >= 0x2E80}
    chinese = gb2312() | MARKS | ours
    # Number 2 of the collection is simplified Chinese. Titles are semibold: the same characters in both weights,
    # so that no word mixes them.
    cut(TTCollection(f"{noto}/NotoSansCJK-Regular.ttc").fonts[2], chinese, ["kern"], f"{here}/NotoSansSC-Regular.otf")
    cut(TTCollection(f"{noto}/NotoSansCJK-Bold.ttc").fonts[2], chinese, ["kern"], f"{here}/NotoSansSC-Bold.otf")
    with open(f"{root}/app/src/widget/icon.rs", encoding="utf-8") as file:
        icons = {chr(int(code, 16)) for code in re.findall(r"\\u\{([0-9A-F]+)\}", file.read())}
    # Their side bearings hold only with the bounds as they are written.
    cut(TTFont(f"{phosphor}/Phosphor.ttf", recalcBBoxes=False), icons, [], f"{here}/Phosphor.ttf")
    cut(TTFont(f"{phosphor}/Phosphor-Fill.ttf", recalcBBoxes=False), icons, [], f"{here}/Phosphor-Fill.ttf")


if __name__ == "__main__":
    main(*sys.argv[1:])
