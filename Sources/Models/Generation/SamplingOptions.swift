import Documents
import Operations

/// How the next token is chosen: greedily, unless a temperature is given.
public struct SamplingOptions: Sendable, Equatable {
  /// 0 is greedy.
  public var temperature: Double
  /// Only so many most probable tokens are drawn from; nil for all.
  public var topK: Int?
  /// Only the most probable tokens that together have this probability are drawn from; nil for all.
  public var topP: Double?
  /// Every draw is keyed by it.
  public var seed: UInt64

  /// The most probable token, always.
  public static let greedy = SamplingOptions()

  private init() { (temperature, topK, topP, seed) = (0, nil, nil, 0) }

  /// - Throws: `GenerationError.options` for values out of range, and for `topK` and `topP` without
  ///   a temperature, which would silently do nothing.
  public init(
    temperature: Double = 0, topK: Int? = nil, topP: Double? = nil, seed: UInt64 = 0
  ) throws {
    if !(temperature >= 0 && temperature.isFinite) {
      throw GenerationError.options("the temperature is \(temperature), expected 0 or more")
    }
    if let topK, topK < 1 {
      throw GenerationError.options("top-k is \(topK), expected at least 1 token")
    }
    if let topP, !(topP > 0 && topP <= 1) {
      throw GenerationError.options("top-p is \(topP), expected more than 0 and at most 1")
    }
    if temperature == 0, topK != nil || topP != nil {
      throw GenerationError.options(
        "top-k and top-p choose among random draws, but the temperature is 0, which always takes "
          + "the most probable token; give a temperature too, 1 for the model's own probabilities")
    }
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }

  /// What a `generation_config.json` asks for; nil where it asks for no draws.
  ///
  /// - Throws: `GenerationError.options` for values out of range.
  public init?(generation: JSONValue?, seed: UInt64) throws {
    guard let generation, generation["do_sample"]?.boolValue == true else { return nil }
    // What transformers takes where the file says nothing; 0 and 1 stand for no limit.
    let topK = generation["top_k"].map { $0.intValue ?? 0 } ?? 50
    let topP = generation["top_p"]?.doubleValue ?? 1
    try self.init(
      temperature: generation["temperature"]?.doubleValue ?? 1, topK: topK > 0 ? topK : nil,
      topP: topP < 1 ? topP : nil, seed: seed)
  }

  /// Settings of a `generation_config.json` that would change what is drawn and that nothing here applies,
  /// by name.
  static func unapplied(in generation: JSONValue) -> [String] {
    let neutral: [(key: String, value: Double)] = [
      ("repetition_penalty", 1), ("encoder_repetition_penalty", 1), ("no_repeat_ngram_size", 0),
      ("min_p", 0), ("typical_p", 1), ("epsilon_cutoff", 0), ("eta_cutoff", 0), ("top_h", 0),
      ("penalty_alpha", 0), ("num_beams", 1), ("num_beam_groups", 1), ("guidance_scale", 1),
    ]
    let lists = [
      "bad_words_ids", "force_words_ids", "suppress_tokens", "begin_suppress_tokens",
      "sequence_bias", "forced_bos_token_id", "forced_eos_token_id",
    ]
    return neutral.filter { generation[$0.key]?.doubleValue ?? $0.value != $0.value }.map(\.key)
      + lists.filter { generation[$0].map { !$0.isNull } ?? false }
  }

  /// How a `generation_config.json` has a model sampled, for the one who runs it.
  public func notice(of generation: JSONValue) -> String {
    let unapplied = Self.unapplied(in: generation)
    return "sampling as generation_config.json says: \(description)"
      + (unapplied.isEmpty ? "" : ", but without its \(unapplied.joined(separator: ", "))")
      + "; --temperature 0 takes the most probable tokens"
  }

  /// The options as a JSON object.
  public var document: JSONValue {
    var members = JSONObject([("temperature", .number(temperature))])
    if let topK { members["topK"] = .integer(topK) }
    if let topP { members["topP"] = .number(topP) }
    if temperature > 0 { members["seed"] = .string(String(seed)) }
    return .object(members)
  }

  /// The options in words.
  public var description: String {
    if temperature == 0 { return "the most probable token" }
    return
      (["temperature \(temperature)"]
      + [topK.map { "top-k \($0)" }, topP.map { "top-p \($0)" }]
      .compactMap { $0 }).joined(separator: ", ")
  }

  /// Temperature first, then top-k, then top-p: the order of transformers.
  package var sampler: any TokenSampler {
    if temperature == 0 { return GreedySampler() }
    var filters: [any CandidateFilter] = [TemperatureFilter(temperature)]
    if let topK { filters.append(TopKFilter(topK)) }
    if let topP { filters.append(TopPFilter(topP)) }
    return RandomSampler(filters: filters, seed: seed)
  }
}
