import Checkpoints
import Documents
import Operations
import Testing
import Transformers

@Suite struct ConfigurationTests {
  private func read(
    _ name: String, _ changes: JSONObject, _ spelling: TeacherGolden.Spelling = .version4
  ) throws -> DecoderConfiguration {
    let golden = TeacherGolden(name, name == "gpt2" ? .current : spelling)
    var configuration = try #require(try golden.source().configuration.objectValue)
    // null removes a key.
    for (key, value) in changes.members { configuration[key] = value.isNull ? nil : value }
    return try TeacherFamilies.read(.object(configuration), location: "tiny")
      .architecture.configuration
  }

  /// What is wrong with the golden's configuration after some keys were set.
  private func problems(
    _ name: String, _ changes: JSONObject, _ spelling: TeacherGolden.Spelling = .version4
  ) throws -> [String] {
    do {
      _ = try read(name, changes, spelling)
      return []
    } catch let error as ModelError { return error.problems }
  }

  @Test(arguments: TeacherGolden.namesOfTwoSpellings)
  func `both spellings of a configuration read the same`(name: String) throws {
    #expect(try read(name, [:], .current) == read(name, [:], .version4))
  }

  @Test func `an unknown family is answered with the known ones`() throws {
    let known = TeacherFamilies.all.map { $0.modelType }.joined(separator: ", ")
    #expect(known.hasPrefix("llama, mistral, qwen2, qwen3, gpt2, gpt_neox, bert"))
    #expect(
      try problems("llama", ["model_type": "mamba"]) == [
        "the model family \"mamba\" is not known; known are \(known)"
      ])
    #expect(
      try problems("llama", ["model_type": nil]) == [
        "configuration: model_type is missing, expected one of \(known)"
      ])
  }

  @Test func `missing keys and values of the wrong kind are listed together`() throws {
    let found = try problems(
      "llama",
      [
        "hidden_size": nil, "num_hidden_layers": "two", "vocab_size": -3,
        "intermediate_size": 2.5, "tie_word_embeddings": 1, "rms_norm_eps": "small",
      ])
    #expect(
      found == [
        "configuration: hidden_size is missing, expected an integer from 1 to 134217728",
        """
        configuration: num_hidden_layers is the string "two", expected an integer from 1 to 4096
        """,
        "configuration: intermediate_size is the number 2.5, expected an integer from 1 to 134217728",
        "configuration: vocab_size is the integer -3, expected an integer from 1 to 134217728",
        "configuration: tie_word_embeddings is the integer 1, expected true or false",
        """
        configuration: rms_norm_eps is the string "small", expected a positive number
        """,
      ])
  }

  @Test func `rope scaling that is not known is named, in both spellings`() throws {
    let expected = { (key: String) in
      [
        """
        configuration: \(key).rope_type "axial" is not supported; known are default, linear, \
        dynamic, llama3, yarn, longrope
        """
      ]
    }
    let older = try problems("llama", ["rope_scaling": ["type": "axial", "factor": 4]])
    #expect(older == expected("rope_scaling"))
    let newer = try problems("llama", ["rope_scaling": ["rope_type": "axial", "factor": 4]])
    #expect(newer == expected("rope_scaling"))
    let current = try problems(
      "llama", ["rope_parameters": ["rope_type": "axial", "rope_theta": 10000]], .current)
    #expect(current == expected("rope_parameters"))
  }

  @Test func `rope scaling without its numbers, or with useless ones, is refused`() throws {
    var found = try problems(
      "llama", ["rope_scaling": ["rope_type": "llama3", "factor": "eight"]])
    #expect(
      found == [
        "configuration: rope_scaling.low_freq_factor is missing, expected a positive number",
        "configuration: rope_scaling.high_freq_factor is missing, expected a positive number",
        """
        configuration: rope_scaling.factor is the string "eight", expected a positive number
        """,
      ])
    found = try problems("llama", ["rope_scaling": ["type": "linear", "factor": 0]])
    #expect(
      found == [
        "configuration: rope_scaling.factor is the integer 0, expected a positive number"
      ])
    let scaling: JSONValue = [
      "rope_type": "llama3", "factor": 8, "low_freq_factor": 2, "high_freq_factor": 2,
      "original_max_position_embeddings": 16,
    ]
    found = try problems("llama", ["rope_scaling": scaling])
    #expect(
      found == [
        """
        configuration: rope_scaling.high_freq_factor is 2.0, expected more than low_freq_factor, 2.0
        """
      ])
    found = try problems("llama", ["rope_scaling": "linear"])
    #expect(found == ["configuration: rope_scaling is the string \"linear\", expected an object"])
    found = try problems("llama", ["rope_theta": -1])
    #expect(
      found == ["configuration: rope_theta is the integer -1, expected a positive number"])
    found = try problems("llama", ["partial_rotary_factor": 0.5])
    #expect(
      found == ["configuration: partial_rotary_factor is 0.5, but this family rotates whole heads"])
    found = try problems("llama", ["rope_scaling": ["full_attention": ["rope_type": "default"]]])
    #expect(
      found == [
        "configuration: rope_scaling differs by layer types, which this family does not have"
      ])
  }

  @Test func `heads that do not divide are named with their numbers`() throws {
    #expect(
      try problems("llama", ["num_key_value_heads": 3]) == [
        "configuration: num_attention_heads 4 is not a multiple of num_key_value_heads 3"
      ])
    let five = try problems(
      "llama", ["num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": nil])
    #expect(
      five == ["configuration: hidden_size 32 is not a multiple of num_attention_heads 5"])
    #expect(
      try problems("gpt2", ["n_head": 5]) == [
        "configuration: n_embd 32 is not a multiple of n_head 5"
      ])
  }

  @Test func `a block is gated with any activation, which must be known`() throws {
    #expect(try read("llama", [:]).feedForward == .gated(.silu))
    #expect(try read("llama", ["hidden_act": "gelu_new"]).feedForward == .gated(.geluTanh))
    #expect(
      try problems("gpt-neox-parallel", ["hidden_act": "mish"]) == [
        """
        configuration: hidden_act "mish" is not supported; known are gelu, gelu_fast, gelu_new, \
        gelu_pytorch_tanh, relu, silu, swish
        """
      ])
    #expect(try problems("gpt-neox-parallel", ["hidden_act": "relu"]) == [])
  }

  @Test(arguments: [0.05, 0.19, 1.5, 1e300])
  func `the rotary part of a head must be an even number of its coordinates`(fraction: Double)
    throws
  {
    let found = try problems("gpt-neox-parallel", ["rotary_pct": .number(fraction)])
    #expect(found.count == 1)
    #expect(found[0].hasPrefix("configuration: rotary part of a head is \(fraction) x 16"))
  }

  @Test func `GPT-2's variants that are not supported say so`() throws {
    #expect(
      try problems(
        "gpt2", ["scale_attn_by_inverse_layer_idx": true, "reorder_and_upcast_attn": true]) == [
          "configuration: scale_attn_by_inverse_layer_idx is not supported",
          "configuration: reorder_and_upcast_attn is not supported",
        ])
    #expect(try read("gpt2", ["scale_attn_weights": false]).attention.scale == 1)
    #expect(try read("gpt2", [:]).attention.scale == 1 / Float(8).squareRoot())
  }

  @Test func `Qwen's window counts only where it is switched on, and from its layer on`() throws {
    let windows = { (changes: JSONObject) in try read("qwen2", changes).slidingWindows }
    #expect(try windows(["sliding_window": 5]) == [nil, nil])
    #expect(try windows(["sliding_window": 5, "use_sliding_window": true]) == [nil, nil])
    #expect(
      try windows(["sliding_window": 5, "use_sliding_window": true, "max_window_layers": 1])
        == [nil, 5])
    #expect(
      try windows(["sliding_window": 5, "use_sliding_window": true, "max_window_layers": 0])
        == [5, 5])
    #expect(
      try windows([
        "sliding_window": 5, "use_sliding_window": true,
        "layer_types": ["sliding_attention", "full_attention"],
      ]) == [5, nil])
  }

  @Test(arguments: [
    "hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size", "head_dim",
    "num_attention_heads", "max_position_embeddings", "sliding_window",
  ])
  func `sizes that no model has are refused before memory is asked for`(key: String) throws {
    let found = try problems("mistral", [key: .integer(Int.max)])
    #expect(found.contains { $0.hasPrefix("configuration: \(key) is the integer \(Int.max)") })
    let family = try problems("gpt2", ["n_embd": .integer(1 << 62), "n_inner": nil])
    #expect(family.contains { $0.hasPrefix("configuration: n_embd is the integer") })
  }

  @Test func `sizes that are large but allowed end in missing tensors, not in memory`() throws {
    for (name, key) in [("gpt2", "n_embd"), ("gpt-neox-parallel", "hidden_size")] {
      let golden = TeacherGolden(name)
      let source = try golden.source()
      var configuration = try #require(source.configuration.objectValue)
      configuration[key] = .integer(1 << 26)
      #expect(throws: ModelError.self) {
        try Decoder(
          configuration: .object(configuration), tensors: source.tensors, location: "large")
      }
    }
  }
}
