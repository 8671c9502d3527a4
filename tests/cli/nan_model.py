#!/usr/bin/env python3
"""tests/cli/nan_model.py FILE weight|letter|row|extra - the model of tiny_model.py with something wrong.

weight  a weight is NaN
letter  all weights are finite, but a text with the letter Q overflows in the first layer: only
        that letter's embedding has anything in a column whose gain is as large as numbers are
row     the embedding of a byte that no text here has, which is a row of the head too, holds a NaN
extra   there is an embedding more than tokens"""
import sys

import tiny_model

COLUMN = 7
LETTER = tiny_model.vocabulary()[0].index("Q")


def spoil(kind):
    for name, dims, values in tiny_model.weights():
        if kind == "weight" and name == "blk.1.ffn_down.weight":
            values[3 * dims[0] + 5] = float("nan")
        if kind == "letter" and name == "token_embd.weight":
            for token in range(dims[1]):
                values[token * dims[0] + COLUMN] = 5.0 if token == LETTER else 0.0
        if kind == "letter" and name == "blk.0.attn_norm.weight":
            values[COLUMN] = 3e38
        if kind == "row" and name == "token_embd.weight":
            values[250 * dims[0] + COLUMN] = float("nan")
        if kind == "extra" and name == "token_embd.weight":
            dims, values = [dims[0], dims[1] + 1], values + values[:dims[0]]
        yield name, dims, values


tiny_model.write(sys.argv[1], spoil(sys.argv[2]))
