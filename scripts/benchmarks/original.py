"""LoLCATs' own attention transfer on the CPU, for scripts/benchmark: original.py OPTIONS

Runs the modules of a folder of that code: a terrace window of 64 in every layer, a step of AdamW on
the mean squared error of one sequence. Makes ready and prints {}; then takes a step for every line of
its standard input, and prints one JSON object a step.
"""

import argparse
import json
import os
import sys
import time

WINDOW = "lolcats_llama_window_tk"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lolcats", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    step = prepare(arguments)
    print("{}", file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(step()), file=answers, flush=True)


def attention(omegaconf):
    return omegaconf.OmegaConf.create(
        {
            "model": {"torch_dtype": "float32"},
            "attention": {
                "attention_type": WINDOW,
                "feature_map": "softmax_dim",
                "feature_map_kwargs": {"eps": 1e-12, "fullspace": True},
                "layer_idx": None,
                "learned_kernel": "untied_head_einsum",
                "learned_kernel_kwargs": {
                    "feature_dim": 64,
                    "skip_connection": False,
                    "bias": False,
                    "zero_init": True,
                },
                "tie_qk_kernels": False,
                "train_qk": False,
                "state_chunk_len": 1024,
                "window_size": 64,
                "affine_attention_factors": False,
                "init_window_factor": -2.1972245773362196,
            },
        }
    )


def prepare(arguments):
    sys.path.insert(0, arguments.lolcats)
    import omegaconf
    import torch
    from src.model.convert_model import toggle_attention
    from src.model.load_model import load_and_convert_attns
    from src.model.modeling_llama import LolcatsLlamaForCausalLM
    from src.trainer.distill_attention_xent_mse import OurTrainer

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = LolcatsLlamaForCausalLM.from_pretrained(
        arguments.model, torch_dtype=torch.float32, attn_implementation="eager"
    )
    model, _ = load_and_convert_attns(
        model, attention(omegaconf), attention_type=WINDOW, train_attention=True
    )
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "feature_map" in name or "window_factors" in name
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2, weight_decay=0)

    class Losses(OurTrainer):
        """The losses, without the loop around them."""

        def __init__(self):
            self.mse_factor, self.xent_factor = 1000, 0
            self.criterion_mse = torch.nn.MSELoss()

    losses = Losses()
    model = toggle_attention(model, train=True)
    model.train()
    with open(arguments.tokens) as file:
        ids = json.load(file)
    count = len(ids) // arguments.length
    sequences = torch.tensor(ids[: count * arguments.length]).view(count, arguments.length)
    number = iter(range(1 << 30))

    def step():
        start = time.perf_counter()
        data = {"input_ids": sequences[next(number) % count][None]}
        loss, _ = losses.compute_loss(model, data)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - start
        return {"tokensPerSecond": arguments.length / seconds, "loss": loss.item()}

    step()
    return step


if __name__ == "__main__":
    main()
