// swift-format-ignore-file
// Written by scripts/embed-recipes from the folder recipes; change the recipes there.

extension ShippedRecipe {
  /// The text of every file under `recipes`, byte for byte, by its name without `.json`.
  static let documents: [(name: String, text: String)] = [
    (
      "gated-delta-net",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "gated-delta-net",
  "description": "A hybrid of Qwen3-0.6B that becomes a Qwen3.5: gated delta nets in three layers of four; bring the teacher.",
  "teacher": { "path": "models/Qwen3-0.6B" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "validationSequences": 8,
    "testSequences": 32
  },
  "student": {
    "mixer": "gated-delta-net", "softmaxLayers": "every 4", "decayStart": "calibrated", "gateStart": "calibrated"
  },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 50,
      "checkpointEvery": 50
    },
    {
      "stage": "logit-distillation",
      "steps": 90,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.0002, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001 },
      "evaluateEvery": 30,
      "checkpointEvery": 30
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "hedgehog-gpt2",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "hedgehog-gpt2",
  "description": "Hedgehog's conversion of GPT-2 on WikiText-103, in the paper's shape; bring the teacher and the text.",
  "teacher": {
    "path": "models/gpt2"
  },
  "data": {
    "train": [
      {
        "path": "data/wikitext-103/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/wikitext-103/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/wikitext-103/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 1024,
    "documentBoundaries": "ignored"
  },
  "student": {
    "mixer": "linear",
    "featureMap": {
      "kind": "exponential",
      "bias": true,
      "biasShape": "coordinate"
    }
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "epochs": 2,
      "batchSize": 1,
      "gradientAccumulation": 8,
      "losses": [{ "kind": "attention-weight-cross-entropy", "floor": "add" }],
      "optimizer": {
        "learningRate": 0.01,
        "weightDecay": 0
      },
      "schedule": {
        "kind": "plateau"
      },
      "evaluateEvery": 100
    },
    {
      "stage": "finetune",
      "epochs": 10,
      "batchSize": 1,
      "gradientAccumulation": 8,
      "optimizer": {
        "learningRate": 1e-05,
        "weightDecay": 0
      },
      "activationCheckpointing": true,
      "evaluateEvery": 100
    },
    {
      "stage": "evaluate"
    }
  ]
}

"""#
    ),
    (
      "hedgehog-minilm",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "hedgehog-minilm",
  "description": "MiniLM, an encoder, made linear; its embeddings keep their directions.",
  "teacher": { "path": "models/all-minilm-l6-v2" },
  "data": {
    "train": [
      {
        "path": "data/text/train.jsonl",
        "format": "jsonl-text",
        "documents": "blankLine",
        "appendEndOfText": false
      }
    ],
    "validation": [
      {
        "path": "data/text/validation.jsonl",
        "format": "jsonl-text",
        "documents": "blankLine",
        "appendEndOfText": false
      }
    ],
    "test": [
      {
        "path": "data/text/test.jsonl",
        "format": "jsonl-text",
        "documents": "blankLine",
        "appendEndOfText": false
      }
    ],
    "sequenceLength": 128,
    "packing": "oneDocument",
    "longDocuments": "truncated",
    "validationSequences": 64,
    "testSequences": 500
  },
  "student": { "mixer": "linear", "featureMap": { "kind": "softmax", "bias": true, "biasShape": "coordinate" } },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 150,
      "batchSize": 16,
      "gradientAccumulation": 1,
      "losses": [{ "kind": "attention-weight-cross-entropy", "floor": "add" }],
      "optimizer": { "learningRate": 0.03 },
      "schedule": { "kind": "cosine" },
      "evaluateEvery": 50
    },
    {
      "stage": "embedding-distillation",
      "steps": 100,
      "batchSize": 32,
      "gradientAccumulation": 1,
      "parameters": ["model.layers.*"],
      "schedule": { "kind": "cosine", "warmupSteps": 5 },
      "evaluateEvery": 25,
      "checkpointEvery": 50
    },
    { "stage": "evaluate", "fidelity": { "sequences": 32, "length": 128 } }
  ]
}

"""#
    ),
    (
      "hedgehog",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "hedgehog",
  "description": "Hedgehog on SmolLM2-135M-Instruct: linear attention alone, taught the attention weights, then low-rank adaptation.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024,
    "documentBoundaries": "ignored",
    "validationSequences": 4,
    "testSequences": 16
  },
  "student": {
    "mixer": "linear",
    "featureMap": { "kind": "softmax", "bias": true, "biasShape": "coordinate" }
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 60,
      "gradientAccumulation": 1,
      "losses": [{ "kind": "attention-weight-cross-entropy", "floor": "add" }],
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 60,
      "gradientAccumulation": 1,
      "trainFeatureMaps": true,
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "lolcats-hybrid",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "lolcats-hybrid",
  "description": "LoLCATs with 4 sinks that keeps the softmax of layers 8, 15, 17, 18 and 23.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024, "documentBoundaries": "ignored",
    "validationSequences": 4, "testSequences": 16
  },
  "student": { "mixer": "terrace-window", "windowSize": 64, "sinks": 4, "softmaxLayers": [8, 15, 17, 18, 23] },
  "stages": [
    { "stage": "attention-transfer", "steps": 60, "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" }, "evaluateEvery": 20, "checkpointEvery": 20 },
    { "stage": "low-rank-adaptation", "steps": 40, "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" }, "evaluateEvery": 20, "checkpointEvery": 20 },
    { "stage": "evaluate",
      "thresholds": { "perplexityRatio": { "maximum": 1.05 }, "associativeRecall": { "minimum": 0.4 } } }
  ]
}

"""#
    ),
    (
      "lolcats-llama-3-8b",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "lolcats-llama-3-8b",
  "description": "LoLCATs' own settings for Llama 3 8B; bring the teacher and the text.",
  "teacher": { "path": "models/Meta-Llama-3-8B" },
  "data": {
    "train": [{ "path": "data/alpaca-cleaned/train.jsonl", "format": "jsonl-instruction" }],
    "validation": [{ "path": "data/alpaca-cleaned/validation.jsonl", "format": "jsonl-instruction" }],
    "test": [{ "path": "data/alpaca-cleaned/validation.jsonl", "format": "jsonl-instruction" }],
    "sequenceLength": 1024,
    "documentBoundaries": "ignored",
    "lastRemainder": "dropped"
  },
  "student": {
    "mixer": "terrace-window",
    "windowSize": 64,
    "featureMap": {
      "kind": "softmax", "space": "full", "projectionDim": 64, "initialization": "identity"
    }
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "epochs": 2,
      "batchSize": 1,
      "gradientAccumulation": 8,
      "losses": [{ "kind": "output-mse", "weight": 1000 }],
      "optimizer": { "learningRate": 0.01 },
      "schedule": {
        "kind": "plateau", "factor": 0.1, "patience": 10, "minimumLearningRate": 0.00001
      },
      "evaluateEvery": 100
    },
    {
      "stage": "low-rank-adaptation",
      "epochs": 2,
      "batchSize": 1,
      "gradientAccumulation": 8,
      "rank": 8,
      "alpha": 16,
      "targets": ["queries", "keys", "values", "output"],
      "optimizer": { "learningRate": 0.0001 },
      "schedule": {
        "kind": "plateau", "factor": 0.1, "patience": 10, "minimumLearningRate": 0.00001
      },
      "evaluateEvery": 100,
      "activationCheckpointing": true
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "lolcats-sinks",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "lolcats-sinks",
  "description": "LoLCATs with the first 4 tokens kept visible to the softmax.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024,
    "documentBoundaries": "ignored",
    "validationSequences": 4,
    "testSequences": 16
  },
  "student": { "mixer": "terrace-window", "windowSize": 64, "sinks": 4 },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 60,
      "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 40,
      "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    {
      "stage": "evaluate",
      "thresholds": { "perplexityRatio": { "maximum": 2.0 } }
    }
  ]
}

"""#
    ),
    (
      "lolcats",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "lolcats",
  "description": "LoLCATs on SmolLM2-135M-Instruct: attention transfer and low-rank adaptation of a terrace window of 64.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024,
    "documentBoundaries": "ignored",
    "validationSequences": 4,
    "testSequences": 16
  },
  "student": { "mixer": "terrace-window", "windowSize": 64 },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 60,
      "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 40,
      "gradientAccumulation": 1,
      "schedule": { "kind": "plateau" },
      "evaluateEvery": 20,
      "checkpointEvery": 20
    },
    {
      "stage": "evaluate",
      "thresholds": { "perplexityRatio": { "maximum": 2.0 } }
    }
  ]
}

"""#
    ),
    (
      "mamba-2",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "mamba-2",
  "description": "A hybrid of SmolLM2-135M-Instruct that becomes a GraniteMoeHybrid: Mamba-2 in two layers of three.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "validationSequences": 8,
    "testSequences": 32
  },
  "student": { "mixer": "mamba-2", "softmaxLayers": "every 3", "decayStart": "calibrated" },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 50,
      "checkpointEvery": 50
    },
    {
      "stage": "logit-distillation",
      "steps": 90,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.0002, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001 },
      "evaluateEvery": 30,
      "checkpointEvery": 30
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "memory",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "memory",
  "description": "No softmax layer: a window of 128 tokens, and a memory that a gate of the query joins to it.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024, "documentBoundaries": "ignored",
    "validationSequences": 4, "testSequences": 16
  },
  "student": {
    "memory": { "kind": "feature-map" },
    "window": { "kind": "terrace", "size": 128, "sinks": 4 },
    "policy": { "kind": "gated", "initialBias": -2 }
  },
  "stages": [
    { "stage": "attention-transfer", "steps": 60, "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.03 },
      "schedule": { "kind": "cosine", "warmupSteps": 5, "finalLearningRate": 0.003 },
      "evaluateEvery": 20, "checkpointEvery": 20 },
    { "stage": "low-rank-adaptation", "steps": 40, "gradientAccumulation": 1,
      "losses": [{ "kind": "kl", "weight": 1 }],
      "optimizer": { "learningRate": 0.0005 },
      "schedule": { "kind": "cosine", "warmupSteps": 4, "finalLearningRate": 0.00005 },
      "evaluateEvery": 20, "checkpointEvery": 20 },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "quick/gated-delta-net",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "gated-delta-net",
  "description": "Gated delta nets of Qwen3.5's shape on the small teacher, every second layer softmax, distilled as RADLADS does.",
  "output": "runs/quick/gated-delta-net",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "gated-delta-net",
    "softmaxLayers": "every 2",
    "decayStart": "calibrated",
    "gateStart": "calibrated"
  },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 10,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "logit-distillation",
      "steps": 100,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.001,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "measureSpeed": false,
      "thresholds": {
        "perplexityRatio": {
          "maximum": 1.1
        }
      }
    }
  ]
}

"""#
    ),
    (
      "quick/hedgehog-from-scratch",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "hedgehog-from-scratch",
  "description": "A language model with linear attention, trained without a teacher.",
  "output": "runs/quick/hedgehog-from-scratch",
  "teacher": {
    "configuration": {
      "architectures": [
        "LlamaForCausalLM"
      ],
      "model_type": "llama",
      "vocab_size": 1024,
      "hidden_size": 96,
      "intermediate_size": 256,
      "num_hidden_layers": 2,
      "num_attention_heads": 3,
      "num_key_value_heads": 3,
      "hidden_act": "silu",
      "max_position_embeddings": 256,
      "rms_norm_eps": 1e-05,
      "rope_theta": 10000.0,
      "tie_word_embeddings": true,
      "initializer_range": 0.02,
      "bos_token_id": 0,
      "eos_token_id": 0
    },
    "tokenizer": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "linear",
    "featureMap": {
      "kind": "softmax",
      "bias": true,
        "biasShape": "coordinate"
    }
  },
  "stages": [
    {
      "stage": "pretrain",
      "steps": 250,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "checkpointEvery": 100,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "weightDecay": 0.1,
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 25,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "evaluate",
      "measureRecall": false,
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quick/hedgehog",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "hedgehog",
  "description": "Hedgehog on the small teacher, all weights finetuned.",
  "output": "runs/quick/hedgehog",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "linear",
    "featureMap": {
      "kind": "softmax",
      "bias": true,
        "biasShape": "coordinate"
    }
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 25,
      "losses": [{ "kind": "attention-weight-cross-entropy", "floor": "add" }],
      "schedule": {
        "kind": "cosine",
        "finalLearningRate": 0.0001
      },
      "checkpointEvery": 50
    },
    {
      "stage": "finetune",
      "steps": 60,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 20,
      "optimizer": {
        "learningRate": 0.0003
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "fidelity": {
        "sequences": 8,
        "length": 256
      },
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quick/lolcats-sinks",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "lolcats-sinks",
  "description": "LoLCATs on the small teacher, a sliding window of 32 and 4 sinks.",
  "output": "runs/quick/lolcats-sinks",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "sliding-window",
    "windowSize": 32,
    "sinks": 4
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 25,
      "schedule": {
        "kind": "cosine",
        "finalLearningRate": 0.0001
      },
      "checkpointEvery": 50
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 60,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 20,
      "optimizer": {
        "learningRate": 0.001
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "fidelity": {
        "sequences": 8,
        "length": 256
      },
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quick/lolcats",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "lolcats",
  "description": "LoLCATs on the small teacher, a terrace window of 32.",
  "output": "runs/quick/lolcats",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "terrace-window",
    "windowSize": 32
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 25,
      "schedule": {
        "kind": "cosine",
        "finalLearningRate": 0.0001
      },
      "checkpointEvery": 50
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 60,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 20,
      "optimizer": {
        "learningRate": 0.001
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "fidelity": {
        "sequences": 8,
        "length": 256
      },
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quick/mamba-2",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "mamba-2",
  "description": "Mamba-2 of GraniteMoeHybrid's shape on the small teacher, every second layer softmax, distilled as RADLADS does.",
  "output": "runs/quick/mamba-2",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "mamba-2",
    "softmaxLayers": "every 2",
    "decayStart": "calibrated"
  },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 10,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "logit-distillation",
      "steps": 100,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.001,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "measureSpeed": false,
      "thresholds": {
        "perplexityRatio": {
          "maximum": 1.1
        }
      }
    }
  ]
}

"""#
    ),
    (
      "quick/projected-sum",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "projected-sum",
  "description": "A window of 32 with 4 sinks and a memory that joins it from nothing, on the small teacher.",
  "output": "runs/quick/projected-sum",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "memory": {
      "kind": "feature-map"
    },
    "window": {
      "kind": "sliding",
      "size": 32,
      "sinks": 4
    },
    "policy": {
      "kind": "projected-sum"
    }
  },
  "stages": [
    {
      "stage": "attention-transfer",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 25,
      "schedule": {
        "kind": "cosine",
        "finalLearningRate": 0.0001
      },
      "checkpointEvery": 50
    },
    {
      "stage": "low-rank-adaptation",
      "steps": 60,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 20,
      "optimizer": {
        "learningRate": 0.001
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "fidelity": {
        "sequences": 8,
        "length": 256
      },
      "measureSpeed": false,
      "thresholds": {
        "perplexityRatio": {
          "maximum": 1.017
        }
      }
    }
  ]
}

"""#
    ),
    (
      "quick/radlads-rwkv6",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "radlads-rwkv6",
  "description": "RADLADS on the small teacher with RAD-RWKV6.",
  "output": "runs/quick/radlads-rwkv6",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "rad-rwkv6"
  },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 10,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "logit-distillation",
      "steps": 100,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.001,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "measureSpeed": false,
      "thresholds": {
        "perplexityRatio": {
          "maximum": 1.1
        }
      }
    }
  ]
}

"""#
    ),
    (
      "quick/radlads-rwkv7",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "radlads-rwkv7",
  "description": "RADLADS on the small teacher with RAD-RWKV7.",
  "output": "runs/quick/radlads-rwkv7",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "rad-rwkv7"
  },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 10,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "logit-distillation",
      "steps": 100,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 50,
      "optimizer": {
        "learningRate": 0.001,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "measureSpeed": false,
      "thresholds": {
        "perplexityRatio": {
          "maximum": 1.1
        }
      }
    }
  ]
}

"""#
    ),
    (
      "quick/recall-from-scratch",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "recall-from-scratch",
  "description": "A model of two layers that learns associative recall and nothing else.",
  "seed": 2,
  "output": "runs/quick/recall-from-scratch",
  "teacher": {
    "configuration": {
      "architectures": [
        "GPT2LMHeadModel"
      ],
      "model_type": "gpt2",
      "vocab_size": 32,
      "n_embd": 64,
      "n_inner": 128,
      "n_layer": 2,
      "n_head": 2,
      "n_positions": 16,
      "activation_function": "gelu_new",
      "layer_norm_epsilon": 1e-05,
      "tie_word_embeddings": true,
      "initializer_range": 0.1,
      "bos_token_id": 0,
      "eos_token_id": 0
    }
  },
  "data": {
    "train": [
      {
        "format": "associative-recall",
        "minimumPairs": 1,
        "pairs": 4,
        "vocabulary": 32,
        "sequences": 200000,
        "seed": 1
      }
    ],
    "validation": [
      {
        "format": "associative-recall",
        "minimumPairs": 4,
        "pairs": 4,
        "vocabulary": 32,
        "sequences": 400,
        "seed": 2
      }
    ],
    "test": [
      {
        "format": "associative-recall",
        "minimumPairs": 4,
        "pairs": 4,
        "vocabulary": 32,
        "sequences": 1000,
        "seed": 3
      }
    ],
    "sequenceLength": 16
  },
  "student": {
    "mixer": "linear",
    "featureMap": {
      "kind": "softmax",
      "bias": true,
      "biasShape": "coordinate"
    }
  },
  "stages": [
    {
      "stage": "pretrain",
      "steps": 600,
      "batchSize": 128,
      "gradientAccumulation": 1,
      "evaluateEvery": 200,
      "checkpointEvery": 500,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 100,
        "finalLearningRate": 0.0001
      }
    },
    {
      "stage": "evaluate",
      "measureRecall": false,
      "measureFidelity": false,
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quick/t2r",
      #"""
{
  "$schema": "../recipe.schema.json",
  "name": "t2r",
  "description": "T2R on the small teacher: its feature map drawn at random, all weights finetuned.",
  "output": "runs/quick/t2r",
  "teacher": {
    "path": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 256,
    "validationSequences": 16,
    "testSequences": 64
  },
  "student": {
    "mixer": "linear",
    "featureMap": {
      "kind": "t2r"
    }
  },
  "stages": [
    {
      "stage": "finetune",
      "steps": 150,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "evaluateEvery": 20,
      "optimizer": {
        "learningRate": 0.001
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 5,
        "finalLearningRate": 1e-05
      }
    },
    {
      "stage": "evaluate",
      "recall": {
        "associativeLengths": [
          64,
          128,
          256
        ],
        "passkeyLengths": [
          256
        ]
      },
      "fidelity": {
        "sequences": 8,
        "length": 256
      },
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "quickstart",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "quickstart",
  "description": "The quick start: five layers that the program chooses keep softmax, the others are distilled.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [
      { "path": "data/text/train.jsonl", "format": "jsonl-text" },
      { "path": "data/text/lookups.jsonl", "format": "jsonl-text" }
    ],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 1024, "documentBoundaries": "ignored",
    "validationSequences": 4, "testSequences": 16
  },
  "student": {
    "memory": { "kind": "feature-map" },
    "window": { "kind": "terrace", "size": 256, "sinks": 4 },
    "policy": { "kind": "projected-sum" }
  },
  "stages": [
    { "stage": "layer-selection", "keep": 5, "text": { "weight": 0.3 }, "rescored": 6,
      "associative": { "length": 1024 } },
    { "stage": "logit-distillation", "steps": 40, "batchSize": 1, "gradientAccumulation": 1,
      "parameters": ["*.self_attn.*"], "untiesHead": false,
      "optimizer": { "learningRate": 0.00003, "groups": [
        { "parameters": ["*feature_map*", "*memory_projection*"], "learningRate": 0.0003 } ] },
      "schedule": { "kind": "cosine", "warmupSteps": 6, "finalLearningRate": 0.000003 },
      "evaluateEvery": 20, "checkpointEvery": 20 },
    { "stage": "evaluate", "recall": { "associativeLengths": [256, 512, 1024] },
      "thresholds": { "perplexityRatio": { "maximum": 1.005 }, "associativeRecall": { "minimum": 0.55 } } }
  ]
}

"""#
    ),
    (
      "radlads-llama-cpp",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "radlads-llama-cpp",
  "description": "RADLADS on SmolLM2-135M-Instruct with a RAD-RWKV7 that llama.cpp runs: no rotary positions, state not balanced.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "validationSequences": 8,
    "testSequences": 32
  },
  "student": { "mixer": "rad-rwkv7", "rotary": false, "balanceState": false },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 50,
      "checkpointEvery": 50
    },
    {
      "stage": "logit-distillation",
      "steps": 90,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.0002, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001 },
      "evaluateEvery": 30,
      "checkpointEvery": 30
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "radlads-qwen2.5-7b",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "radlads-qwen2.5-7b",
  "description": "RADLADS' own settings for Qwen2.5 7B, with context extension; bring the teacher and the text.",
  "teacher": { "path": "models/Qwen2.5-7B-Instruct" },
  "data": {
    "train": [{ "path": "data/dclm/train.bin", "format": "binidx" }],
    "validation": [{ "path": "data/dclm/validation.bin", "format": "binidx" }],
    "test": [{ "path": "data/dclm/test.bin", "format": "binidx" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "order": "radlads",
    "validationSequences": 64,
    "testSequences": 256
  },
  "student": { "mixer": "rad-rwkv7" },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 6104,
      "batchSize": 4,
      "gradientAccumulation": 8,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 50, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 500,
      "keepBest": false
    },
    {
      "stage": "logit-distillation",
      "steps": 10173,
      "batchSize": 4,
      "gradientAccumulation": 24,
      "losses": [{ "kind": "kl" }],
      "optimizer": { "learningRate": 0.00001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "constant", "warmupSteps": 50, "warmupStart": 0.01 },
      "evaluateEvery": 500,
      "keepBest": false,
      "activationCheckpointing": true
    },
    {
      "stage": "finetune",
      "steps": 64,
      "batchSize": 1,
      "gradientAccumulation": 96,
      "sequenceLength": 16384,
      "parameters": ["*"],
      "optimizer": { "learningRate": 0.00001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "constant", "warmupSteps": 50, "warmupStart": 0.01 },
      "evaluateEvery": 16,
      "keepBest": false,
      "activationCheckpointing": true
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "radlads-rwkv6",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "radlads-rwkv6",
  "description": "RADLADS on SmolLM2-135M-Instruct with RAD-RWKV6.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "validationSequences": 8,
    "testSequences": 32
  },
  "student": { "mixer": "rad-rwkv6" },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 50,
      "checkpointEvery": 50
    },
    {
      "stage": "logit-distillation",
      "steps": 90,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.0002, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001 },
      "evaluateEvery": 30,
      "checkpointEvery": 30
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "radlads",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "radlads",
  "description": "RADLADS on SmolLM2-135M-Instruct: RAD-RWKV7 by output alignment and logit distillation, no softmax left.",
  "teacher": { "path": "models/SmolLM2-135M-Instruct.Q4_1.gguf" },
  "data": {
    "train": [{ "path": "data/text/train.jsonl", "format": "jsonl-text" }],
    "validation": [{ "path": "data/text/validation.jsonl", "format": "jsonl-text" }],
    "test": [{ "path": "data/text/test.jsonl", "format": "jsonl-text" }],
    "sequenceLength": 512,
    "documentBoundaries": "ignored",
    "validationSequences": 8,
    "testSequences": 32
  },
  "student": { "mixer": "rad-rwkv7" },
  "stages": [
    {
      "stage": "output-alignment",
      "steps": 150,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.001, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": {
        "kind": "quarter-cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001
      },
      "evaluateEvery": 50,
      "checkpointEvery": 50
    },
    {
      "stage": "logit-distillation",
      "steps": 90,
      "batchSize": 4,
      "gradientAccumulation": 1,
      "optimizer": { "learningRate": 0.0002, "betas": [0.9, 0.95], "clipGradientNorm": 1 },
      "schedule": { "kind": "cosine", "warmupSteps": 10, "warmupStart": 0.01, "finalLearningRate": 0.00001 },
      "evaluateEvery": 30,
      "checkpointEvery": 30
    },
    { "stage": "evaluate" }
  ]
}

"""#
    ),
    (
      "small-teacher",
      #"""
{
  "$schema": "recipe.schema.json",
  "name": "small-teacher",
  "description": "Trains the small teacher of the quick recipes from scratch.",
  "teacher": {
    "configuration": {
      "architectures": [
        "LlamaForCausalLM"
      ],
      "model_type": "llama",
      "vocab_size": 1024,
      "hidden_size": 128,
      "intermediate_size": 352,
      "num_hidden_layers": 4,
      "num_attention_heads": 4,
      "num_key_value_heads": 4,
      "hidden_act": "silu",
      "max_position_embeddings": 512,
      "rms_norm_eps": 1e-05,
      "rope_theta": 10000.0,
      "tie_word_embeddings": true,
      "initializer_range": 0.02,
      "bos_token_id": 0,
      "eos_token_id": 0
    },
    "tokenizer": "data/teachers/small"
  },
  "data": {
    "train": [
      {
        "path": "data/text/novels/train.jsonl",
        "format": "jsonl-text"
      },
      {
        "path": "data/text/novels/recall.jsonl",
        "format": "jsonl-text"
      }
    ],
    "validation": [
      {
        "path": "data/text/novels/validation.jsonl",
        "format": "jsonl-text"
      }
    ],
    "test": [
      {
        "path": "data/text/novels/test.jsonl",
        "format": "jsonl-text"
      }
    ],
    "sequenceLength": 512,
    "validationSequences": 32
  },
  "stages": [
    {
      "stage": "pretrain",
      "steps": 2400,
      "batchSize": 8,
      "gradientAccumulation": 1,
      "optimizer": {
        "learningRate": 0.003,
        "betas": [
          0.9,
          0.95
        ],
        "weightDecay": 0.1,
        "clipGradientNorm": 1
      },
      "schedule": {
        "kind": "cosine",
        "warmupSteps": 100,
        "finalLearningRate": 0.0001
      },
      "evaluateEvery": 200,
      "checkpointEvery": 400,
      "dtype": "float16"
    },
    {
      "stage": "evaluate",
      "measureSpeed": false
    }
  ]
}

"""#
    ),
    (
      "study-feature-maps",
      #"""
{
  "name": "study-feature-maps",
  "description": "A study: every feature map converted on the small teacher and trained to recall.",
  "recipes": [
    {
      "name": "conversion",
      "path": "quick/hedgehog.json"
    },
    {
      "name": "recall",
      "path": "quick/recall-from-scratch.json"
    }
  ],
  "variants": [
    {
      "name": "softmax",
      "recipes": [
        "recall"
      ],
      "set": [
        "student=null"
      ]
    },
    {
      "name": "hedgehog",
      "set": [
        "student.featureMap={\"kind\": \"softmax\", \"bias\": true, \"biasShape\": \"coordinate\"}"
      ]
    },
    {
      "name": "hedgehog-exponential",
      "set": [
        "student.featureMap={\"kind\": \"exponential\", \"bias\": true, \"biasShape\": \"coordinate\"}"
      ]
    },
    {
      "name": "t2r",
      "set": [
        "student.featureMap={\"kind\": \"t2r\"}"
      ]
    },
    {
      "name": "relu-trained",
      "set": [
        "student.featureMap={\"kind\": \"relu\"}"
      ]
    },
    {
      "name": "1+elu-trained",
      "set": [
        "student.featureMap={\"kind\": \"one-plus-elu\"}"
      ]
    },
    {
      "name": "1+elu",
      "set": [
        "student.featureMap={\"kind\": \"one-plus-elu\", \"projection\": \"none\"}"
      ]
    },
    {
      "name": "relu",
      "set": [
        "student.featureMap={\"kind\": \"relu\", \"projection\": \"none\"}"
      ]
    },
    {
      "name": "performer",
      "set": [
        "student.featureMap={\"kind\": \"performer\"}"
      ]
    },
    {
      "name": "cosformer",
      "set": [
        "student.featureMap={\"kind\": \"cosformer\", \"maximumLength\": 256}"
      ]
    },
    {
      "name": "taylor",
      "set": [
        "student.featureMap={\"kind\": \"taylor\"}"
      ]
    },
    {
      "name": "exp-1",
      "set": [
        "student.featureMap={\"kind\": \"exp\", \"temperature\": 1}"
      ]
    },
    {
      "name": "exp-2",
      "set": [
        "student.featureMap={\"kind\": \"exp\", \"temperature\": 2}"
      ]
    },
    {
      "name": "dpfp",
      "set": [
        "student.featureMap={\"kind\": \"dpfp\"}"
      ]
    }
  ],
  "columns": [
    {
      "title": "recall from scratch",
      "recipe": "recall",
      "measure": "accuracy"
    },
    {
      "title": "entropy",
      "recipe": "conversion",
      "measure": "studentEntropy"
    },
    {
      "title": "teacher's",
      "recipe": "conversion",
      "measure": "teacherEntropy"
    },
    {
      "title": "monotonicity",
      "recipe": "conversion",
      "measure": "monotonicity"
    },
    {
      "title": "attention KL",
      "recipe": "conversion",
      "measure": "attentionDivergence"
    },
    {
      "title": "perplexity",
      "recipe": "conversion",
      "measure": "studentPerplexity"
    },
    {
      "title": "ratio",
      "recipe": "conversion",
      "measure": "perplexityRatio"
    }
  ]
}

"""#
    ),
  ]
}
