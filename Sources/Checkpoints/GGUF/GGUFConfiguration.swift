import Documents

/// A `config.json` made of GGUF's metadata, in Hugging Face's spelling.
struct GGUFConfiguration {
  private(set) var document = JSONObject()
  private(set) var problems: [CheckpointError.Problem] = []
  private(set) var heads = 0
  private(set) var keyValueHeads = 0

  private let file: GGUFFile
  private let architecture: GGUFArchitecture

  init(_ file: GGUFFile, _ architecture: GGUFArchitecture) {
    self.file = file
    self.architecture = architecture
    heads = integer("attention.head_count")
    keyValueHeads = has("attention.head_count_kv") ? integer("attention.head_count_kv") : heads
    refuseExperts()
    switch architecture {
    case .llama, .qwen2, .qwen3: describeLlama()
    case .gpt2: describeGPT2()
    case .gptNeoX: describeGPTNeoX()
    }
    describeVocabulary()
  }

  // MARK: Families

  private mutating func describeLlama() {
    let hidden = integer("embedding_length")
    let headDim = has("attention.key_length") ? integer("attention.key_length") : hidden / heads
    let window = has("attention.sliding_window") ? integer("attention.sliding_window") : nil
    // Mistral is written as llama; only its window tells them apart.
    let isMistral = architecture == .llama && window != nil
    document["model_type"] = isMistral ? "mistral" : .string(architecture.rawValue)
    document["hidden_size"] = .integer(hidden)
    document["num_hidden_layers"] = .integer(integer("block_count"))
    document["num_attention_heads"] = .integer(heads)
    document["num_key_value_heads"] = .integer(keyValueHeads)
    document["head_dim"] = .integer(headDim)
    document["intermediate_size"] = .integer(integer("feed_forward_length"))
    document["hidden_act"] = "silu"
    document["rms_norm_eps"] = .number(number("attention.layer_norm_rms_epsilon"))
    document["max_position_embeddings"] = .integer(integer("context_length"))
    document["rope_theta"] = .number(has("rope.freq_base") ? number("rope.freq_base") : 10_000)
    if has("attention.value_length"), integer("attention.value_length") != headDim {
      problems.append(
        .init(
          key("attention.value_length"), found: "\(integer("attention.value_length"))",
          expected: "the keys' length, \(headDim)"))
    }
    if has("rope.dimension_count") {
      let rotary = integer("rope.dimension_count")
      if rotary != headDim {
        document["partial_rotary_factor"] = .number(Double(rotary) / Double(max(1, headDim)))
      }
    }
    if let window {
      document["sliding_window"] = .integer(window)
      if !isMistral { document["use_sliding_window"] = true }
    }
    if architecture == .llama {
      document["attention_bias"] = .bool(hasTensor("blk.0.attn_q.bias"))
      document["mlp_bias"] = .bool(hasTensor("blk.0.ffn_up.bias"))
    }
    describeRopeScaling(headDim: headDim)
  }

  private mutating func describeGPT2() {
    document["model_type"] = "gpt2"
    document["n_embd"] = .integer(integer("embedding_length"))
    document["n_layer"] = .integer(integer("block_count"))
    document["n_head"] = .integer(heads)
    document["n_inner"] = .integer(integer("feed_forward_length"))
    document["n_positions"] = .integer(integer("context_length"))
    document["layer_norm_epsilon"] = .number(number("attention.layer_norm_epsilon"))
    document["activation_function"] = "gelu_new"
    // Hugging Face stores these matrices [inputs, outputs], GGUF [outputs, inputs].
    document["linearize_conv1d_transposed"] = true
  }

  private mutating func describeGPTNeoX() {
    let hidden = integer("embedding_length")
    document["model_type"] = "gpt_neox"
    document["hidden_size"] = .integer(hidden)
    document["num_hidden_layers"] = .integer(integer("block_count"))
    document["num_attention_heads"] = .integer(heads)
    document["intermediate_size"] = .integer(integer("feed_forward_length"))
    document["max_position_embeddings"] = .integer(integer("context_length"))
    document["layer_norm_eps"] = .number(number("attention.layer_norm_epsilon"))
    document["hidden_act"] = "gelu"
    document["rotary_emb_base"] = .number(
      has("rope.freq_base") ? number("rope.freq_base") : 10_000)
    let headDim = max(1, hidden / heads)
    document["rotary_pct"] = .number(
      has("rope.dimension_count")
        ? Double(integer("rope.dimension_count")) / Double(headDim) : 1)
    document["use_parallel_residual"] = value("use_parallel_residual") ?? true
  }

  private mutating func describeVocabulary() {
    if let embedding = tensor("token_embd.weight"), embedding.shape.count == 2 {
      document["vocab_size"] = .integer(embedding.shape[0])
    } else {
      problems.append(
        .init("tensor token_embd.weight", found: "no such matrix", expected: "the embeddings"))
    }
    document["tie_word_embeddings"] = .bool(!hasTensor("output.weight"))
    for (name, key) in [
      ("bos_token_id", "bos_token_id"), ("eos_token_id", "eos_token_id"),
      ("padding_token_id", "pad_token_id"),
    ] {
      if let id = file.metadata["tokenizer.ggml.\(name)"]?.intValue {
        document[key] = .integer(id)
      }
    }
  }

  private mutating func refuseExperts() {
    guard let experts = value("expert_count"), experts.intValue != 0 else { return }
    problems.append(
      .init(key("expert_count"), found: experts.kindDescription, expected: "no experts"))
  }

  // MARK: Rotary scaling

  private mutating func describeRopeScaling(headDim: Int) {
    if let type = value("rope.scaling.type")?.stringValue, type != "none" {
      var scaling = JSONObject([("rope_type", .string(type))])
      scaling["factor"] = .number(number("rope.scaling.factor"))
      if let original = value("rope.scaling.original_context_length") {
        scaling["original_max_position_embeddings"] = original
      }
      document["rope_scaling"] = .object(scaling)
    }
    guard let factors = tensor("rope_freqs.weight") else { return }
    do throws(CheckpointError) {
      let divisors = try file.stored(factors).widened().elements
      let theta = document["rope_theta"]?.doubleValue ?? 10_000
      guard let scaling = RopeFactors.scaling(of: divisors, headDim: headDim, theta: theta) else {
        problems.append(
          .init(
            "tensor rope_freqs.weight", found: "\(divisors.count) divisors of frequencies",
            expected:
              "those of Llama 3's scaling (low_freq_factor 1, high_freq_factor 4), or no scaling"))
        return
      }
      if scaling.count > 0 { document["rope_scaling"] = .object(scaling) }
    } catch {
      problems += error.problems
    }
  }

  // MARK: Metadata

  private func key(_ name: String) -> String { "\(architecture.rawValue).\(name)" }
  private func value(_ name: String) -> JSONValue? { file.metadata[key(name)] }
  private func has(_ name: String) -> Bool { value(name) != nil }
  private func tensor(_ name: String) -> TensorDescription? {
    file.tensors.first { $0.name == name }
  }
  private func hasTensor(_ name: String) -> Bool { tensor(name) != nil }

  /// A positive integer; some converters write one for each layer, which must then be equal.
  private mutating func integer(_ name: String) -> Int {
    var found = value(name)
    if let elements = found?.arrayValue, let first = elements.first,
      elements.allSatisfy({ $0 == first })
    {
      found = first
    }
    if let integer = found?.intValue, integer > 0, integer <= 1 << 31 { return integer }
    problems.append(
      .init(
        key(name), found: found?.kindDescription ?? "nothing", expected: "a positive integer"))
    return 1
  }

  private mutating func number(_ name: String) -> Double {
    if let number = value(name)?.doubleValue, number.isFinite, number > 0 { return number }
    problems.append(
      .init(
        key(name), found: value(name)?.kindDescription ?? "nothing", expected: "a positive number"))
    return 1
  }
}
