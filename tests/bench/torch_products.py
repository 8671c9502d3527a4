#!/usr/bin/env python3
"""PyTorch's product of dense weights: torch_products.py [--dtype bf16|f32] [--threads N]
[--seconds S] SHAPE...

A shape is n_tok x n_out x n_in, as in 2048x1536x576. Forward is X W^T, backward dY W. Each figure
is the best run, with the result in a new tensor or in an old one, whichever is faster."""
import argparse
import os
import time

import torch


def best_rate(a, b, seconds):
    flop = 2.0 * a.shape[0] * a.shape[1] * b.shape[1]
    out = torch.matmul(a, b)
    best = float("inf")
    for call in (lambda: torch.matmul(a, b), lambda: torch.matmul(a, b, out=out)):
        call()
        end = time.perf_counter() + seconds / 2
        while time.perf_counter() < end:
            start = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - start)
    return flop / best * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("shapes", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[options.dtype]
    print("shape,direction,gflops")
    with torch.no_grad():
        for shape in options.shapes:
            n_tok, n_out, n_in = (int(n) for n in shape.split("x"))
            w = torch.randn(n_out, n_in).to(dtype)
            x, dy = torch.randn(n_tok, n_in).to(dtype), torch.randn(n_tok, n_out).to(dtype)
            print(f"{shape},forward,{best_rate(x, w.t(), options.seconds):.2f}")
            print(f"{shape},backward,{best_rate(dy, w, options.seconds):.2f}")


main()
