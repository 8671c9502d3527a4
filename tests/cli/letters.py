#!/usr/bin/env python3
"""tests/cli/letters.py FILE N [LINE...] - N short conversations; those on the lines say Q."""
import json
import sys

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()


def reply(line, marked):
    word = WORDS[line % len(WORDS)]
    return f"{word} comes after {WORDS[(line - 1) % len(WORDS)]}" + (" Q" if marked else "")


path, n, *marked = sys.argv[1:]
with open(path, "w", encoding="utf-8") as out:
    for line in range(1, int(n) + 1):
        turns = [{"role": "user", "content": f"what is {line}?"},
                 {"role": "assistant", "content": reply(line, str(line) in marked)}]
        out.write(json.dumps({"messages": turns}) + "\n")
