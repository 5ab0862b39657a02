"""The peers of scripts/benchmark, each in a process of its own: peers.py PART OPTIONS

    forward  transformers: logits and loss of one sequence
    lora     transformers with peft: a step of low-rank adaptation on one sequence
    decode   llama.cpp through xllamacpp: reads a prompt, then continues it token by token
    rate     PyTorch: what a product of matrices reaches

Makes ready and prints {}; then measures once for every line of its standard input, and prints one
JSON object a measurement.
"""

import argparse
import json
import math
import os
import sys
import time

# [tokens, hidden] x [intermediate, hidden]ᵀ of SmolLM2-135M: what a forward pass is made of.
RATE_SHAPE = (1024, 576, 1536)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--model", help="a Hugging Face folder, or a GGUF file to decode")
    parser.add_argument("--tokens", help="token ids as JSON")
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=32, help="tokens to generate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--type", default="float32", help="of the weights and activations")
    arguments = parser.parse_args()
    # What libraries print is not for whoever reads the measurements.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    measure = PARTS[arguments.part](arguments)
    print("{}", file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(measure()), file=answers, flush=True)


def tokens(arguments):
    with open(arguments.tokens) as file:
        ids = json.load(file)
    return [
        ids[start : start + arguments.length]
        for start in range(0, len(ids) - arguments.length + 1, arguments.length)
    ]


def load(arguments):
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.type), attn_implementation="sdpa"
    )
    return torch, model


def loss(torch, model, ids):
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits.float(), ids[1:])


def forward(arguments):
    torch, model = load(arguments)
    model.eval()
    sequence = torch.tensor(tokens(arguments)[0])

    def body():
        with torch.no_grad():
            start = time.perf_counter()
            value = loss(torch, model, sequence).item()
            seconds = time.perf_counter() - start
        return {"tokensPerSecond": arguments.length / seconds, "perplexity": math.exp(value)}

    body()
    return body


def lora(arguments):
    torch, model = load(arguments)
    import peft

    configuration = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=8,
        lora_alpha=16,
        lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
    )
    model = peft.get_peft_model(model, configuration)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
    sequences = [torch.tensor(ids) for ids in tokens(arguments)]
    step = iter(range(1 << 30))

    def body():
        sequence = sequences[next(step) % len(sequences)]
        start = time.perf_counter()
        value = loss(torch, model, sequence)
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - start
        return {"tokensPerSecond": arguments.length / seconds, "loss": value.item()}

    body()
    return body


def decode(arguments):
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.model
    parameters.n_ctx = arguments.length + arguments.steps + 64
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    server = xllamacpp.Server(parameters)
    with open(arguments.tokens) as file:
        ids = json.load(file)
    # A text that is too short is read again: speed does not depend on what is read.
    prompt = (ids * (arguments.length // len(ids) + 1))[: arguments.length]
    request = {
        "prompt": prompt,
        "n_predict": arguments.steps,
        "cache_prompt": False,
        "ignore_eos": True,
        "temperature": 0,
    }

    def body():
        answer = server.handle_completions(request)
        timings = (json.loads(answer) if isinstance(answer, str) else answer)["timings"]
        return {
            "prefillTokensPerSecond": timings["prompt_per_second"],
            "tokensPerSecond": timings["predicted_per_second"],
        }

    return body


def rate(arguments):
    import torch

    torch.set_num_threads(arguments.threads)
    rows, inner, columns = RATE_SHAPE
    left, right = torch.rand(rows, inner), torch.rand(columns, inner)

    def body():
        best = math.inf
        for _ in range(20):
            start = time.perf_counter()
            left @ right.T
            best = min(best, time.perf_counter() - start)
        return {"gigaflops": 2e-9 * rows * inner * columns / best}

    body()
    return body


PARTS = {"forward": forward, "lora": lora, "decode": decode, "rate": rate}

if __name__ == "__main__":
    main()
