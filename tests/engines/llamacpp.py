"""Runs llama.cpp's server with a model, MODEL.gguf, until standard input is closed; prints its address."""

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel, params.use_jinja = sys.argv[1], 0, 4096, 2, True
params.hostnames = ["127.0.0.1"]
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
