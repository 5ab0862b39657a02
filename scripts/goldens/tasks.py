#!/usr/bin/env python3
"""Scores invented rows by lm-eval itself, for EvaluationTests.

Each shipped task is lm-eval's own, with its data set replaced by rows written here. The language
model is a stand-in whose log-likelihoods follow from the tokens, in halves, so that there are ties.

    rows/NAME.jsonl     the rows, in the form of the task's Hugging Face data set
    NAME.json           lm-eval's metrics, samples and digest, and for each tokenizer the tokens of
                        every request as the model would be given them
    numbers.json        draws, choices and bootstrap errors of Python's generator; cleaned texts

usage: tasks.py [--python PYTHON] [--output FOLDER]

Without --python a throw-away virtual environment with the pinned packages is made.
"""

import copy
import json
import pathlib
import random
import sys
import tempfile

import environment

REQUIREMENTS = ["lm-eval==0.4.13", "datasets==5.2.0", "transformers==5.23.0", "tokenizers==0.23.3"]
TOKENIZERS = environment.ROOT / "Tests/CorpusTests/Goldens/tokenizers"
# Name of a tokenizer among CorpusTests' goldens: its special tokens, and tokens the model reads.
MODELS = {
    "smollm": ({"eos_token": "<|endoftext|>"}, 96),
    "llama3": ({"bos_token": "<|begin_of_text|>", "eos_token": "<|endoftext|>"}, 64),
    "llama-metaspace": ({"bos_token": "<s>", "eos_token": "</s>"}, 48),
}

ARC = [
    {"id": "a", "question": "Which of these does a plant need?",
     "choices": {"text": ["light", "a hat", "salt water", "music"], "label": ["A", "B", "C", "D"]},
     "answerKey": "A"},
    {"id": "b", "question": "What is frozen water called? ",
     "choices": {"text": ["steam", "ice", "fog"], "label": ["1", "2", "3"]}, "answerKey": "2"},
    {"id": "c", "question": "Où coule la Seine\u00a0?",
     "choices": {"text": ["Paris", "Łódź", "東京都", "S\u0303ao Paulo 🏳️‍🌈"],
                 "label": ["A", "B", "C", "D"]}, "answerKey": "D"},
    {"id": "d", "question": "Two of these are the same",
     "choices": {"text": ["yes", "yes", "no", "no"], "label": ["A", "B", "C", "D"]},
     "answerKey": "B"},
    {"id": "e", "question": "Name one\r\nof them:",
     "choices": {"text": [" first", "second ", "third\n"], "label": ["A", "B", "C"]},
     "answerKey": "C"},
]
MMLU = [
    {"question": f"{first} The {bone} is part of the\t", "subject": "anatomy",
     "choices": ["hand", "foot", "skull", "ear \"inner\""], "answer": answer}
    for first, bone, answer in [
        (" ", "scaphoid", 0), ("", "talus", 1), ("\n", "vomer", 2), ("", "incus", 3),
        ("", "hamate", 0), ("Which?", "cuboid", 1), ("", "sphenoid", 2), ("", "malleus", 3)]
]
ROWS = {
    "arc_easy": ARC,
    "arc_challenge": ARC[::-1],
    "piqa": [
        {"goal": "To keep bread fresh,", "sol1": "wrap it in cloth.", "sol2": "wrap it in rain.",
         "label": 0},
        {"goal": "cut an onion\n", "sol1": "use  a spoon", "sol2": "use a knife", "label": 1},
        {"goal": "dry wet shoes", "sol1": "put paper in them", "sol2": "put water in them",
         "label": 0},
    ],
    "openbookqa": [
        {"id": "1", "question_stem": "A stone falls because of",
         "choices": {"text": ["wind", "gravity", "noise", "heat"],
                     "label": ["A", "B", "C", "D"]}, "answerKey": " B"},
        {"id": "2", "question_stem": "The moon reflects ",
         "choices": {"text": ["sunlight", "sound", "the sea", "clouds"],
                     "label": ["A", "B", "C", "D"]}, "answerKey": "A"},
    ],
    "hellaswag": [
        {"ind": 1, "activity_label": "Making a kite", "ctx_a": "A man folds paper.",
         "ctx_b": "he THEN", "ctx": "", "label": "2",
         "endings": ["eats [step] it.", "  runs. ", "[title] adds [substeps] a tail  and  string.",
                     "sleeps [a]\n[b\n] ."]},
        {"ind": 2, "activity_label": "Roof [header] work [title] Begin",
         "ctx_a": "[header] How to climb [title] Take a ladder. [step] Hold it.", "ctx_b": "",
         "ctx": "", "label": "0",
         "endings": ["Climb up.", "[substeps] Jump   off.", "É [x]", "Sing [unclosed"]},
        {"ind": 3, "activity_label": "Cooking", "ctx_a": "Ωμέγα", "ctx_b": "ÉCOLE ΣΑ ǆ",
         "ctx": "", "label": "3", "endings": ["a", "b [c] d", "e  f", "g"]},
    ],
    "winogrande": [
        {"sentence": "The cup did not fit in the box because _ was too big.", "option1": "the cup",
         "option2": "the box", "answer": "1"},
        {"sentence": "Ann thanked Eve, for _  had a spare_key.  ", "option1": "Ann",
         "option2": "Eve", "answer": "2"},
        {"sentence": "_ won.", "option1": "Our team", "option2": "Theirs ", "answer": "2"},
    ],
    "boolq": [
        {"question": "is the sun a star", "passage": "The Sun -- The sun is a star.", "idx": 0,
         "label": 1},
        {"question": "do fish read", "passage": "Fish swim.\nThey do not read. ", "idx": 1,
         "label": 0},
    ],
    "copa": [
        {"premise": "The ground was wet.", "choice1": "It had rained.", "choice2": "It was noon.",
         "question": "cause", "idx": 0, "label": 0},
        {"premise": " The glass fell. ", "choice1": "Ärger kam.", "choice2": "It broke.",
         "question": "effect", "idx": 1, "label": 1},
    ],
    "lambada_openai": [
        {"text": "He looked for the key, and when he lifted the mat he found the key"},
        {"text": "“Are you coming, Anna?” he asked.\n\nShe nodded. “Then come with me, Anna"},
        {"text": "One word  twice twice"},
        {"text": "<|begin_of_text|>It begins with what begins a text"},
        {"text": "A long way " * 60 + "home"},
        {"text": "The cat sat where the dog had slept, and so the dog barked at the cat"},
    ],
    "mmlu_anatomy": MMLU[:3],
    "mmlu_anatomy_dev": MMLU[3:] + MMLU[:1],
    "blimp_anaphor_gender_agreement": [
        {"sentence_good": "Mary hurt herself.", "sentence_bad": "Mary hurt himself.", "UID": "u"},
        {"sentence_good": "This man sees himself.", "sentence_bad": "This man sees itself.",
         "UID": "u"},
    ],
    "wikitext": [
        {"page": " \n = A Page = \n \n It 's a 1 @,@ 000 @-@ word ( so they say ) text ; it "
                 "is \" quoted \" and ' quoted ' . N people read it @.@ 5 times . \n"},
        {"page": " = = Heat = = \n At 20 ° C [ see {  this } ] , s ' is odd /' 7/ ' 8/ ! Who ? : "
                 + "More words follow here , many of them . " * 12},
        {"page": "short"},
        {"page": "Ünïcode\u00a0spaces\u2003and\x1cseparators ( unclosed \" alone = = = = "},
    ],
}
SHOTS = {
    "arc_easy": {"num_fewshot": 2, "fewshot_split": "test", "data": "arc_easy"},
    "winogrande": {"num_fewshot": 1, "fewshot_split": "test", "data": "winogrande"},
    "lambada_openai": {"num_fewshot": 1, "fewshot_split": "test", "data": "lambada_openai"},
    "hellaswag": {"num_fewshot": 1, "fewshot_split": "test", "data": "hellaswag"},
    "copa": {"num_fewshot": 1, "fewshot_split": "test", "data": "copa"},
}
FOUNDRY = {
    "foundry_choices": [
        {"query": "Question: dresser\n", "choices": ["replace drawer", "finish,  woodgrain"],
         "gold": 1},
        {"query": "It rained, so", "choices": ["he got wet", "he got rich"], "gold": 0},
        {"query": "A colour:", "choices": ["blue", "loud", "7"], "gold": 0},
    ],
    "foundry_continuation": [
        {"context": "I don't care about", "continuation": "signs"},
        {"context": "\"No need,\" he said, \"", "continuation": "Shane"},
    ],
}
FILES = {
    "arc_easy": "arc/arc_easy.yaml", "arc_challenge": "arc/arc_challenge.yaml",
    "piqa": "piqa/piqa.yaml", "openbookqa": "openbookqa/openbookqa.yaml",
    "hellaswag": "hellaswag/hellaswag.yaml", "winogrande": "winogrande/default.yaml",
    "boolq": "super_glue/boolq/default.yaml", "copa": "super_glue/copa/default.yaml",
    "lambada_openai": "lambada/lambada_openai.yaml",
    "mmlu_anatomy": "mmlu/default/mmlu_anatomy.yaml",
    "blimp_anaphor_gender_agreement": "blimp/anaphor_gender_agreement.yaml",
    "wikitext": "wikitext/wikitext.yaml",
}


def stand_in(name):
    """A language model with a real tokenizer and log-likelihoods made up from the tokens."""
    from lm_eval import utils
    from lm_eval.api.model import TemplateLM
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    specials, length = MODELS[name]
    path = str(TOKENIZERS / f"{name}.tokenizer.json")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(path), **specials)

    class StandIn(TemplateLM):
        backend = "causal"
        max_length = length
        prefix_token_id = (
            tokenizer.bos_token_id if tokenizer.bos_token_id is not None
            else tokenizer.eos_token_id)
        eot_token_id = tokenizer.eos_token_id

        def __init__(self):
            super().__init__()
            self.asked = []

        # As lm_eval.models.huggingface.HFLM, which cannot be imported without torch.
        def tok_encode(self, string, add_special_tokens=None, **_):
            if add_special_tokens is None:
                prefix = tokenizer.decode(self.prefix_token_id)
                add_special_tokens = not string.startswith(prefix)
            return tokenizer.encode(string, add_special_tokens=add_special_tokens)

        def _loglikelihood_tokens(self, requests, **_):
            answers = []
            for _, context, continuation in requests:
                assert context and 0 < len(continuation) <= self.max_length
                whole = (context + continuation)[-(self.max_length + 1):]
                context = whole[:len(whole) - len(continuation)]
                self.asked.append([context, continuation])
                answers.append((
                    -0.5 * (sum(continuation) * 7 % 13 + len(continuation)),
                    sum(whole) % 3 == 0))
            return answers

        def loglikelihood_rolling(self, requests, **_):
            answers = []
            for request in requests:
                windows = map(utils.make_disjoint_window, utils.get_rolling_token_windows(
                    self.tok_encode(request.args[0]), self.prefix_token_id, self.max_length, 1))
                answers.append(sum(
                    answer[0] for answer in self._loglikelihood_tokens(
                        [(None, *window) for window in windows])))
            return answers

        def generate_until(self, requests, **_):
            raise NotImplementedError

    return StandIn()


def own_task(name, rows, folder, shots):
    """lm-eval's task of this name over our rows."""
    import lm_eval.tasks
    import yaml

    root = pathlib.Path(lm_eval.tasks.__file__).parent
    data = {"test": str(rows / f"{name}.jsonl")}
    config = {
        "include": str(root / FILES[name]), "task": f"{name}_here", "dataset_path": "json",
        "dataset_name": None, "training_split": None, "validation_split": None,
        "test_split": "test", "tag": None,
    }
    if shots:
        config |= {
            "num_fewshot": shots["num_fewshot"], "fewshot_split": shots["fewshot_split"],
            "fewshot_config": {"sampler": "first_n"}}
        data[shots["fewshot_split"]] = str(rows / f"{shots['data']}.jsonl")
    config["dataset_kwargs"] = {"data_files": data}
    path = folder / f"{name}_here.yaml"
    path.write_text(yaml.safe_dump(config))
    return f"{name}_here"


def foundry_task(name, rows):
    config = {
        "task": name, "dataset_path": "json", "test_split": "test",
        "dataset_kwargs": {"data_files": {"test": str(rows / f"{name}.jsonl")}},
        "metadata": {"version": 1.0},
    }
    mean = {"aggregation": "mean", "higher_is_better": True}
    if name == "foundry_choices":
        return config | {
            "output_type": "multiple_choice", "doc_to_text": "{{query}}",
            "doc_to_choice": "{{choices}}", "doc_to_target": "{{gold}}",
            "metric_list": [{"metric": "acc"} | mean, {"metric": "acc_norm"} | mean]}
    return config | {
        "output_type": "loglikelihood", "doc_to_text": "{{context}}",
        "doc_to_target": "{{' '+continuation}}",
        "metric_list": [
            {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
            {"metric": "acc"} | mean]}


def saved(sample):
    """A sample as lm-eval's EvaluationTracker writes it."""
    from lm_eval.utils import handle_non_serializable, sanitize_list

    sample = copy.deepcopy(sample)
    sample["resps"] = sanitize_list(sample["resps"])
    sample["filtered_resps"] = sanitize_list(sample["filtered_resps"])
    sample["arguments"] = {
        f"gen_args_{i}": {f"arg_{j}": text for j, text in enumerate(argument)}
        for i, argument in enumerate(sample["arguments"])}
    sample["target"] = str(sample["target"])
    return json.loads(json.dumps(sample, default=handle_non_serializable, ensure_ascii=False))


def evaluate(task, manager, limit=None):
    from lm_eval import evaluator
    from lm_eval.utils import hash_string

    golden = {"tokens": {}}
    for model in MODELS:
        lm = stand_in(model)
        results = evaluator.simple_evaluate(
            model=lm, tasks=[task], task_manager=manager, limit=limit, log_samples=True,
            bootstrap_iters=100000)
        golden["tokens"][model] = lm.asked
        if model == "smollm":
            name = next(iter(results["results"]))
            samples = results["samples"][name]
            golden |= {
                "results": {
                    key: value for key, value in results["results"][name].items()
                    if key not in ("name", "alias")},
                "version": results["versions"][name],
                "taskHash": hash_string("".join(
                    s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)),
                "samples": [saved(sample) for sample in samples],
            }
    return golden


def numbers():
    from lm_eval.api.metrics import bootstrap_stderr, perplexity
    from lm_eval.tasks.hellaswag.utils import preprocess
    from lm_eval.tasks.wikitext.preprocess_wikitext import wikitext_detokenizer

    draws = {}
    for seed in [0, 1, 99]:
        generator = random.Random(seed)
        values = [generator.random() for _ in range(1000)]
        draws[seed] = [values[i] for i in [0, 1, 2, 311, 312, 313, 623, 624, 999]]
    generator = random.Random(7)
    likelihoods = [-generator.expovariate(0.2) for _ in range(17)]
    alphabet = ["[", "]", "(", ")", "{", "}", "\"", "'", " ", " ", " @-@ ", " , ", "= ", "\n", "a",
                "s '", " 's", "/' 3/", " ° ", " N ", "[title]", "\t", "\u3000", "\x1d", "é", "e\u0301"]
    texts = ["".join(generator.choice(alphabet) for _ in range(generator.randint(1, 60)))
             for _ in range(300)]
    return {
        "positions": [0, 1, 2, 311, 312, 313, 623, 624, 999],
        "draws": draws,
        "likelihoods": likelihoods,
        "bootstrap": {n: bootstrap_stderr(perplexity, likelihoods, n) for n in [500, 3000, 100000]},
        "texts": texts,
        "hellaswag": [preprocess(text) for text in texts],
        "wikitext": [wikitext_detokenizer({"page": text}) for text in texts],
    }


def main():
    output = environment.prepare(__doc__, REQUIREMENTS, "Tests/EvaluationTests/Goldens/tasks")
    import datasets
    from lm_eval.tasks import TaskManager

    rows = output / "rows"
    rows.mkdir(exist_ok=True)
    for name, content in (ROWS | FOUNDRY).items():
        (rows / f"{name}.jsonl").write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content))

    def write(name, golden):
        (output / f"{name}.json").write_text(
            json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        datasets.config.HF_DATASETS_CACHE = folder / "cache"
        for part in ["plain", "shots"]:
            (folder / part).mkdir()
        names = {}
        for name in FILES:
            shots = None
            if name == "mmlu_anatomy":
                shots = {"num_fewshot": 5, "fewshot_split": "dev", "data": "mmlu_anatomy_dev"}
            names[name] = own_task(name, rows, folder / "plain", shots)
        shot_names = {
            name: own_task(name, rows, folder / "shots", shots) for name, shots in SHOTS.items()}
        manager = TaskManager(include_path=str(folder / "plain"), include_defaults=False)
        for name, task in names.items():
            write(name, evaluate(task, manager))
        write("one_sample", evaluate(names["arc_easy"], manager, limit=1))
        manager = TaskManager(include_path=str(folder / "shots"), include_defaults=False)
        for name, task in shot_names.items():
            write(f"{name}_shots", evaluate(task, manager))
        for name in FOUNDRY:
            write(name, evaluate(foundry_task(name, rows), manager))
    write("numbers", numbers())
    size = environment.write_manifest(
        output, __file__, ["lm-eval", "datasets", "transformers", "tokenizers"], {})
    print(f"{output}: {size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
