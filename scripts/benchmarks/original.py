"""LoLCATs' own training on the CPU, for scripts/benchmark: original.py PART OPTIONS

    transfer  a step of attention transfer: the mean squared error of one sequence
    adapt     a step of low-rank adaptation of the converted model, on one sequence

Runs the modules of a folder of that code, a terrace window of 64 in every layer, with AdamW. Makes ready
and prints {}; then takes a step for every line of its standard input, and prints one JSON object a step.
"""

import argparse
import json
import os
import sys
import time

WINDOW = "lolcats_llama_window_tk"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--lolcats", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    step = PARTS[arguments.part](arguments)
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


def load(arguments):
    """PyTorch, and the teacher with LoLCATs' attention in every layer."""
    sys.path.insert(0, arguments.lolcats)
    import omegaconf
    import torch
    from src.model.load_model import load_and_convert_attns
    from src.model.modeling_llama import LolcatsLlamaForCausalLM

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = LolcatsLlamaForCausalLM.from_pretrained(
        arguments.model, torch_dtype=torch.float32, attn_implementation="eager"
    )
    model, _ = load_and_convert_attns(
        model, attention(omegaconf), attention_type=WINDOW, train_attention=True
    )
    return torch, model


def transfer(arguments):
    torch, model = load(arguments)
    from src.model.convert_model import toggle_attention
    from src.trainer.distill_attention_xent_mse import OurTrainer

    for name, parameter in model.named_parameters():
        parameter.requires_grad = "feature_map" in name or "window_factors" in name

    class Losses(OurTrainer):
        """The losses, without the loop around them."""

        def __init__(self):
            self.mse_factor, self.xent_factor = 1000, 0
            self.criterion_mse = torch.nn.MSELoss()

    losses = Losses()
    model = toggle_attention(model, train=True)
    return stepper(
        arguments, torch, model, 1e-2,
        lambda model, sequence: losses.compute_loss(model, {"input_ids": sequence[None]})[0],
    )  # fmt: skip


def adapt(arguments):
    torch, model = load(arguments)
    import peft
    from src.model.convert_model import toggle_attention

    model = toggle_attention(model, train=False)
    configuration = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=8,
        lora_alpha=16,
        lora_dropout=0.0,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj"],
    )

    def loss(model, sequence):
        logits = model(input_ids=sequence[None], use_cache=False).logits[0, :-1]
        return torch.nn.functional.cross_entropy(logits.float(), sequence[1:])

    return stepper(arguments, torch, peft.get_peft_model(model, configuration), 1e-4, loss)


def stepper(arguments, torch, model, rate, loss):
    """Takes one step when it is called, and has taken one."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0)
    model.train()
    with open(arguments.tokens) as file:
        ids = json.load(file)
    count = len(ids) // arguments.length
    sequences = torch.tensor(ids[: count * arguments.length]).view(count, arguments.length)
    number = iter(range(1 << 30))

    def step():
        start = time.perf_counter()
        value = loss(model, sequences[next(number) % count])
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - start
        return {"tokensPerSecond": arguments.length / seconds, "loss": value.item()}

    step()
    return step


PARTS = {"transfer": transfer, "adapt": adapt}

if __name__ == "__main__":
    main()
