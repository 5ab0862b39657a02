import Checkpoints
import Documents
import Models
import Students
import TensorCore
import Transformers

/// Checkpoints of tiny random models with a tokenizer of 40 tokens, written to folders.
package enum TinyCheckpoint {
  package static let vocabularySize = 40

  /// Two query heads that share one of keys and values.
  package static func llama(layers: Int = 2, headDim: Int = 8) -> (
    configuration: JSONValue, shapes: [String: Shape]
  ) {
    let width = 2 * headDim
    var shapes: [String: Shape] = [
      "model.embed_tokens.weight": [40, width], "model.norm.weight": [width],
    ]
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)"
      shapes["\(prefix).input_layernorm.weight"] = [width]
      shapes["\(prefix).post_attention_layernorm.weight"] = [width]
      shapes["\(prefix).self_attn.q_proj.weight"] = [width, width]
      shapes["\(prefix).self_attn.k_proj.weight"] = [headDim, width]
      shapes["\(prefix).self_attn.v_proj.weight"] = [headDim, width]
      shapes["\(prefix).self_attn.o_proj.weight"] = [width, width]
      shapes["\(prefix).mlp.gate_proj.weight"] = [24, width]
      shapes["\(prefix).mlp.up_proj.weight"] = [24, width]
      shapes["\(prefix).mlp.down_proj.weight"] = [width, 24]
    }
    return (
      [
        "model_type": "llama", "hidden_size": .integer(width),
        "num_hidden_layers": .integer(layers),
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": .integer(headDim),
        "intermediate_size": 24, "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "max_position_embeddings": 32, "rope_theta": 10000.0, "vocab_size": 40,
        "tie_word_embeddings": true, "torch_dtype": "float32",
      ], shapes
    )
  }

  /// Learned positions, 24 of them.
  package static func gpt2() -> (configuration: JSONValue, shapes: [String: Shape]) {
    var shapes: [String: Shape] = [
      "transformer.wte.weight": [40, 16], "transformer.wpe.weight": [24, 16],
      "transformer.ln_f.weight": [16], "transformer.ln_f.bias": [16],
    ]
    let prefix = "transformer.h.0"
    for norm in ["ln_1", "ln_2"] {
      shapes["\(prefix).\(norm).weight"] = [16]
      shapes["\(prefix).\(norm).bias"] = [16]
    }
    for (name, inputs, outputs) in [
      ("attn.c_attn", 16, 48), ("attn.c_proj", 16, 16), ("mlp.c_fc", 16, 32),
      ("mlp.c_proj", 32, 16),
    ] {
      shapes["\(prefix).\(name).weight"] = [inputs, outputs]
      shapes["\(prefix).\(name).bias"] = [outputs]
    }
    return (
      [
        "model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "n_inner": 32,
        "n_positions": 24, "vocab_size": 40,
      ], shapes
    )
  }

  package static func gptNeoX() -> (configuration: JSONValue, shapes: [String: Shape]) {
    var shapes: [String: Shape] = [
      "gpt_neox.embed_in.weight": [40, 16], "embed_out.weight": [40, 16],
      "gpt_neox.final_layer_norm.weight": [16], "gpt_neox.final_layer_norm.bias": [16],
    ]
    let prefix = "gpt_neox.layers.0"
    for norm in ["input_layernorm", "post_attention_layernorm"] {
      shapes["\(prefix).\(norm).weight"] = [16]
      shapes["\(prefix).\(norm).bias"] = [16]
    }
    for (name, inputs, outputs) in [
      ("attention.query_key_value", 16, 48), ("attention.dense", 16, 16),
      ("mlp.dense_h_to_4h", 16, 32), ("mlp.dense_4h_to_h", 32, 16),
    ] {
      shapes["\(prefix).\(name).weight"] = [outputs, inputs]
      shapes["\(prefix).\(name).bias"] = [outputs]
    }
    return (
      [
        "model_type": "gpt_neox", "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32, "hidden_act": "gelu",
        "max_position_embeddings": 32, "rotary_pct": 0.25, "vocab_size": 40,
        "layer_norm_eps": 1e-5, "use_parallel_residual": true, "tie_word_embeddings": false,
      ], shapes
    )
  }

  /// Rotated by one list of factors in sequences up to 20 tokens, by another in longer ones.
  package static func phi3() -> (configuration: JSONValue, shapes: [String: Shape]) {
    var (configuration, shapes) = llama(layers: 1)
    let prefix = "model.layers.0"
    for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
      + ["mlp.gate_proj", "mlp.up_proj"]
    {
      shapes["\(prefix).\(name).weight"] = nil
    }
    shapes["\(prefix).self_attn.qkv_proj.weight"] = [32, 16]
    shapes["\(prefix).mlp.gate_up_proj.weight"] = [48, 16]
    var members = configuration.objectValue!
    members["model_type"] = "phi3"
    members["max_position_embeddings"] = 40
    members["original_max_position_embeddings"] = 20
    members["rope_scaling"] = [
      "type": "longrope", "short_factor": [1.0, 1.0, 1.1, 1.2],
      "long_factor": [1.0, 2.0, 3.0, 4.0],
    ]
    configuration = .object(members)
    return (configuration, shapes)
  }

  /// Weights are a function of their names.
  package static func write(
    _ model: (configuration: JSONValue, shapes: [String: Shape]), to folder: String,
    tokenizer: Bool = true
  ) throws {
    let tensors = model.shapes.sorted { $0.key < $1.key }.map { name, shape in
      var generator = SeededGenerator(seed: 1, purpose: name)
      let isNorm = shape.rank == 1 && name.hasSuffix("weight")
      return (
        name: name,
        tensor: StoredTensor(
          Tensor.uniform(shape, in: isNorm ? 0.5...1.5 : -0.5...0.5, using: &generator))
      )
    }
    try SafetensorsWriter().write(tensors, into: folder)
    try DocumentFile("\(folder)/config.json").replace(with: model.configuration.pretty)
    guard tokenizer else { return }
    try DocumentFile("\(folder)/tokenizer.json").replace(with: tokenizerDocument.pretty)
    let configuration: JSONValue = ["eos_token": "<end>", "tokenizer_class": "GPT2Tokenizer"]
    try DocumentFile("\(folder)/tokenizer_config.json").replace(with: configuration.pretty)
  }

  /// Letters, digits, space and a few pairs; id 0 ends a text.
  package static var tokenizerDocument: JSONValue {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789Ġ".map(String.init)
    let tokens = ["<end>"] + letters + ["th", "the"]
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": [
        [
          "id": 0, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
          "normalized": false, "special": true,
        ]
      ],
      "normalizer": nil,
      "pre_tokenizer": [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
      ],
      "post_processor": nil,
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ],
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": false,
        "vocab": .object(
          JSONObject(tokens.enumerated().map { (key: $0.element, value: .integer($0.offset)) })),
        "merges": [["t", "h"], ["th", "e"]],
      ],
    ]
  }

  /// A student of the teacher in `folder`: its artefact, with mixers and adapters moved away from
  /// their starts.
  package static func writeStudent(
    of folder: String, to path: String, rank: Int = 2,
    student: JSONValue = ["mixer": "terrace-window", "windowSize": 4, "sinks": 1]
  ) throws {
    let teacher = try LoadedModel.open(folder)
    let targets = AttentionProjection.allCases
    var artefact = StudentArtefact(
      student: student, seed: 7, teacherPath: folder,
      teacherDigest: try teacher.source.contentDigest(),
      adapters: .init(rank: rank, alpha: 4, targets: targets), stage: "low-rank-adaptation",
      program: "linearize test", recipe: .null, tensors: [])
    let decoder = teacher.decoder
    try decoder.install(
      try DocumentReader.read(student, at: "$.student") { StudentSpecification($0) }, seed: 7,
      location: path)
    decoder.addAdapters(targets, rank: rank, alpha: 4, dropout: 0, seed: 7)
    for (name, parameter) in decoder.parameters {
      var generator = SeededGenerator(seed: 3, purpose: name)
      let change = Tensor.uniform(parameter.value.shape, in: -0.3...0.3, using: &generator)
      parameter.value = Tensor(
        zip(parameter.value.elements, change.elements).map { $0 + $1 }, parameter.value.shape)
    }
    artefact.tensors = StudentArtefact.tensors(of: decoder)
    try artefact.write(to: path)
  }
}
