import Documents
import Models

/// What completions and chats have in common.
struct GenerationFields {
  var model: String?
  var sampling: SamplingOptions?
  var maximumTokens: Int?
  var stopWords: [String]
  var choices: Int
  var isStreamed: Bool
  var ignoresEnd: Bool
  var includesUsage: Bool

  /// Fields that change nothing here: who asks, and where a provider keeps what.
  private static let ignored = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "parallel_tool_calls",
  ]
  /// Fields that would change the answer, with the values that ask for nothing.
  private static let neutral: [(key: String, values: [JSONValue])] = [
    ("frequency_penalty", [0]), ("presence_penalty", [0]), ("repetition_penalty", [1]),
    ("logit_bias", [[:]]), ("suffix", [""]), ("tools", [[]]), ("functions", [[]]),
    ("tool_choice", ["none", "auto"]), ("function_call", ["none", "auto"]),
    ("response_format", [["type": "text"]]), ("modalities", [["text"]]), ("min_p", [0]),
  ]

  init(_ reader: DocumentReader, limits: ServingLimits, own: SamplingOptions?) {
    model = reader.optionalString("model", "the model's name")
    choices = reader.optionalInteger("n", in: 1...16, "continuations of each prompt") ?? 1
    isStreamed = reader.optionalBoolean("stream", "whether text is sent as it is made") ?? false
    ignoresEnd =
      reader.optionalBoolean("ignore_eos", "whether a choice goes on after the text's end") ?? false
    includesUsage =
      reader.optionalObject("stream_options", "what a stream tells beside its text") {
        let usage = $0.optionalBoolean("include_usage", "whether it ends with the counts of tokens")
        _ = $0.optionalBoolean("include_obfuscation", "has no effect")
        return usage ?? false
      } ?? false
    maximumTokens = reader.optionalInteger(
      "max_tokens", in: 0...limits.newTokens, "tokens to generate at most")
    stopWords = Self.stopWords(reader)
    sampling = Self.sampling(reader, own: own)
    for key in Self.ignored { _ = reader.any(key, "has no effect") }
    for (key, values) in Self.neutral {
      guard let value = reader.any(key, "is not offered"), !value.isNull else { continue }
      let number = value.doubleValue
      if values.contains(where: {
        $0 == value || ($0.doubleValue != nil && $0.doubleValue == number)
      }) {
        continue
      }
      reader.report(
        key, "found \(value.kindDescription), which this server does not offer; leave it out")
    }
  }

  private static func stopWords(_ reader: DocumentReader) -> [String] {
    guard let value = reader.any("stop", "texts before which generation ends"), !value.isNull else {
      return []
    }
    let words = value.arrayValue ?? [value]
    let texts = words.compactMap(\.stringValue).filter { !$0.isEmpty }
    if texts.count != words.count || texts.count > 16 {
      reader.report(
        "stop",
        "found \(value.kindDescription), expected a text or an array of at most 16, none empty")
    }
    return texts
  }

  /// Without a temperature as the model's `generation_config.json` says, and otherwise by its own
  /// probabilities, as OpenAI's does.
  private static func sampling(_ reader: DocumentReader, own: SamplingOptions?) -> SamplingOptions?
  {
    let temperature = reader.optionalNumber(
      "temperature", in: 0...2, "0 takes the most probable token")
    let topP = reader.optionalNumber(
      "top_p", in: 0...1, above: 0, "draws from the most probable tokens of this probability")
    let topK = reader.optionalInteger(
      "top_k", "draws from this many most probable tokens; 0 for all")
    let seed = reader.optionalInteger("seed", in: Int.min...Int.max, "the same draws the same")
    let number = seed.map { UInt64(bitPattern: Int64($0)) } ?? .random(in: .min ... .max)
    if temperature == nil, topP == nil, topK == nil, var own {
      own.seed = number
      return own
    }
    if temperature == 0 { return SamplingOptions.greedy }
    do {
      return try SamplingOptions(
        temperature: temperature ?? 1, topK: topK == 0 ? nil : topK, topP: topP == 1 ? nil : topP,
        seed: number)
    } catch {
      reader.report("temperature", "\(error)")
      return nil
    }
  }
}

extension DocumentReader {
  /// `true` or `false`, or left out, or null.
  func optionalBoolean(_ key: String, _ meaning: String) -> Bool? {
    isGiven(key) ? boolean(key, default: false, meaning) : any(key, meaning).flatMap { _ in nil }
  }
}
